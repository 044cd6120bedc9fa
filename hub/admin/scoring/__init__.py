"""Scores, and how many answered."""
