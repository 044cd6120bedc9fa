"""What providers report of mails after they took them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, insert, literal, select, update

from hub.domain.states import State, sources_of
from hub.store.outcomes import first_known
from hub.store.tables import attempt
from hub.store.tables import invitation as table
from hub.store.types import Instant, new_id, note_of


def note_report(
    connection: Connection, invitation_id: str, channel_id: str, what: str, *, at: datetime, detail: str
) -> bool:
    """Keep what a provider reported for people; return False when it was known already."""
    same = (
        attempt.c.invitation_id == invitation_id,
        attempt.c.channel_id == channel_id,
        attempt.c.outcome == what,
        attempt.c.at == at,
    )
    if connection.scalar(select(exists().where(*same))):
        return False
    row = {"id": new_id(), "invitation_id": invitation_id, "channel_id": channel_id, "at": at, "outcome": what}
    connection.execute(insert(attempt), [{**row, "detail": note_of(detail)}])
    return True


def settle(
    connection: Connection, invitation_id: str, state: State, *, at: datetime, now: datetime, note: str = ""
) -> bool:
    """Move an invitation to what a report or a person says of it, from wherever that may be; return whether it moved.

    The mail counts as sent at `at` unless a time is known already; one that was never sent has none.
    """
    statement = update(table).where(table.c.id == invitation_id, table.c.state.in_(sorted(sources_of(state))))
    values: dict[str, Any] = {"state": state, "lease_until": None, "revision": table.c.revision + 1}
    if state is State.REJECTED:
        values |= {"sent_at": None, "concluded_at": now}
    else:
        values["sent_at"] = first_known(literal(at, Instant))
    if note and state is not State.SENT:
        values["note"] = note_of(note)
    return connection.execute(statement.values(**values)).rowcount == 1
