"""Small words for sentences that people read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or plural: "1 event", "2 events"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def hint(name: str, known: Iterable[str]) -> str:
    """Return what to say after a name that is unknown: the one that may have been meant, else those there are."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(names) or 'none'}"
