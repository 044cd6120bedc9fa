"""What applying a document would change, as a plan that a person can read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.admin import written_traits
from hub.admin.configuration import document, weekly
from hub.admin.configuration.changes import changed_settings, new_connection, new_survey
from hub.admin.configuration.current import Current
from hub.admin.configuration.document import Document, WantedConnection, WantedSurvey
from hub.admin.configuration.sealing import stored_form
from hub.admin.health import gaps, unreachable_links
from hub.admin.trouble import Conflict
from hub.config import ConfigError
from hub.pipeline.hub import Hub
from hub.plugin import Secret
from hub.store.configuration import Role, StoredConnection, StoredSurvey
from hub.store.keys import hash_key

_PATH = re.compile(r"(?<=^. )\w+\.[\w-]+")
"""What a line of a plan is about."""


@dataclass(kw_only=True)
class Plan:
    """What applying a document would change. `generated` are new secrets, by path, to be shown once.

    `revision` is the one of the configuration that it was made for, and holds for no other.
    """

    revision: int
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    generated: dict[str, str] = field(default_factory=dict)
    connections: list[tuple[WantedConnection, dict[str, Any]]] = field(default_factory=list)
    surveys: list[WantedSurvey] = field(default_factory=list)
    retired_connections: list[str] = field(default_factory=list)
    retired_surveys: list[str] = field(default_factory=list)

    @property
    def removes_everything(self) -> bool:
        """Whether the document names nothing, and something is there."""
        return bool(self.lines) and not self.connections and not self.surveys

    @property
    def subject(self) -> str:
        """What it changes: the one survey or connection, as `surveys.NAME`, else "configuration"."""
        found = {match[0] for match in map(_PATH.search, self.lines) if match}
        return found.pop() if len(found) == 1 else "configuration"


def plan(hub: Hub, text: str, environ: Mapping[str, str] = os.environ) -> Plan:
    """Return what applying this TOML would change. Raises ConfigError listing every problem."""
    current = Current(hub)
    raw = document.parse(text)
    wanted = document.read(raw, hub.registry.plugins, environ=environ, kept=current.kept_secret)
    made = _plan_entries(hub, current, wanted)
    _plan_removals(hub, made, current, wanted)
    return _checked(hub, current, made, environ)


def plan_change(hub: Hub, raw: Mapping[str, Any]) -> Plan:
    """Return what changing only the surveys and connections in this document would change; all others stay.

    What stays is not looked at, so that a connection that is broken keeps nobody from changing another. Raises
    ConfigError listing every problem.
    """
    current = Current(hub)
    plugins = hub.registry.plugins
    wanted = document.read(
        raw, plugins, environ=os.environ, kept=current.kept_secret, there=current.connections, surveys=current.surveys
    )
    made = _plan_entries(hub, current, wanted)
    made.surveys += _relinked(made, current)
    return _checked(hub, current, made, os.environ)


def plan_removal(hub: Hub, *, connection: tuple[Role, str] | None = None, survey: str | None = None) -> Plan:
    """Return what taking a connection or a survey out of use would change, both being there.

    Raises Conflict while a survey or the weekly report uses the connection, and while a listener names the survey.
    """
    current = Current(hub)
    made = Plan(revision=current.revision)
    if connection is not None:
        users = current.users_of(*connection)
        users += ["the weekly report"] if _is_of_report(hub, connection) else []
        if users:
            label = f"{connection[0].plural}.{connection[1]}"
            raise Conflict(f"{label} is used by {' and '.join(users)}; take it out of there first")
        _plan_connection_removal(made, connection, current.connections[connection])
    if survey is not None:
        listeners = current.listeners_to(survey)
        if listeners:
            raise Conflict(f"surveys.{survey} is named by {' and '.join(listeners)}; take it out of there first")
        _plan_survey_removal(made, current.surveys[survey])
    return made


def _plan_entries(hub: Hub, current: Current, wanted: Document) -> Plan:
    if wanted.problems:
        raise ConfigError(wanted.problems)
    made = Plan(revision=current.revision, warnings=_warnings(hub, wanted))
    for connection in wanted.connections:
        _plan_connection(hub, made, current, connection)
    for survey in wanted.surveys:
        _plan_survey(made, current, survey)
    return made


def _relinked(made: Plan, current: Current) -> list[WantedSurvey]:
    """Return the surveys that use a connection which gives its name to one of another kind, to be linked to that."""
    wanted = [one for one, _ in made.connections]
    replaced = {(one.role, one.name) for one in wanted if current.of(one.role, one.name, one.kind) is None}
    users = {name for role, connection in replaced for name in current.users_of(role, connection)}
    return [current.as_wanted(name) for name in sorted(users - {survey.name for survey in made.surveys})]


def _checked(hub: Hub, current: Current, made: Plan, environ: Mapping[str, str]) -> Plan:
    problems = _shared_keys(hub, made, current, environ)
    if problems:
        raise ConfigError(problems)
    made.warnings += _shared_traits(hub, current, made)
    return made


def _warnings(hub: Hub, wanted: Document) -> list[str]:
    asking = [survey for survey in wanted.surveys if survey.enabled]
    warnings = [f"surveys.{one.name}: is on, but {gap}" for one in asking for gap in gaps(one.connections)]
    unreachable = unreachable_links(hub) if asking else None
    warnings += [unreachable] if unreachable else []
    return warnings


def _plan_connection(hub: Hub, made: Plan, current: Current, wanted: WantedConnection) -> None:
    stored = current.of(wanted.role, wanted.name, wanted.kind)
    config, generated = stored_form(hub, current, wanted)
    made.generated |= generated
    made.connections.append((wanted, config))
    if stored is not None:
        secrets_of = document.secret_keys(wanted.provider.config_schema())
        changes = changed_settings(stored.config, config, hidden=secrets_of)
        changes += changed_settings(stored.options, wanted.options)
        made.lines += [f"~ {wanted.path}.{change}" for change in changes]
        return
    replaced = current.connections.get((wanted.role, wanted.name))
    retired = current.retired(wanted.role, wanted.name, wanted.kind)
    told = new_connection(wanted, config, _origins(made, wanted, config, retired))
    sign, what = ("~", f"kind {replaced.kind} -> ") if replaced else ("+", "back in use, " if retired else "")
    made.lines.append(f"{sign} {wanted.path}: {what}{told.removeprefix('kind ') if replaced else told}")


def _origins(
    made: Plan, wanted: WantedConnection, config: Mapping[str, Any], retired: StoredConnection | None
) -> dict[str, str]:
    """Return where those secrets come from that the document does not give."""
    origins = {}
    for key in document.secret_keys(wanted.provider.config_schema()):
        if f"{wanted.path}.{key}" in made.generated:
            origins[key] = "made by the hub"
        elif retired is not None and key in config and config[key] == retired.config.get(key):
            origins[key] = "as before"
    return origins


def _plan_survey(made: Plan, current: Current, wanted: WantedSurvey) -> None:
    made.surveys.append(wanted)
    path = f"surveys.{wanted.name}"
    stored = current.surveys.get(wanted.name)
    if stored is None:
        made.lines.append(f"+ {path}: {new_survey(wanted)}")
        return
    before = {**stored.settings, "enabled": stored.enabled}
    after = {**wanted.settings, "enabled": wanted.enabled}
    for role, names in current.names_of(stored).items():
        before[role.plural] = names
        after[role.plural] = wanted.connections[role]
    made.lines += [f"~ {path}.{change}" for change in changed_settings(before, after)]


def _plan_removals(hub: Hub, made: Plan, current: Current, wanted: Document) -> None:
    kept = {(one.role, one.name) for one in wanted.connections}
    for key, stored in current.connections.items():
        if key not in kept:
            _plan_connection_removal(made, key, stored)
            if _is_of_report(hub, key):
                made.warnings.append(f"channels.{stored.name}: the weekly report goes out by it; choose another there")
    for name, survey in current.surveys.items():
        if name not in {one.name for one in wanted.surveys}:
            _plan_survey_removal(made, survey)


def _is_of_report(hub: Hub, key: tuple[Role, str]) -> bool:
    role, name = key
    return role is Role.CHANNEL and weekly.uses_channel(hub, name)


def _plan_connection_removal(made: Plan, key: tuple[Role, str], stored: StoredConnection) -> None:
    role, name = key
    made.retired_connections.append(stored.id)
    made.lines.append(f"- {role.plural}.{name}: taken out of use")


def _plan_survey_removal(made: Plan, survey: StoredSurvey) -> None:
    made.retired_surveys.append(survey.id)
    made.lines.append(f"- surveys.{survey.name}: taken out of use; what waits is cancelled, answers are kept")


def _shared_traits(hub: Hub, current: Current, made: Plan) -> list[str]:
    """Return a warning for every target in the plan, or of a survey in it, that surveys write the same traits to."""
    surveys = {name: current.names_of(one)[Role.TARGET] for name, one in current.surveys.items()}
    surveys |= {one.name: one.connections[Role.TARGET] for one in made.surveys}
    gone = {one.name for one in current.surveys.values() if one.id in made.retired_surveys}
    writers: dict[str, list[str]] = {}
    for name in sorted(surveys.keys() - gone):
        for target in surveys[name]:
            writers.setdefault(target, []).append(name)
    changed = {one.name for one, _ in made.connections if one.role is Role.TARGET}
    changed |= {target for one in made.surveys for target in one.connections[Role.TARGET]}
    wanted = {one.name: (one, config) for one, config in made.connections if one.role is Role.TARGET}
    targets = [
        _as_stored(hub, *wanted[name]) if name in wanted else current.connections[Role.TARGET, name]
        for name in sorted(changed)
        if name in wanted or (Role.TARGET, name) in current.connections
    ]
    return written_traits.shared(hub, targets, writers)


def _as_stored(hub: Hub, wanted: WantedConnection, config: Mapping[str, Any]) -> StoredConnection:
    return StoredConnection(
        id=wanted.path,
        role=wanted.role,
        name=wanted.name,
        kind=wanted.kind,
        config=config,
        options=wanted.options,
        created_at=hub.now(),
    )


def _shared_keys(hub: Hub, made: Plan, current: Current, environ: Mapping[str, str]) -> list[str]:
    """Return a problem for every two sources that senders could not be told apart by."""
    seen = _keys_that_stay(hub, made, current)
    problems = []
    for wanted, config in made.connections:
        for name, schema_field in wanted.provider.config_schema().fields.items():
            key = schema_field.data_key or name
            if not (isinstance(schema_field, Secret) and schema_field.lookup and key in config):
                continue
            stored = config[key]
            value = environ.get(stored["env"], "") if "env" in stored else hub.keys.unseal(stored["sealed"])
            other = seen.setdefault(hash_key(value), wanted.path)
            if other != wanted.path:
                problems.append(f"{wanted.path}.{key}: {other} has the same key; each source needs its own")
    return problems


def _keys_that_stay(hub: Hub, made: Plan, current: Current) -> dict[str, str]:
    """Return the keys of the working sources that the plan does not touch, by hash, with their paths."""
    touched = {(one.role, one.name) for one, _ in made.connections}
    names = {
        stored.id: f"{role.plural}.{name}"
        for (role, name), stored in current.connections.items()
        if (role, name) not in touched and stored.id not in made.retired_connections
    }
    keys = hub.registry.current().source_of_key
    return {key: names[connection_id] for key, connection_id in keys.items() if connection_id in names}
