"""Edits of what somebody else may have changed since it was shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.admin.configuration.planning import Plan
from hub.admin.trouble import Conflict
from hub.config import ConfigError
from hub.pipeline.hub import Hub


def mark_of(settings: Mapping[str, Any]) -> str:
    """Return a short text that is another when the settings are: a form holds the one of what it shows."""
    return hashlib.sha256(json.dumps(_alike(settings), sort_keys=True, default=str).encode()).hexdigest()[:16]


def _alike(value: Any) -> Any:
    """Return a setting in one form: a default is 0, and the same once it was saved 0.0."""
    if isinstance(value, Mapping):
        return {str(name): _alike(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_alike(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_mark(settings: Mapping[str, Any], since: str | None) -> None:
    """Raise Conflict when these are not the settings that `since` is the mark of. None: it was not said."""
    if since is not None and since != mark_of(settings):
        raise Conflict("These settings were changed meanwhile")


def carry_out(hub: Hub, raw: Mapping[str, Any], *, revision: int) -> Plan:
    """Apply a document made from the configuration of this revision. Raises Conflict when that is another by now."""
    made = planning.plan_change(hub, raw)
    if made.revision != revision:
        raise Conflict("The configuration was changed in this very moment; look at it again, and then change it")
    applying.apply(hub, made)
    return made


def changes_of(hub: Hub, raw: Mapping[str, Any]) -> list[str]:
    """Return what a document about one survey or connection would change, a line each; nothing when it is wrong."""
    try:
        made = planning.plan_change(hub, raw)
    except ConfigError:
        return []
    return told(made)


def told(made: Plan) -> list[str]:
    """Return the changes of a plan as they are told to who looks at what it is about."""
    return [line.removeprefix(f"~ {made.subject}.").replace(" -> ", " → ") for line in made.lines]
