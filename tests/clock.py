"""The moment at which tests take place."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
"""A Wednesday morning."""


def days(count: float) -> timedelta:
    """Return a number of days."""
    return timedelta(days=count)


def seconds(count: float) -> timedelta:
    """Return a number of seconds."""
    return timedelta(seconds=count)


@dataclass
class Clock:
    """A clock that moves when told to."""

    moment: datetime = NOW

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, span: timedelta) -> None:
        """Let time pass."""
        self.moment += span
