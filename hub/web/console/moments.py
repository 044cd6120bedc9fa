"""Moments and spans as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.admin.words import counted
from hub.config import ConfigError

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


def typed(name: str, text: str) -> datetime | None:
    """Return the moment that somebody typed or chose, in UTC unless it says a zone; None for none.

    Raises ConfigError naming the field.
    """
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ConfigError([f"{name}: {text[:40]!r} is no time; write one such as 2026-03-01T09:30"]) from None
