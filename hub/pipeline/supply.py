"""Supply: what a worker has in hand and has not given to a channel yet, and how much more it claims when."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from hub import stopping
from hub.domain.world import Person
from hub.failpoints import failpoint
from hub.pipeline.claim import Batch, claim
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import leases
from hub.store.claims import Claimed
from hub.store.configuration import revision

log = logging.getLogger(__name__)

SMALLEST, FIRST, LARGEST = 50, 200, 500
"""How many invitations are claimed at once: about as many as left in the last second."""


@dataclass(frozen=True, kw_only=True)
class InHand:
    """A claimed invitation and whom it goes to."""

    claimed: Claimed
    person: Person


class Supply:
    """Claims invitations for one worker and keeps them by channel until they are taken."""

    def __init__(self, hub: Hub, *, until: float) -> None:
        self.worker = secrets.token_hex(12)
        """The name of this worker, with which all of its claims begin."""
        self._hub = hub
        self._until = until
        self._numbers = count(1)
        self._size = FIRST
        self._claimed_at: float | None = None
        self._by_channel: dict[str, list[InHand]] = {}
        self._trouble: Exception | None = None

    def claim(self, configuration: Configuration) -> timedelta | None:
        """Take the next batch in hand; return how long a channel's rate has to be waited for, None: nothing is due."""
        name = f"{self.worker}.{next(self._numbers)}"
        batch = claim(self._hub, configuration, size=self._next_size(), name=name)
        if not isinstance(batch, Batch):
            return batch
        failpoint("deliver.claimed")
        for one in batch.claimed:
            in_hand = InHand(claimed=one, person=batch.people[one.person_id])
            self._by_channel.setdefault(one.channel_id, []).append(in_hand)
        return timedelta(0)

    def next_channel(self) -> str | None:
        """Return a channel for which something is in hand."""
        return next(iter(self._by_channel), None)

    def take(self, channel_id: str) -> Sequence[InHand]:
        """Return what is in hand for a channel."""
        return self._by_channel.pop(channel_id, [])

    def more(self, configuration: Configuration, channel_id: str) -> Sequence[InHand]:
        """Claim again while a channel sends; return what is for it, nothing once others wait or all has changed.

        What goes wrong is raised by `check`: this is called in a channel's hands, and is not its fault.
        """
        if self._by_channel or self._trouble or stopping.is_time_up(self._until):
            return ()
        try:
            with self._hub.store.read() as connection:
                is_current = revision(connection) == configuration.revision
            if is_current:
                self.claim(configuration)
        except Exception as error:  # noqa: BLE001
            self._trouble = error
        return self.take(channel_id)

    def check(self) -> None:
        """Raise what went wrong when more was claimed."""
        if self._trouble is not None:
            raise self._trouble

    def give_up(self) -> None:
        """End what is in hand when channels hang and this process has to end: only what departed is in doubt."""
        requeued, unknown = self._hub.store.transact(lambda connection: leases.give_up(connection, self.worker))
        log.warning("Channels did not answer in time: %d put back, %d unknown", requeued, unknown)

    def _next_size(self) -> int:
        now = time.monotonic()
        if self._claimed_at is not None:
            a_second = int(self._size / max(now - self._claimed_at, 0.001))
            self._size = max(SMALLEST, min(a_second, LARGEST))
        self._claimed_at = now
        return self._size
