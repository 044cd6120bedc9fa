"""Which connections are left alone for a while, and how often they failed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, true, update

from hub.store.engine import Stale
from hub.store.sql import insert_missing, upsert
from hub.store.tables import connection_state as table
from hub.store.types import note_of

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
TRIAL = timedelta(minutes=2)
"""How long others leave a channel alone that is on trial; its verdict ends that earlier."""
LONGEST_ASKED_S = 86_400.0
"""A provider that asks for more than a day is asked again after a day."""
FAULTS_ALLOWED = 5
"""So many messages in a row that a channel failed or left in doubt are enough: it is left alone."""


def asked_s(seconds: object) -> float:
    """Return the seconds that a provider asks for; 0 where it asks for none, or for nothing that makes sense."""
    if isinstance(seconds, int | float) and seconds > 0:
        return min(float(seconds), LONGEST_ASKED_S)
    return 0.0


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
    failures = failures_of(connection, connection_id) + 1
    asked = timedelta(seconds=asked_s(after_s))
    backoff = min(FIRST_PAUSE * (1 << min(failures - 1, 10)), LONGEST_PAUSE)
    until = now + (asked if asked and failures == 1 else max(backoff, asked))
    row = {"paused_until": until, "why": note_of(why), "failures": failures, "faults": 0}
    upsert(connection, table, [{"connection_id": connection_id, **row}], update=list(row))
    return until, failures == 1


def begin_trial(connection: Connection, connection_id: str, now: datetime) -> None:
    """Leave what is on trial to one worker: one that hangs must not hold them all. Raises Stale: another was faster."""
    free = (table.c.connection_id == connection_id) & (table.c.failures > 0) & (table.c.paused_until <= now)
    if connection.execute(update(table).where(free).values(paused_until=now + TRIAL)).rowcount != 1:
        raise Stale


def resume(connection: Connection, connection_id: str, *, up_to: int | None = None) -> bool:
    """Forget failures and pause of a connection; return whether there were any.

    One that failed more than `up_to` times in a row is left alone: it did so since.
    """
    failing = (table.c.connection_id == connection_id) & ((table.c.failures > 0) | (table.c.faults > 0))
    known = true() if up_to is None else table.c.failures <= up_to
    values = {"failures": 0, "faults": 0, "paused_until": None, "why": None}
    return connection.execute(update(table).where(failing, known).values(**values)).rowcount == 1


def count_faults(connection: Connection, connection_id: str, faults: int) -> int:
    """Add to the faults in a row of a connection; return how many there are now."""
    insert_missing(connection, table, {"connection_id": connection_id})
    mine = table.c.connection_id == connection_id
    statement = update(table).where(mine).values(faults=table.c.faults + faults).returning(table.c.faults)
    return int(connection.execute(statement).scalar_one())


def failures_of(connection: Connection, connection_id: str) -> int:
    """Return how often one connection failed in a row."""
    return connection.scalar(select(table.c.failures).where(table.c.connection_id == connection_id)) or 0


def failures(connection: Connection) -> dict[str, int]:
    """Return how often connections failed in a row, for those that did."""
    statement = select(table.c.connection_id, table.c.failures).where(table.c.failures > 0)
    return {row.connection_id: row.failures for row in connection.execute(statement)}


def troubled(connection: Connection) -> set[str]:
    """Return the connections that failed since they last worked."""
    return set(connection.scalars(select(table.c.connection_id).where((table.c.failures > 0) | (table.c.faults > 0))))
