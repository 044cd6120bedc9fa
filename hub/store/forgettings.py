"""Whom connections still have to forget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from hub.plugin import Person
from hub.store.tables import forgetting as table
from hub.store.types import new_id

FIRST_RETRY = timedelta(minutes=10)
BUSY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Forgetting:
    """A person whom one connection has to forget."""

    id: str
    connection_id: str
    person: Person
    attempts: int


def owe(connection: Connection, connection_ids: Sequence[str], people: Sequence[Person], *, now: datetime) -> None:
    """Remember that each of these connections has to forget each of these people."""
    rows = [
        {
            "id": new_id(),
            "connection_id": connection_id,
            "user_id": person.user_id,
            "anonymous_ids": list(person.anonymous_ids),
            "email": person.email,
            "next_attempt_at": now,
        }
        for connection_id in connection_ids
        for person in people
    ]
    if rows:
        connection.execute(insert(table), rows)


def due(connection: Connection, now: datetime, limit: int) -> list[Forgetting]:
    """Return what may be tried now, oldest first."""
    statement = select(table).where(table.c.next_attempt_at <= now).order_by(table.c.next_attempt_at).limit(limit)
    return [
        Forgetting(
            id=row.id,
            connection_id=row.connection_id,
            person=Person(user_id=row.user_id, anonymous_ids=tuple(row.anonymous_ids), email=row.email),
            attempts=row.attempts,
        )
        for row in connection.execute(statement)
    ]


def is_any_due(connection: Connection, now: datetime) -> bool:
    """Return whether anything may be tried now."""
    return bool(connection.scalar(select(exists().where(table.c.next_attempt_at <= now))))


def done(connection: Connection, one: Forgetting) -> None:
    """The connection forgot the person: nothing is kept of that."""
    connection.execute(delete(table).where(table.c.id == one.id))


def put_off(connection: Connection, one: Forgetting, *, now: datetime) -> bool:
    """Try again later, after ever longer, up to a day; return False where somebody else was faster."""
    delay = min(FIRST_RETRY * 2 ** min(one.attempts, 10), LONGEST_RETRY)
    values = {"attempts": table.c.attempts + 1, "next_attempt_at": now + delay}
    as_seen = (table.c.id == one.id, table.c.attempts == one.attempts)
    return connection.execute(update(table).where(*as_seen).values(**values)).rowcount == 1


def wait(connection: Connection, one: Forgetting, *, now: datetime) -> None:
    """Try again soon: the connection is being told something right now."""
    as_seen = (table.c.id == one.id, table.c.attempts == one.attempts)
    connection.execute(update(table).where(*as_seen).values(next_attempt_at=now + BUSY))


def open_by_connection(connection: Connection) -> dict[str, int]:
    """Return how many people each connection still has to forget."""
    statement = select(table.c.connection_id, func.count().label("number")).group_by(table.c.connection_id)
    return {row.connection_id: row.number for row in connection.execute(statement)}
