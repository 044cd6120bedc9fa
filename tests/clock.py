"""The moment at which tests take place."""

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
"""A Wednesday morning."""


def days(count: float) -> timedelta:
    """Return a number of days."""
    return timedelta(days=count)


def seconds(count: float) -> timedelta:
    """Return a number of seconds."""
    return timedelta(seconds=count)
