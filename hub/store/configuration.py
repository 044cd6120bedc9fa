"""Connections and surveys as stored, and the revision that every change raises."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, func, insert, literal, select, update

from hub.store import tables, texts
from hub.store.sql import insert_missing, upsert
from hub.store.types import Instant, new_id

_PAUSES_KEPT = 100

DEMO = "is_demo"
"""The setting that marks the hub of a demo, which has no customers."""
SEGMENT_TRAITS = "segment_traits"
"""The setting that names the traits by whose values scores are counted."""


class Role(StrEnum):
    """What a connection is for; the plural names its table in the configuration file."""

    SOURCE = "source"
    CHANNEL = "channel"
    TARGET = "target"
    LISTENER = "listener"

    @property
    def plural(self) -> str:
        """As in `[sources.product]`."""
        return f"{self.value}s"


OF_SURVEYS = (Role.SOURCE, Role.CHANNEL, Role.TARGET)
"""The roles of which each survey names its own connections. Listeners name surveys instead."""


@dataclass(frozen=True, kw_only=True)
class StoredConnection:
    """A configured connection. Secrets in `config` are as stored: sealed, or the name of a variable."""

    id: str
    role: Role
    name: str
    kind: str
    config: Mapping[str, Any]
    options: Mapping[str, Any]
    created_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class StoredSurvey:
    """A survey; `connections` are ids of each role of `OF_SURVEYS`, in the operator's order."""

    id: str
    name: str
    enabled: bool
    settings: Mapping[str, Any]
    connections: Mapping[Role, Sequence[str]]
    pauses: Sequence[tuple[datetime, datetime]] = ()
    """Spans in which it was off, oldest first, without the one that lasts."""
    texts_version: int | None = None
    """Of what customers see by its settings; None of one that is not stored."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The whole configuration at one revision. Retired connections are kept: late bounces still find them."""

    revision: int
    hub_id: str
    connections: Sequence[StoredConnection] = ()
    surveys: Sequence[StoredSurvey] = field(default_factory=tuple)
    segment_traits: Sequence[str] = ()
    """Traits by whose values scores are counted, too."""


def initialise(connection: Connection) -> None:
    """Give a new database its hub id."""
    insert_missing(connection, tables.setting, {"name": "hub_id", "value": secrets.token_hex(5)})
    insert_missing(connection, tables.setting, {"name": "revision", "value": 0})


def read_setting(connection: Connection, name: str) -> Any:
    """Return a stored setting, or None."""
    return connection.scalar(select(tables.setting.c.value).where(tables.setting.c.name == name))


def write_setting(connection: Connection, name: str, value: Any) -> None:
    """Store a setting."""
    upsert(connection, tables.setting, [{"name": name, "value": value}], update=["value"])


def revision(connection: Connection) -> int:
    """Return the revision of the configuration."""
    return int(read_setting(connection, "revision") or 0)


REVISION = select(tables.setting.c.value).where(tables.setting.c.name == "revision").scalar_subquery()
"""The revision, for a statement that reads something else along with it."""


def raise_revision(connection: Connection) -> None:
    """Tell every process that the configuration changed."""
    write_setting(connection, "revision", revision(connection) + 1)


