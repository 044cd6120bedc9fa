"""Small words for sentences that people read."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or plural: "1 event", "2 events"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
