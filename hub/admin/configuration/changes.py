"""How a plan tells its changes: one line for each new thing and each changed setting, secrets hidden."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hub.admin.configuration.document import WantedConnection, WantedSurvey, secret_keys
from hub.admin.configuration.schemas import OPTIONS, SurveySchema
from hub.store.configuration import OF_SURVEYS

_LONGEST = 200
"""Characters of a text that are told."""


def new_connection(wanted: WantedConnection, config: Mapping[str, Any], secrets: Mapping[str, str]) -> str:
    """Return a new connection's kind and settings; `secrets` says of some secrets where they come from."""
    hidden = secret_keys(wanted.provider.config_schema())
    parts = [f"{key} = {_secret(config[key], secrets.get(key))}" for key in hidden if key in config]
    plain = {key: value for key, value in config.items() if key not in hidden}
    options = _differing(wanted.options, OPTIONS[wanted.role]().load({}))
    return ", ".join([f"kind {wanted.kind}", *_settings({**plain, **options}), *parts])


def new_survey(wanted: WantedSurvey) -> str:
    """Return whether a new survey is on, and those of its settings that are not the default."""
    connections = {role.plural: wanted.connections[role] for role in OF_SURVEYS if wanted.connections[role]}
    settings = _differing(wanted.settings, SurveySchema().load({}))
    return ", ".join(["on" if wanted.enabled else "a draft", *_settings({**connections, **settings})])


def changed_settings(before: Mapping[str, Any], after: Mapping[str, Any], hidden: Iterable[str] = ()) -> list[str]:
    """Return a line for each setting that differs; of those in `hidden` only that they do."""
    return [
        f"{key}: changed" if key in hidden else f"{key}: {_shown(was)} -> {_shown(became)}"
        for key, was, became in differences(before, after)
    ]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return each setting that differs, by its path, with its two values; None is one that is not there."""
    before, after = _one_by_one(before), _one_by_one(after)
    keys = sorted({*before, *after})
    return [(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


def _settings(values: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_shown(value)}" for key, value in _one_by_one(values).items() if value is not None]


def _one_by_one(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with each text of a survey as one of its own, by its path."""
    others = {key: value for key, value in values.items() if key != "texts"}
    return {**others, **dict(_leaves("texts", values.get("texts") or {}))}


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _leaves(f"{path}.{key}", below)
    else:
        yield path, value


def _secret(value: Any, origin: str | None) -> str:
    if origin is None and isinstance(value, dict) and "env" in value:
        return f'"${value["env"]}"'
    return f"({origin or 'hidden'})"


def _shown(value: Any) -> str:
    if value is None:
        return "(default)"
    if isinstance(value, str) and value.startswith("data:"):
        return "(an image)"
    if isinstance(value, str) and len(value) > _LONGEST:
        value = f"{value[: _LONGEST - 1]}…"
    is_whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if is_whole else value, ensure_ascii=False)


def _differing(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value != defaults.get(key)}
