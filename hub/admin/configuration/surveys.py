"""Surveys: seen, made, changed, switched on and off, taken out of use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, exists, select

from hub.admin import audit
from hub.admin.audit import Action
from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.admin.configuration.edits import carry_out, check_mark, mark_of
from hub.admin.configuration.planning import Plan
from hub.admin.configuration.schemas import SurveySchema
from hub.admin.configuration.text_schemas import AppearanceSchema
from hub.admin.names import connection_name, survey_named
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import configuration as stored_configuration
from hub.store.configuration import Role, StoredSurvey
from hub.store.tables import event


@dataclass(frozen=True, kw_only=True)
class SeenSurvey:
    """A survey; `settings` is all of its table `[surveys.NAME]`, defaults included."""

    name: str
    enabled: bool
    settings: Mapping[str, Any]

    @property
    def mark(self) -> str:
        """The mark of what `save` writes."""
        return mark_of(_saved(self.settings))


def surveys(hub: Hub) -> list[SeenSurvey]:
    """Return the surveys in use, by name."""
    configuration = hub.registry.current()
    return sorted((_seen(configuration, one) for one in configuration.surveys.values()), key=lambda one: one.name)


def survey_of(hub: Hub, name: str) -> SeenSurvey:
    """Return one survey. Raises NotThere."""
    configuration = hub.registry.current()
    return _seen(configuration, survey_named(configuration, name))


def gets_events(hub: Hub, name: str) -> bool:
    """Return whether an event of the survey's sources is kept. Raises NotThere."""
    sources = survey_named(hub.registry.current(), name).connections[Role.SOURCE]
    with hub.store.read() as connection:
        return bool(connection.scalar(select(exists().where(event.c.source_id.in_(sources)))))


def put(hub: Hub, name: str, table: Mapping[str, Any]) -> Plan:
    """Make the survey what this table says, as `hub apply` would; nothing else changes. Raises ConfigError."""
    made = planning.plan_change(hub, {"surveys": {name: table}})
    applying.apply(hub, made)
    return made


def save(hub: Hub, name: str, table: Mapping[str, Any], *, since: str | None) -> Plan:
    """Make a survey's rules and connections what this table says; its switch and what customers see stay.

    `since` is the mark of the survey that was edited. Raises Conflict when it was changed since then or in this very
    moment, ConfigError with the path of every problem, and NotThere.
    """
    revision = hub.registry.current().revision
    settings = survey_of(hub, name).settings
    check_mark(_saved(settings), since)
    kept = {one: settings[one] for one in _APART}
    return carry_out(hub, {"surveys": {name: {**table, **kept}}}, revision=revision)


def switch(hub: Hub, name: str, *, on: bool) -> SeenSurvey:
    """Switch a survey on or off and leave all else as it is. Raises NotThere."""

    def work(connection: Connection) -> None:
        survey = survey_named(hub.registry.current(), name)
        stored_configuration.switch_survey(connection, survey.id, on=on, now=hub.now())
        stored_configuration.raise_revision(connection)
        audit.note(hub, connection, Action.SURVEY_ON if on else Action.SURVEY_OFF, f"surveys.{name}")

    hub.store.transact(work)
    return survey_of(hub, name)


def retire(hub: Hub, name: str) -> None:
    """Take a survey out of use: what waits is cancelled, answers are kept. Raises NotThere."""
    survey_named(hub.registry.current(), name)
    applying.apply(hub, planning.plan_removal(hub, survey=name))


def _saved(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in _APART}


def _seen(configuration: Configuration, survey: StoredSurvey) -> SeenSurvey:
    names = {
        role.plural: [connection_name(configuration, id) for id in ids] for role, ids in survey.connections.items()
    }
    return SeenSurvey(
        name=survey.name,
        enabled=survey.enabled,
        settings={**_DEFAULTS, **survey.settings, **names, "enabled": survey.enabled},
    )


_APART = ("enabled", *AppearanceSchema().fields)
_DEFAULTS: Mapping[str, Any] = SurveySchema().dump(SurveySchema().load({}))
