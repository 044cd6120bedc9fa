"""Connections: seen with their state, made, changed, taken out of use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from hub.admin import apply as applying
from hub.admin.apply import Plan
from hub.admin.export import connection_table
from hub.admin.names import connection_named
from hub.pipeline.hub import Hub
from hub.registry import Connection
from hub.store import pauses
from hub.store.configuration import Role


class Health(StrEnum):
    """How a connection is doing."""

    WORKING = "working"
    PAUSED = "paused"
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class SeenConnection:
    """A connection; `settings` is its table as `hub export` writes it, secrets as `(kept)` or `$NAME`."""

    id: str
    role: Role
    name: str
    kind: str
    state: Health
    sentence: str
    paused_until: datetime | None
    settings: Mapping[str, Any]


def connections(hub: Hub, *, role: Role | None = None) -> list[SeenConnection]:
    """Return the connections in use, by role and name."""
    configuration = hub.registry.current()
    paused = _paused(hub)
    roles = list(Role) if role is None else [role]
    return [_seen(hub, one, paused) for wanted in roles for one in configuration.live(wanted)]


def connection_of(hub: Hub, role: Role, name: str) -> SeenConnection:
    """Return one connection. Raises NotThere."""
    return _seen(hub, connection_named(hub.registry.current(), role, name), _paused(hub))


def put(hub: Hub, role: Role, name: str, table: Mapping[str, Any]) -> Plan:
    """Make the connection what this table says, as `hub apply` would; nothing else changes. Raises ConfigError.

    The plan holds the secrets that were made, which are not shown again.
    """
    made = applying.plan_change(hub, {role.plural: {name: table}})
    applying.apply(hub, made)
    return made


def retire(hub: Hub, role: Role, name: str) -> None:
    """Take a connection out of use. Raises NotThere, and Conflict while a survey uses it."""
    connection_named(hub.registry.current(), role, name)
    applying.apply(hub, applying.plan_removal(hub, connection=(role, name)))


def _paused(hub: Hub) -> Mapping[str, tuple[datetime, str]]:
    with hub.store.read() as connection:
        return pauses.paused(connection, hub.now())


def _seen(hub: Hub, connection: Connection, paused: Mapping[str, tuple[datetime, str]]) -> SeenConnection:
    stored = connection.stored
    until, why = paused.get(connection.id, (None, None))
    problem = connection.problem or why
    state = Health.BROKEN if connection.problem else Health.PAUSED if until else Health.WORKING
    return SeenConnection(
        id=connection.id,
        role=stored.role,
        name=stored.name,
        kind=stored.kind,
        state=state,
        sentence=f"{problem.rstrip('.')}." if problem else "It is in use.",
        paused_until=until if state is Health.PAUSED else None,
        settings=connection_table(hub, stored),
    )
