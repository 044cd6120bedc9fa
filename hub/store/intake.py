"""The intake log: accepted bodies until they are decided."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, PoolProxiedConnection, delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from hub.failpoints import failpoint
from hub.store.engine import Store, begin_writing
from hub.store.sql import is_among
from hub.store.tables import body
from hub.store.types import Instant

COUNT_TO = 10_000
RESTED_S = 1.0
"""A connection that was not used for so long is looked at before it is used again."""


class AcceptedBody(Struct, frozen=True, kw_only=True):
    """A body that a sender was told is safe. `deaths`: workers that died while working on it."""

    source_id: str
    hint: str
    arrived_at: datetime
    body: bytes
    id: int | None = None
    deaths: int = 0


class Appender:
    """Stores bodies durably, all by one connection that it keeps: for a thread that does nothing else.

    It speaks to the driver itself: what SQLAlchemy does for a transaction takes longer than the transaction.
    """

    def __init__(self, store: Store) -> None:
        self._engine = store.intake
        self._connection: PoolProxiedConnection | None = None
        self._used_at = 0.0

    def append(self, bodies: Sequence[AcceptedBody]) -> None:
        """Store bodies in one transaction. Raises DBAPIError."""
        if time.monotonic() - self._used_at > RESTED_S:
            self.close()
        try:
            if self._connection is None:
                self._connection = self._engine.raw_connection()
            self._append(self._connection, bodies)
        except self._engine.dialect.loaded_dbapi.Error as error:
            self._drop()
            raise DBAPIError(None, None, error) from error
        self._used_at = time.monotonic()

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection = None

    def _append(self, connection: PoolProxiedConnection, bodies: Sequence[AcceptedBody]) -> None:
        dialect = self._engine.dialect
        row = "(?, ?, ?, ?)" if dialect.name == "sqlite" else "(%s, %s, %s, %s)"
        values: list[Any] = []
        for one in bodies:
            values += (one.source_id, one.hint, _ARRIVED_AT.process_bind_param(one.arrived_at, dialect), one.body)
        cursor = connection.cursor()
        if dialect.name == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        cursor.execute(f"{_INSERT} {', '.join([row] * len(bodies))}", values)
        failpoint("receive.before_commit")
        connection.commit()
        failpoint("receive.after_commit")


_INSERT = "INSERT INTO body (source_id, hint, arrived_at, body) VALUES"
_ARRIVED_AT = Instant()


def append(store: Store, bodies: Sequence[AcceptedBody]) -> None:
    """Store bodies durably."""
    appender = Appender(store)
    appender.append(bodies)
    appender.close()


def first(store: Store, *, sources: Collection[str], limit: int, max_bytes: int) -> list[AcceptedBody]:
    """Return the oldest bodies of some sources: up to `limit`, and about `max_bytes` together.

    One that was in hand when a worker died comes alone.
    """
    theirs = body.c.source_id.in_(sources)
    sizes = select(body.c.id, body.c.deaths, func.length(body.c.body)).where(theirs).order_by(body.c.id).limit(limit)
    with store.intake.connect() as connection, connection.begin():
        last = _last_of_chunk(connection.execute(sizes), max_bytes)
        chunk = select(*_ACCEPTED).where(theirs, body.c.id <= last).order_by(body.c.id)
        return [_accepted(*row) for row in connection.execute(chunk)]


_ACCEPTED = (body.c.source_id, body.c.hint, body.c.arrived_at, body.c.body, body.c.id, body.c.deaths)


def _accepted(source_id: str, hint: str, arrived_at: datetime, body: bytes, id: int, deaths: int) -> AcceptedBody:
    return AcceptedBody(source_id=source_id, hint=hint, arrived_at=arrived_at, body=body, id=id, deaths=deaths)


def _last_of_chunk(rows: Iterable[tuple[int, int, int]], max_bytes: int) -> int:
    last = total = 0
    for id, deaths, size in rows:
        if last and (deaths or total + size > max_bytes):
            break
        last = id
        total += size
        if deaths:
            break
    return last


def begin_work(store: Store, ids: Collection[int]) -> None:
    """Count a death in advance for each body; deleting the body takes it back."""
    _change(store, ids, +1)


def leave_work(store: Store, ids: Collection[int]) -> None:
    """Take the death back of bodies that were not finished for no fault of their own."""
    _change(store, ids, -1)


def _change(store: Store, ids: Collection[int], deaths: int) -> None:
    with store.intake.connect() as connection, begin_writing(connection):
        _commit_lazily(connection)
        statement = update(body).where(_within(connection, ids)).values(deaths=body.c.deaths + deaths)
        connection.execute(statement)


def remove(store: Store, ids: Collection[int]) -> None:
    """Delete decided bodies."""
    with store.intake.connect() as connection, begin_writing(connection):
        _commit_lazily(connection)
        connection.execute(delete(body).where(_within(connection, ids)))


def _commit_lazily(connection: Connection) -> None:
    """Let the commit not wait for the disk: should it be lost with the server, bodies are decided once more."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL synchronous_commit = off"))


def _within(connection: Connection, ids: Collection[int]) -> ColumnElement[bool]:
    return is_among(connection, body.c.id, ids)


def waiting(store: Store) -> tuple[int, datetime | None]:
    """Return how many bodies wait, and since when the oldest does."""
    with store.intake.connect() as connection, connection.begin():
        count, oldest = connection.execute(select(func.count(), func.min(body.c.arrived_at))).one()
    return count, oldest


def backlog(store: Store) -> tuple[int, datetime | None]:
    """Return how many bodies wait, counted up to COUNT_TO, and since when the oldest does: cheap however many."""
    some = select(body.c.id).limit(COUNT_TO).subquery()
    first_one = select(body.c.arrived_at).order_by(body.c.id).limit(1)
    with store.intake.connect() as connection, connection.begin():
        return connection.scalar(select(func.count()).select_from(some)) or 0, connection.scalar(first_one)


def is_anything_waiting(store: Store, sources: Collection[str]) -> bool:
    """Return whether a body of any of these sources waits."""
    with store.intake.connect() as connection, connection.begin():
        return connection.scalar(select(body.c.id).where(body.c.source_id.in_(sources)).limit(1)) is not None
