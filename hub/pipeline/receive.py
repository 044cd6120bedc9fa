"""Receive: a request's body is stored durably before it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hub.plugin import Accepted
from hub.store.engine import Store
from hub.store.group_commit import GroupCommit
from hub.store.intake import AcceptedBody, Appender

TIMEOUT_S = 5
"""Senders give up after 5 to 15 seconds, and send again."""
PATIENCE_S = 2
"""A commit that takes longer is stuck: what comes meanwhile is refused at once."""
GATHER_S = 0.0003
"""How long a commit waits for company: about as long as a request takes until it waits as well."""


class Receiver:
    """Appends bodies to the intake log; requests that come together share one commit."""

    def __init__(self, store: Store) -> None:
        self._log = Appender(store)
        self._commits: GroupCommit[AcceptedBody, None] = GroupCommit(
            self._append, name="intake", patience_s=PATIENCE_S, gather_s=GATHER_S
        )

    def store(self, source_id: str, accepted: Accepted, arrived_at: datetime) -> None:
        """Return once the body is safe. Raises Overloaded, the database's error, or TimeoutError: send it again."""
        self._commits.submit(
            AcceptedBody(source_id=source_id, hint=accepted.hint, arrived_at=arrived_at, body=accepted.body),
            timeout_s=TIMEOUT_S,
        )

    def close(self) -> None:
        """Store what waits."""
        self._commits.close()
        self._log.close()

    def _append(self, bodies: Sequence[AcceptedBody]) -> list[None]:
        self._log.append(bodies)
        return [None] * len(bodies)