def snapshot(connection: Connection) -> Snapshot:
    """Return the configuration."""
    links: dict[str, dict[Role, list[str]]] = {}
    for row in connection.execute(select(tables.survey_connection).order_by(tables.survey_connection.c.position)):
        links.setdefault(row.survey_id, {}).setdefault(Role(row.role), []).append(row.connection_id)
    numbers = texts.numbers(connection)
    surveys = connection.execute(
        select(tables.survey).where(tables.survey.c.retired_at.is_(None)).order_by(tables.survey.c.name)
    )
    return Snapshot(
        revision=revision(connection),
        hub_id=read_setting(connection, "hub_id"),
        connections=[_connection(row) for row in connection.execute(select(tables.connection))],
        surveys=[
            StoredSurvey(
                id=row.id,
                name=row.name,
                enabled=row.enabled,
                settings=row.settings,
                connections={role: links.get(row.id, {}).get(role, []) for role in OF_SURVEYS},
                pauses=[(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in row.pauses],
                texts_version=numbers.get(row.id),
            )
            for row in surveys
        ],
        segment_traits=read_setting(connection, SEGMENT_TRAITS) or (),
    )


def _connection(row: Any) -> StoredConnection:
    return StoredConnection(
        id=row.id,
        role=Role(row.role),
        name=row.name,
        kind=row.kind,
        config=row.config,
        options=row.options,
        created_at=row.created_at,
        retired_at=row.retired_at,
    )


def save_connection(
    connection: Connection, *, role: Role, name: str, kind: str, config: Mapping[str, Any], options: Any, now: datetime
) -> str:
    """Create or change a connection and return its id. One that was retired comes back as itself.

    Another kind under the same name is another connection.
    """
    table = tables.connection
    namesakes = connection.execute(
        select(table).where(table.c.role == role, table.c.name == name).order_by(table.c.retired_at.desc())
    ).all()
    for other in namesakes:
        if other.retired_at is None and other.kind != kind:
            retire_connection(connection, other.id, now=now)
    same = [other for other in namesakes if other.kind == kind]
    if same:
        found = min(same, key=lambda one: one.retired_at is not None)
        values = {"config": config, "options": options, "retired_at": None}
        connection.execute(update(table).where(table.c.id == found.id).values(**values))
        return str(found.id)
    connection_id = new_id()
    row = {"id": connection_id, "role": role, "name": name, "kind": kind, "config": config, "options": options}
    connection.execute(insert(table).values(**row, created_at=now))
    return connection_id


def retire_connection(connection: Connection, connection_id: str, *, now: datetime) -> None:
    """Take a connection out of use; its id keeps meaning what it meant."""
    table = tables.connection
    connection.execute(update(table).where(table.c.id == connection_id).values(retired_at=now))


def save_survey(
    connection: Connection,
    *,
    name: str,
    enabled: bool,
    settings: Mapping[str, Any],
    connections: Mapping[Role, Sequence[str]],
    by: str,
    now: datetime,
) -> str:
    """Create or change a survey and return its id. The spans in which it was off are remembered.

    What customers see is kept as a new version of somebody's (`by`) where it changed. One that was retired comes back
    with its history: its interval still counts.
    """
    table = tables.survey
    found = connection.execute(select(table).where(table.c.name == name)).one_or_none()
    values: dict[str, Any] = {"enabled": enabled, "settings": settings, "retired_at": None}
    if found is None:
        survey_id = new_id()
        values |= {"paused_at": None if enabled else now, "pauses": [], "created_at": now}
        connection.execute(insert(table).values(id=survey_id, name=name, **values))
    else:
        survey_id = found.id
        values |= _pauses_of(found, enabled=enabled, now=now)
        connection.execute(update(table).where(table.c.id == survey_id).values(**values))
    texts.keep(connection, survey_id, settings, by=by, now=now)
    links = tables.survey_connection
    connection.execute(delete(links).where(links.c.survey_id == survey_id))
    rows = [
        {"survey_id": survey_id, "role": role, "position": position, "connection_id": connection_id}
        for role, ids in connections.items()
        for position, connection_id in enumerate(ids)
    ]
    if rows:
        connection.execute(insert(links), rows)
    return survey_id


def _pauses_of(survey: Any, *, enabled: bool, now: datetime) -> dict[str, Any]:
    """Return how switching a survey on or off changes what is known of its pauses; the newest of very many are kept."""
    if enabled and survey.paused_at is not None:
        span = [survey.paused_at.isoformat(), now.isoformat()]
        return {"paused_at": None, "pauses": [*survey.pauses, span][-_PAUSES_KEPT:]}
    return {} if enabled or survey.paused_at is not None else {"paused_at": now}


def add_pause(connection: Connection, since: datetime, until: datetime) -> None:
    """Remember of every survey a span in which nothing could be sent: it makes no invitation late.

    Spans in which a survey was off meanwhile become part of it. One that is off now has a span of its own from then on.
    """
    table = tables.survey
    columns = (table.c.id, table.c.pauses, table.c.paused_at)
    for row in connection.execute(select(*columns).where(table.c.retired_at.is_(None))).all():
        end = min(until, row.paused_at or until)
        if since < end:
            pauses = _joined([*row.pauses, [since.isoformat(), end.isoformat()]])[-_PAUSES_KEPT:]
            connection.execute(update(table).where(table.c.id == row.id).values(pauses=pauses))


def _joined(spans: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return spans of time in their order, those that overlap as one."""
    joined: list[list[datetime]] = []
    for start, end in sorted([datetime.fromisoformat(moment) for moment in span] for span in spans):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return [[moment.isoformat() for moment in span] for span in joined]


def switch_survey(connection: Connection, survey_id: str, *, on: bool, now: datetime) -> None:
    """Switch a survey on or off and leave all else as it is; the spans in which it was off are remembered."""
    table = tables.survey
    found = connection.execute(select(table).where(table.c.id == survey_id).with_for_update()).one()
    values = {"enabled": on, **_pauses_of(found, enabled=on, now=now)}
    connection.execute(update(table).where(table.c.id == survey_id, table.c.retired_at.is_(None)).values(**values))


def retire_survey(connection: Connection, survey_id: str, *, now: datetime) -> None:
    """Take a survey out of use. Its history stays; what waits is cancelled by the caller."""
    table = tables.survey
    paused_at = func.coalesce(table.c.paused_at, literal(now, Instant))
    values = {"retired_at": now, "enabled": False, "paused_at": paused_at}
    connection.execute(update(table).where(table.c.id == survey_id).values(**values))
