"""The secrets of a connection as they are stored: sealed, kept, made by the hub, or the name of a variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.admin.configuration import document
from hub.admin.configuration.changes import changed_settings
from hub.admin.configuration.current import Current
from hub.admin.configuration.document import KEPT, WantedConnection
from hub.pipeline.hub import Hub
from hub.plugin import Secret


def stored_form(hub: Hub, current: Current, wanted: WantedConnection) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a connection's settings as they are stored, and the secrets that were made for it, by path."""
    generated: dict[str, str] = {}
    config = dict(wanted.config)
    for name, schema_field in wanted.provider.config_schema().fields.items():
        key = schema_field.data_key or name
        if not isinstance(schema_field, Secret):
            continue
        value = config.get(key)
        if value is None and schema_field.generate:
            value = KEPT if _is_stored(current, wanted, key) else schema_field.make()
            if value != KEPT:
                generated[f"{wanted.path}.{key}"] = value
        if value is None:
            continue
        variable = document.variable_of(value)
        if variable is not None:
            config[key] = {"env": variable}
        else:
            config[key] = _sealed(hub, current, wanted, key, value)
    return config, generated


def secrets_that_would_go_elsewhere(hub: Hub, wanted: WantedConnection, config: Mapping[str, Any]) -> list[str]:
    """Return the stored secrets that these settings keep while others differ from those they were stored with.

    Those of the hub's making are left out: whoever may change settings may see them.
    """
    current = Current(hub)
    known = (wanted.role, wanted.name, wanted.kind)
    before = current.of(*known) or current.retired(*known)
    if before is None:
        return []
    fields = {one.data_key or name: one for name, one in wanted.provider.config_schema().fields.items()}
    secret = {key for key, one in fields.items() if isinstance(one, Secret)}
    if not changed_settings(*({k: v for k, v in one.items() if k not in secret} for one in (before.config, config))):
        return []
    given = {key for key in secret if isinstance(one := fields[key], Secret) and not one.generate}
    return sorted(key for key in given if wanted.config.get(key) == KEPT and config.get(key) is not None)


def _is_stored(current: Current, wanted: WantedConnection, key: str) -> bool:
    stored = current.of(wanted.role, wanted.name, wanted.kind)
    if stored is not None:
        return key in stored.config
    return current.kept_secret(wanted.role, wanted.name, wanted.kind, key) is not None


def _sealed(hub: Hub, current: Current, wanted: WantedConnection, key: str, value: str) -> Any:
    """Return a secret as it is stored: as it was when it is the same, unless its encryption key was rotated out."""
    known = (wanted.role, wanted.name, wanted.kind)
    kept = current.kept_secret(*known, key)
    stored = current.of(*known) or current.retired(*known)
    if value not in (KEPT, kept) or stored is None:
        return {"sealed": hub.keys.seal(value)}
    before = stored.config[key]
    if "sealed" in before and not hub.keys.is_current(before["sealed"]):
        return {"sealed": hub.keys.seal(str(kept))}
    return before
