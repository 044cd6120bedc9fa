"""The intake log: accepted bodies until they are decided."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from hub.store.engine import Store, begin_writing
from hub.store.tables import body


@dataclass(frozen=True, kw_only=True)
class AcceptedBody:
    """A body that a sender was told is safe. `deaths`: workers that died while working on it."""

    source_id: str
    hint: str
    arrived_at: datetime
    body: bytes
    id: int | None = None
    deaths: int = 0


def append(store: Store, bodies: Sequence[AcceptedBody]) -> None:
    """Store bodies durably."""
    rows = [{"source_id": b.source_id, "hint": b.hint, "arrived_at": b.arrived_at, "body": b.body} for b in bodies]
    with store.intake.connect() as connection, begin_writing(connection):
        connection.execute(insert(body), rows)


def first(store: Store, *, sources: Collection[str], limit: int, max_bytes: int) -> list[AcceptedBody]:
    """Return the oldest bodies of some sources: up to `limit`, and about `max_bytes` together.

    One that was in hand when a worker died comes alone.
    """
    chunk: list[AcceptedBody] = []
    size = 0
    with store.intake.connect() as connection, connection.begin():
        rows = connection.execute(select(body).where(body.c.source_id.in_(sources)).order_by(body.c.id).limit(limit))
        for row in rows:
            if chunk and (row.deaths or size + len(row.body) > max_bytes):
                break
            chunk.append(AcceptedBody(**row._mapping))
            size += len(row.body)
            if row.deaths:
                break
    return chunk


def begin_work(store: Store, ids: Collection[int]) -> None:
    """Count a death in advance for each body; deleting the body takes it back."""
    _change(store, ids, +1)


def leave_work(store: Store, ids: Collection[int]) -> None:
    """Take the death back of bodies that were not finished for no fault of their own."""
    _change(store, ids, -1)


def _change(store: Store, ids: Collection[int], deaths: int) -> None:
    with store.intake.connect() as connection, begin_writing(connection):
        connection.execute(update(body).where(_within(ids)).values(deaths=body.c.deaths + deaths))


def remove(store: Store, ids: Collection[int]) -> None:
    """Delete decided bodies."""
    with store.intake.connect() as connection, begin_writing(connection):
        connection.execute(delete(body).where(_within(ids)))


def _within(ids: Collection[int]) -> ColumnElement[bool]:
    return body.c.id.in_(list(ids))


def waiting(store: Store) -> tuple[int, datetime | None]:
    """Return how many bodies wait, and since when the oldest does."""
    with store.intake.connect() as connection, connection.begin():
        count, oldest = connection.execute(select(func.count(), func.min(body.c.arrived_at))).one()
    return count, oldest


def is_anything_waiting(store: Store) -> bool:
    """Return whether any body waits."""
    with store.intake.connect() as connection, connection.begin():
        return connection.scalar(select(body.c.id).limit(1)) is not None
