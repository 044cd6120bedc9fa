"""Moments and spans as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta

from hub.admin.words import counted

_STEPS = [
    (timedelta(days=365), "year"),
    (timedelta(days=30), "month"),
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
]


def relative(moment: datetime, now: datetime) -> str:
    """Return how far away a moment is, in its largest whole unit: "3 days ago", "in 2 hours"."""
    distance = abs(moment - now)
    for size, unit in _STEPS:
        if distance >= size:
            span = counted(distance // size, unit)
            return f"{span} ago" if moment < now else f"in {span}"
    return "just now" if moment <= now else "in a moment"


def exactly(moment: datetime) -> str:
    """Return a moment with its day and minute."""
    return moment.strftime("%-d %B %Y, %H:%M UTC")
