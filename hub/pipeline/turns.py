"""Turns: which channels may be used right now, and for how many messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import Connection

from hub.domain.rates import Rate, read_rate
from hub.registry import Configuration
from hub.store import pauses, rates
from hub.store.configuration import Role
from hub.store.rates import Seen

UNLIMITED = 1_000_000


class Waits(Enum):
    """A channel's rate lets no further message go at this moment; soon it will."""

    FOR_ITS_TURN = "waits for its turn"


class Turns:
    """What is left of every channel that works and is not paused.

    A channel with a rate has the tokens of its bucket. One that failed the last time is tried with a single message.
    """

    def __init__(
        self, channels: Iterable[str], *, trial: Collection[str], limits: Mapping[str, Rate], seen: Mapping[str, Seen]
    ) -> None:
        self._limits = limits
        self._seen = seen
        self._trial = frozenset(trial)
        self._left = {channel: self._at_first(channel) for channel in channels}
        self._taken: dict[str, int] = {}

    def _at_first(self, channel: str) -> int:
        tokens = int(self._seen[channel].now.tokens) if channel in self._seen else UNLIMITED
        return min(tokens, 1) if channel in self._trial else tokens

    def usable(self, channels: Sequence[str]) -> list[str]:
        """Return those of a survey's channels that could send, at once or as soon as their rate lets them."""
        return [channel for channel in channels if channel in self._left]

    def room(self, channels: Sequence[str]) -> int:
        """Return how many messages the first usable ones of a survey's channels would take right now."""
        total = 0
        for channel in self.usable(channels):
            total += self._left[channel]
            if channel not in self._trial:
                break
        return total

    def wait(self, channels: Sequence[str]) -> timedelta:
        """Return how long a survey waits until the rate of its first usable channel lets the next message go."""
        channel = self.usable(channels)[0]
        return self._seen[channel].now.wait(self._limits[channel]) if channel in self._seen else timedelta(0)

    def take(self, channels: Sequence[str], tried: Collection[str]) -> str | Waits | None:
        """Return the channel for the next message, the first that was not tried; None when there is none for now.

        Once all of a survey's channels were tried they have another turn. A channel at its rate is waited for: the
        order of failover is about failure, not about speed.
        """
        again = set(channels) <= set(tried)
        for channel in self.usable(channels):
            if channel in tried and not again:
                continue
            if self._left[channel] > 0:
                self._left[channel] -= 1
                self._taken[channel] = self._taken.get(channel, 0) + 1
                return channel
            if channel not in self._trial:
                return Waits.FOR_ITS_TURN
        return Waits.FOR_ITS_TURN if self._trial & set(self.usable(channels)) else None

    def record(self, connection: Connection, now: datetime) -> None:
        """Take what was used out of the buckets, and trials in hand. Raises Stale when another worker was faster."""
        for channel, count in sorted(self._taken.items()):
            if channel in self._seen:
                rates.take(connection, channel, self._seen[channel], count)
            if channel in self._trial:
                pauses.begin_trial(connection, channel, now)


def turns_to_take(connection: Connection, configuration: Configuration, now: datetime) -> Turns:
    """Return the turns of all channels for a worker, which will take some of them."""
    limits = _limits(configuration)
    return _turns(connection, configuration, limits, rates.look_to_take(connection, limits, now), now)


def turns_to_see(connection: Connection, configuration: Configuration, now: datetime) -> Turns:
    """Return the turns of all channels for somebody who only wants to know."""
    limits = _limits(configuration)
    return _turns(connection, configuration, limits, rates.look(connection, limits, now), now)


def _turns(
    connection: Connection,
    configuration: Configuration,
    limits: Mapping[str, Rate],
    seen: Mapping[str, Seen],
    now: datetime,
) -> Turns:
    paused = pauses.paused(connection, now)
    working = [one.id for one in configuration.live(Role.CHANNEL) if one.provider is not None and one.id not in paused]
    return Turns(working, trial=pauses.on_trial(connection, now), limits=limits, seen=seen)


def _limits(configuration: Configuration) -> dict[str, Rate]:
    found = {one.id: read_rate(str(one.stored.options.get("rate", ""))) for one in configuration.live(Role.CHANNEL)}
    return {channel: rate for channel, rate in found.items() if rate is not None}
