"""The configuration as a document that `apply` reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomli_w

from hub.admin.configuration.document import KEPT
from hub.admin.configuration.schemas import OPTIONS, SurveySchema
from hub.pipeline.hub import Hub
from hub.store import configuration
from hub.store.configuration import Role, StoredConnection, StoredSurvey


def export(hub: Hub, *, reveal: bool = False) -> str:
    """Return the configuration as TOML; secrets as `(kept)`, in the clear with `reveal`."""
    with hub.store.read() as connection:
        snapshot = configuration.snapshot(connection)
    live = [one for one in snapshot.connections if one.retired_at is None]
    names = {one.id: one.name for one in snapshot.connections}
    written: dict[str, dict[str, Any]] = {}
    for role in Role:
        entries = {one.name: connection_table(hub, one, reveal=reveal) for one in live if one.role is role}
        if entries:
            written[role.plural] = dict(sorted(entries.items()))
    if snapshot.surveys:
        written["surveys"] = {survey.name: survey_table(survey, names) for survey in snapshot.surveys}
    return tomli_w.dumps(written)


def connection_table(hub: Hub, stored: StoredConnection, *, reveal: bool = False) -> dict[str, Any]:
    """Return a connection as its table is written: what differs from the defaults, secrets as in `export`."""
    config = {key: _setting(hub, key, value, reveal=reveal) for key, value in stored.config.items()}
    defaults = OPTIONS[stored.role]().load({})
    return {"kind": stored.kind, **config, **_differing(stored.options, defaults)}


def _setting(hub: Hub, key: str, value: Any, *, reveal: bool) -> Any:
    if isinstance(value, dict) and "env" in value:
        return f"${value['env']}"
    if isinstance(value, dict) and "sealed" in value:
        return hub.registry.reveal({key: value})[key] if reveal else KEPT
    return value


def survey_table(survey: StoredSurvey, names: Mapping[str, str]) -> dict[str, Any]:
    """Return a survey as its table is written; `names` are those of connections by id."""
    connections = {role.plural: [names[id] for id in ids] for role, ids in survey.connections.items()}
    defaults = SurveySchema().dump(SurveySchema().load({}))
    return {**connections, "enabled": survey.enabled, **_differing(survey.settings, defaults)}


def _differing(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None and value != defaults.get(key)}
