"""A survey as somebody edits it: checked like one that is saved, and stored nowhere."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields

from hub.admin.configuration.document import problems_of
from hub.admin.configuration.schemas import SurveySchema
from hub.admin.words import hint
from hub.config import ConfigError
from hub.domain.settings import SurveyRules, rules_of
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store.configuration import OF_SURVEYS, Role, StoredSurvey

_NEW = "new"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A survey's settings as edited; `connections` are ids of each role in their order, `id` is "new" for a new one."""

    id: str
    name: str
    enabled: bool
    settings: Mapping[str, Any]
    rules: SurveyRules
    connections: Mapping[Role, Sequence[str]]


def draft_of(hub: Hub, name: str, raw: Mapping[str, Any]) -> Draft:
    """Return the survey `name`, stored or not, with the settings in `raw`, typed or as a form writes them.

    Raises ConfigError with the path of every problem, as in `surveys.onboarding.max_delay_days: ...`.
    """
    configuration = hub.registry.current()
    stored = next((one for one in configuration.surveys.values() if one.name == name), None)
    path = f"surveys.{name}"
    settings = checked_settings({**_as_stored(stored), **_typed(raw)}, path)
    wanted = {role: settings.pop(role.plural) for role in OF_SURVEYS}
    named = {
        role: _ids(configuration, role, wanted[role], f"{path}.{role.plural}")
        for role in OF_SURVEYS
        if role.plural in raw
    }
    kept = stored.connections if stored is not None else {role: [] for role in OF_SURVEYS}
    return Draft(
        id=stored.id if stored is not None else _NEW,
        name=name,
        enabled=settings.pop("enabled"),
        settings=settings,
        rules=rules_of(settings),
        connections={**kept, **named},
    )


def checked_settings(raw: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return a survey's table as `SurveySchema` loads it. Raises ConfigError with every problem below `path`."""
    schema = SurveySchema(unknown=RAISE)
    try:
        return dict(schema.load(raw))
    except ValidationError as error:
        raise ConfigError(problems_of(path, error.messages, schema)) from None


def _as_stored(stored: StoredSurvey | None) -> dict[str, Any]:
    return {} if stored is None else {**stored.settings, "enabled": stored.enabled}


def _ids(configuration: Configuration, role: Role, names: Sequence[str], path: str) -> list[str]:
    found = {name: configuration.named(role, name) for name in names}
    known = [one.stored.name for one in configuration.live(role)]
    missing = [f"{path}: there is no {role} {name!r}{hint(name, known)}" for name, one in found.items() if one is None]
    if missing:
        raise ConfigError(missing)
    return [one.id for one in found.values() if one is not None]


def _typed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with those numbers and switches read that a form writes as text."""
    return {
        name: _read(value, _SCHEMA.fields.get(name)) if isinstance(value, str) else value for name, value in raw.items()
    }


def _read(text: str, field: fields.Field[Any] | None) -> Any:
    if isinstance(field, fields.Boolean):
        return {"true": True, "on": True, "false": False, "": False}.get(text.strip().lower(), text)
    kinds = (int, float) if isinstance(field, fields.Float) else (int,) if isinstance(field, fields.Integer) else ()
    for kind in kinds:
        with contextlib.suppress(ValueError):
            return kind(text.strip())
    return text


_SCHEMA: Schema = SurveySchema()
