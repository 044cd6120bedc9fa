"""Which channels and targets are left alone for a while, and how often they failed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from hub.store.sql import insert_missing, upsert
from hub.store.tables import connection_state as table
from hub.store.types import note_of

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
LONGEST_ASKED_S = 86_400.0
"""A provider that asks for more than a day is asked again after a day."""
FAULTS_ALLOWED = 5
"""So many messages in a row that a channel failed or left in doubt are enough: it is left alone."""


def paused(connection: Connection, now: datetime) -> dict[str, tuple[datetime, str]]:
    """Return what is left alone for now, by connection id: until when, and why."""
    rows = connection.execute(select(table).where(table.c.paused_until > now))
    return {row.connection_id: (row.paused_until, row.why) for row in rows}


def on_trial(connection: Connection, now: datetime) -> set[str]:
    """Return what failed the last time it was tried, and may be tried again now: carefully."""
    statement = select(table.c.connection_id).where(table.c.failures > 0, table.c.paused_until <= now)
    return set(connection.scalars(statement))


def pause(
    connection: Connection, connection_id: str, *, why: str, after_s: float | None, now: datetime
) -> tuple[datetime, bool]:
    """Leave a connection alone, longer at each failure in a row; return until when, and whether it worked before.

    The first time it is as long as the provider asked for, if it did.
    """
    before: int | None = connection.scalar(select(table.c.failures).where(table.c.connection_id == connection_id))
    failures = (before or 0) + 1
    asked = timedelta(seconds=min(after_s or 0, LONGEST_ASKED_S))
    backoff = min(FIRST_PAUSE * (1 << min(failures - 1, 10)), LONGEST_PAUSE)
    until = now + (asked if asked and failures == 1 else max(backoff, asked))
    row = {"paused_until": until, "why": note_of(why), "failures": failures, "faults": 0}
    upsert(connection, table, [{"connection_id": connection_id, **row}], update=list(row))
    return until, failures == 1


def resume(connection: Connection, connection_id: str) -> bool:
    """Forget failures and pause of a connection; return whether there were any."""
    failing = (table.c.connection_id == connection_id) & ((table.c.failures > 0) | (table.c.faults > 0))
    values = {"failures": 0, "faults": 0, "paused_until": None, "why": None}
    return connection.execute(update(table).where(failing).values(**values)).rowcount == 1


def count_faults(connection: Connection, connection_id: str, faults: int) -> int:
    """Add to the faults in a row of a connection; return how many there are now."""
    insert_missing(connection, table, {"connection_id": connection_id})
    mine = table.c.connection_id == connection_id
    statement = update(table).where(mine).values(faults=table.c.faults + faults).returning(table.c.faults)
    return int(connection.execute(statement).scalar_one())


def failures(connection: Connection) -> dict[str, int]:
    """Return how often connections failed in a row, for those that did."""
    statement = select(table.c.connection_id, table.c.failures).where(table.c.failures > 0)
    return {row.connection_id: row.failures for row in connection.execute(statement)}
