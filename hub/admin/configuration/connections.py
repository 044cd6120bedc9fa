"""Connections: seen with their state, made, changed, taken out of use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy

from hub.admin import audit
from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.admin.configuration.edits import carry_out, check_mark, mark_of
from hub.admin.configuration.export import connection_table
from hub.admin.configuration.planning import Plan
from hub.admin.names import connection_named
from hub.pipeline.hub import Hub
from hub.registry import Connection
from hub.store import again, pauses
from hub.store.configuration import Role

WORK_OF: Mapping[Role, str] = {
    Role.SOURCE: "decide",
    Role.CHANNEL: "deliver",
    Role.TARGET: "sync",
    Role.LISTENER: "notify",
}
"""The job that does what waited for a connection."""


class Health(StrEnum):
    """How a connection is doing."""

    WORKING = "working"
    PAUSED = "paused"
    ON_TRIAL = "on_trial"
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

    @property
    def mark(self) -> str:
        """The mark of what `save` writes."""
        return mark_of(self.settings)


def connections(hub: Hub, *, role: Role | None = None) -> list[SeenConnection]:
    """Return the connections in use, by role and name."""
    configuration = hub.registry.current()
    troubles = troubles_of(hub)
    roles = list(Role) if role is None else [role]
    return [_seen(hub, one, troubles) for wanted in roles for one in configuration.live(wanted)]


def connection_of(hub: Hub, role: Role, name: str) -> SeenConnection:
    """Return one connection. Raises NotThere."""
    return _seen(hub, connection_named(hub.registry.current(), role, name), troubles_of(hub))


def put(hub: Hub, role: Role, name: str, table: Mapping[str, Any]) -> Plan:
    """Make the connection what this table says, as `hub apply` would; nothing else changes. Raises ConfigError.

    The plan holds the secrets that were made, which are not shown again.
    """
    made = planning.plan_change(hub, {role.plural: {name: table}})
    applying.apply(hub, made)
    return made


def save(hub: Hub, role: Role, name: str, table: Mapping[str, Any], *, since: str | None) -> Plan:
    """Make a connection that is there what this table says.

    `since` is the mark of the connection that was edited. Raises Conflict when it was changed since then or in this
    very moment, ConfigError with the path of every problem, and NotThere.
    """
    revision = hub.registry.current().revision
    check_mark(connection_of(hub, role, name).settings, since)
    return carry_out(hub, {role.plural: {name: table}}, revision=revision)


def retire(hub: Hub, role: Role, name: str) -> None:
    """Take a connection out of use. Raises NotThere, and Conflict while a survey uses it."""
    connection_named(hub.registry.current(), role, name)
    applying.apply(hub, planning.plan_removal(hub, connection=(role, name)))


def resume(hub: Hub, role: Role, name: str) -> bool:
    """Use a paused connection again at once; return whether it was paused or had failures. Raises NotThere."""
    found = connection_named(hub.registry.current(), role, name)

    def work(connection: sqlalchemy.Connection) -> bool:
        audit.note(hub, connection, audit.Action.CONNECTION_RESUMED, found.label)
        return again.use_again(connection, found.id, hub.now())

    return hub.store.transact(work)


@dataclass(frozen=True, kw_only=True)
class Troubles:
    """What is left alone (until when, and why), and how often connections failed in a row, both by id."""

    paused: Mapping[str, tuple[datetime, str]]
    failures: Mapping[str, int]

    def health_of(self, connection: Connection) -> tuple[Health, str]:
        """Return how a connection is doing, in a word and a sentence."""
        if connection.problem is not None:
            return Health.BROKEN, f"{connection.problem.rstrip('.')}."
        if connection.id in self.paused:
            return Health.PAUSED, f"{self.paused[connection.id][1].rstrip('.')}."
        if connection.id in self.failures:
            return Health.ON_TRIAL, "It failed the last time; the next message shows whether it works again."
        return Health.WORKING, "It is in use."


def troubles_of(hub: Hub) -> Troubles:
    """Return which connections are in trouble."""
    with hub.store.read() as connection:
        return Troubles(paused=pauses.paused(connection, hub.now()), failures=pauses.failures(connection))


def _seen(hub: Hub, connection: Connection, troubles: Troubles) -> SeenConnection:
    stored = connection.stored
    state, sentence = troubles.health_of(connection)
    return SeenConnection(
        id=connection.id,
        role=stored.role,
        name=stored.name,
        kind=stored.kind,
        state=state,
        sentence=sentence,
        paused_until=troubles.paused[connection.id][0] if state is Health.PAUSED else None,
        settings=connection_table(hub, stored),
    )
