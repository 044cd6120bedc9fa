"""Leases: how long a worker may be silent about what it has in hand."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, update

from hub.domain.states import State
from hub.failpoints import failpoint
from hub.store.sql import in_states
from hub.store.tables import invitation as table

CLAIM_LEASE = timedelta(seconds=90)
SENDING_LEASE = timedelta(seconds=110)
"""A channel's own time limits have to end well before this."""
IN_HAND = (State.CLAIMED, State.SENDING)


def expire_leases(connection: Connection, now: datetime) -> tuple[int, int]:
    """Return how many invitations were put back and how many became unknown because their worker is gone."""
    taken = _take_back(connection, table.c.lease_until < now)
    failpoint("sweep.before_commit")
    return taken


def give_up(connection: Connection, worker: str) -> tuple[int, int]:
    """Return how many invitations were put back and how many became unknown because their worker ends now."""
    return _take_back(connection, _in_hand_of(worker))


def _take_back(connection: Connection, which: ColumnElement[bool]) -> tuple[int, int]:
    """What never departed is certain not to have left; what departed nobody can know about."""
    in_hand = and_(which, in_states(table.c.state, *IN_HAND))
    back = update(table).where(in_hand, table.c.state == State.CLAIMED)
    values = {"claim": None, "lease_until": None, "revision": table.c.revision + 1}
    requeued = connection.execute(back.values(state=State.QUEUED, **values)).rowcount
    lost = update(table).where(in_hand, table.c.state == State.SENDING)
    note = "the worker ended before the outcome was known"
    unknown = connection.execute(
        lost.values(state=State.UNKNOWN, lease_until=None, revision=table.c.revision + 1, note=note)
    ).rowcount
    return requeued, unknown


def end_leases(connection: Connection, worker: str, now: datetime) -> None:
    """Have the leases of all that a worker claimed run out now: its process is known to be gone."""
    mine = (_in_hand_of(worker), in_states(table.c.state, *IN_HAND), table.c.lease_until > now)
    connection.execute(update(table).where(*mine).values(lease_until=now))


def _in_hand_of(worker: str) -> ColumnElement[bool]:
    return or_(table.c.claim == worker, table.c.claim.startswith(f"{worker}.", autoescape=True))


def has_expired_leases(connection: Connection, now: datetime) -> bool:
    """Return whether any worker left something in hand."""
    return bool(
        connection.scalar(select(exists().where(table.c.lease_until < now, in_states(table.c.state, *IN_HAND))))
    )
