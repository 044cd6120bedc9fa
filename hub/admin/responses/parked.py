"""Answers that a target refused for good: seen, and tried once more when a person says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, literal, select, update

from hub.admin import audit
from hub.admin.counts import Count
from hub.admin.names import connection_name, connection_named
from hub.admin.paging import Page, Slice, newest_first
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store.configuration import Role
from hub.store.sql import in_states, is_among
from hub.store.tables import outbox as table

MOST = 10_000
"""How far what waits for a person is counted."""
_PARKED = in_states(table.c.state, "parked")


@dataclass(frozen=True, kw_only=True)
class ParkedEntry:
    """One answer that did not reach one target, with what the target said."""

    target: str
    message_id: str
    person_id: str
    response_id: str
    attempts: int
    code: str | None
    note: str | None
    created_at: datetime
    parked_at: datetime


def parked(hub: Hub, part: Slice, *, target: str | None = None) -> Page[ParkedEntry]:
    """Return what is parked, newest first. Raises NotThere for an unknown target."""
    configuration = hub.registry.current()
    streams = [select(table).where(table.c.target_id == id, _PARKED) for id in _target_ids(configuration, target)]
    with hub.store.read() as connection:
        page = newest_first(connection, streams, (table.c.done_at, table.c.message_id), part)
    return page.map(lambda row: _entry(configuration, row))


def refused(hub: Hub) -> Mapping[str, Count]:
    """Return how many answers wait for a person, by the name of each target in use that has any."""
    targets = hub.registry.current().live(Role.TARGET)
    with hub.store.read() as connection:
        numbers = {one.stored.name: _number(connection, one.id) for one in targets}
    return {name: Count.up_to(MOST, number) for name, number in numbers.items() if number}


def retry(hub: Hub, *, target: str | None = None, message_ids: Collection[str] | None = None) -> int:
    """Let the next sync try parked entries again, all or some; return how many.

    One that a newer answer of its person has overtaken is then superseded, and not pushed.
    """
    now = hub.now()
    ids = _target_ids(hub.registry.current(), target)

    def work(connection: Connection) -> int:
        chosen = [] if message_ids is None else [is_among(connection, table.c.message_id, message_ids)]
        statement = update(table).where(is_among(connection, table.c.target_id, ids), _PARKED, *chosen)
        values = {"state": "pending", "attempts": 0, "next_attempt_at": now, "done_at": None, "code": None}
        count = connection.execute(statement.values(**values)).rowcount
        subject = "targets" if target is None else f"targets.{target}"
        audit.note(hub, connection, audit.Action.PARKED_RETRIED, subject, count=count)
        return count

    return hub.store.transact(work)


def _number(connection: Connection, target_id: str) -> int:
    """Return how many entries of a target are parked, one above the most for all that are more."""
    some = select(literal(1).label("one")).where(table.c.target_id == target_id, _PARKED).limit(MOST + 1).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def _target_ids(configuration: Configuration, name: str | None) -> Sequence[str]:
    """Return the id of one target, or of all there ever were."""
    if name is None:
        return [id for id, one in configuration.connections.items() if one.stored.role is Role.TARGET]
    return [connection_named(configuration, Role.TARGET, name).id]


def _entry(configuration: Configuration, row: Any) -> ParkedEntry:
    return ParkedEntry(
        target=connection_name(configuration, row.target_id),
        message_id=row.message_id,
        person_id=row.person_id,
        response_id=row.response_id,
        attempts=row.attempts,
        code=row.code,
        note=row.note,
        created_at=row.created_at,
        parked_at=row.done_at,
    )
