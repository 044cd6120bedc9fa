"""Recorded events, read once more: what a rehearsal and the look before a survey is switched on work on."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from hub import containment
from hub.containment import Escaped, Hung, contained
from hub.domain.reasons import Reason
from hub.domain.rules import Incoming
from hub.pipeline.imported import read_imported
from hub.pipeline.read import read_event
from hub.plugin import Event, EventSource, Stored
from hub.registry import Configuration
from hub.store.sql import is_among
from hub.store.tables import event

log = logging.getLogger(__name__)

MOST_LOOKED_AT = 50_000
"""Of the newest events, to find those of some sources: where these are rare, not the whole table is read for them."""
_NEVER_READ = (Reason.UNREADABLE, Reason.POISON, Reason.NO_IDENTITY)


@dataclass(frozen=True, kw_only=True)
class RecordedEvent:
    """An event that was decided; `incoming` is None where its payload was erased or cannot be read again."""

    id: str
    source_id: str
    person_id: str | None
    arrived_at: datetime
    outcome: str
    reason: str | None
    incoming: Incoming | None


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The newest events of some sources, oldest first: all of them from `since` on."""

    since: datetime
    events: Sequence[RecordedEvent]


def recorded(
    connection: Connection,
    configuration: Configuration,
    source_ids: Collection[str],
    *,
    since: datetime,
    limit: int,
) -> Recorded:
    """Return the newest events of these sources that arrived from `since` on, at most `limit`."""
    newest = select(event.c.id, event.c.source_id, event.c.arrived_at).order_by(event.c.id.desc())
    within = newest.limit(MOST_LOOKED_AT).subquery()
    theirs = (within.c.source_id.in_(source_ids), within.c.arrived_at >= since)
    ids = connection.scalars(select(within.c.id).where(*theirs).order_by(within.c.id.desc()).limit(limit)).all()
    rows = connection.execute(select(event).where(is_among(connection, event.c.id, ids))).all()
    events = _read(configuration, sorted(rows, key=lambda row: (row.arrived_at, row.timestamp, row.id)))
    return Recorded(since=events[0].arrived_at if events else since, events=events)


def _read(configuration: Configuration, rows: Sequence[Any]) -> list[RecordedEvent]:
    found: dict[str, Incoming | None] = {}
    for source_id in {row.source_id for row in rows}:
        source = configuration.source(source_id)
        if source is not None:
            theirs = [row for row in rows if row.source_id == source_id]
            found |= _read_by(source, configuration.namespace_of(source_id), theirs)
    return [
        RecordedEvent(
            id=row.id,
            source_id=row.source_id,
            person_id=row.person_id,
            arrived_at=row.arrived_at,
            outcome=row.outcome,
            reason=row.reason,
            incoming=found.get(row.id),
        )
        for row in rows
    ]


def _read_by(source: EventSource, namespace: str, rows: Sequence[Any]) -> dict[str, Incoming | None]:
    def read() -> dict[str, Incoming | None]:
        return {row.id: _incoming(source, namespace, row) for row in rows}

    try:
        return contained(read, of=rows[0].source_id, doing="read", within_s=containment.READ_WITHIN_S)
    except (Hung, Escaped) as error:
        log.error("Recorded events of a source could not be read again: %s", error)  # noqa: TRY400  no trace to see
        return {}


def _incoming(source: EventSource, namespace: str, row: Any) -> Incoming | None:
    """Return an event as the rules saw it; what its body had around it is taken from what was recorded."""
    if row.payload is None or row.reason in _NEVER_READ:
        return None
    said = _event(source, row)
    read = None if said is None else read_event(row.source_id, namespace, said, row.arrived_at).incoming
    if read is None:
        return None
    is_echo = row.reason == Reason.ECHO and read.is_active
    return read._replace(message_id=row.message_id, timestamp=row.timestamp, is_echo=is_echo)


def _event(source: EventSource, row: Any) -> Event | None:
    """Return what the source makes of a payload: of a body that is this one event, or a list with it."""
    listed = b"[" + row.payload + b"]"
    if row.message_id.startswith("import-"):
        return next(iter(read_imported(Stored(body=listed, arrived_at=row.arrived_at))))
    for body in (row.payload, listed):
        try:
            items = list(source.read(Stored(body=body, arrived_at=row.arrived_at)))
        except Exception:  # noqa: BLE001, S112  a plugin may raise anything, and knows other bodies than these
            continue
        if len(items) == 1 and isinstance(items[0], Event) and items[0].type == row.type:
            return items[0]
    return None
