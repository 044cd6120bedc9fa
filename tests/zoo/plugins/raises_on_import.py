"""Raises when it is imported."""

raise RuntimeError("a bug")
