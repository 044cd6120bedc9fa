"""How fast a channel may send: a number of messages in any span of time, as a token bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_RATE = re.compile(r"(\d{1,9})\s*/\s*(second|minute|hour|day)", re.ASCII)
_BURST_SHARE = 20
"""A twentieth of what is allowed may go at once; the rest is spread over the span."""
_MOST_LAG = timedelta(minutes=5)
"""Machines whose clocks are further apart than this take each other's leases for ended anyway."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """At most `count` messages in any `seconds`, wherever that span begins."""

    count: int
    seconds: int

    @property
    def burst(self) -> int:
        """How many messages may go at once after a rest."""
        return max(1, self.count // _BURST_SHARE)

    @property
    def per_second(self) -> float:
        """How many tokens come back a second: with a full bucket before it, no span holds more than `count`."""
        return (self.count - self.burst + 1) / self.seconds


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The tokens that were there at some moment."""

    tokens: float
    refilled_at: datetime

    def at(self, now: datetime, rate: Rate) -> Bucket:
        """Return the bucket as it is now. A clock that lags behind adds nothing, and takes nothing back.

        One that was set back is believed, at the price of one token: the channel would otherwise stand still until
        the old time came again.
        """
        if self.refilled_at - now > _MOST_LAG:
            return Bucket(tokens=max(1.0, self.tokens), refilled_at=now)
        passed = max(0.0, (now - self.refilled_at).total_seconds())
        tokens = min(float(rate.burst), self.tokens + passed * rate.per_second)
        return Bucket(tokens=tokens, refilled_at=max(now, self.refilled_at))

    def wait(self, rate: Rate) -> timedelta:
        """Return how long it takes until the next message may go; zero when one may go now."""
        return timedelta(seconds=max(0.0, 1 - self.tokens) / rate.per_second)


def full(rate: Rate, now: datetime) -> Bucket:
    """Return the bucket of a channel that has not sent anything yet."""
    return Bucket(tokens=rate.burst, refilled_at=now)


def read_rate(text: str) -> Rate | None:
    """Return the rate that "600/minute" stands for, None for "". Raises ValueError saying what to write instead."""
    if not text.strip():
        return None
    match = _RATE.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError(f'write a number and a unit ({", ".join(UNITS)}), such as "600/minute"')
    return Rate(count=int(match[1]), seconds=UNITS[match[2]])
