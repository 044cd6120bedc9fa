"""Benchmarks: each stage of the path beside its floor and beside the naive way, in the same run."""
