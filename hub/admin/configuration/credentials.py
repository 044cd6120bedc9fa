"""Secrets that the hub made for others to present, in the clear: what has to be pasted where events come from."""

from __future__ import annotations

from hub.admin import audit
from hub.admin.configuration.export import connection_table
from hub.admin.configuration.kinds import settings_of
from hub.admin.names import connection_named
from hub.config import ConfigError
from hub.pipeline.hub import Hub
from hub.plugin import Secret
from hub.store.configuration import Role


def made_secrets(hub: Hub, role: Role, name: str) -> list[str]:
    """Return the stored settings of a connection that are secrets of the hub's making. Raises NotThere."""
    stored = connection_named(hub.registry.current(), role, name).stored
    try:
        schema, _ = settings_of(hub, role, stored.kind)
    except ConfigError:
        return []
    made = [one.data_key or key for key, one in schema.fields.items() if isinstance(one, Secret) and one.generate]
    return [key for key in made if key in stored.config]


def reveal(hub: Hub, role: Role, name: str) -> dict[str, str]:
    """Return those secrets in the clear; that they were shown is in the audit log.

    Raises NotThere, and ConfigError for one that no key of the hub's opens.
    """
    stored = connection_named(hub.registry.current(), role, name).stored
    table = connection_table(hub, stored, reveal=True)
    shown = {key: str(table[key]) for key in made_secrets(hub, role, name)}
    if shown:
        audit.note_alone(hub, audit.Action.SECRETS_SHOWN, f"{role.plural}.{name}", secrets=sorted(shown))
    return shown
