"""Applying a document: first a plan that a person can read, then all of it in one transaction."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection, update

from hub.admin import audit, document, written_traits
from hub.admin.changes import changed_settings, new_connection, new_survey
from hub.admin.document import KEPT, Document, WantedConnection, WantedSurvey
from hub.admin.health import gaps, unreachable_links
from hub.admin.trouble import Conflict
from hub.config import ConfigError
from hub.domain.reasons import Reason
from hub.domain.settings import rules_of
from hub.domain.states import MOVABLE, State
from hub.pipeline.hub import Hub
from hub.plugin import Secret
from hub.store import claims, configuration, outboxes, pauses, tables
from hub.store.configuration import Role, StoredConnection, StoredSurvey
from hub.store.engine import lock_until_commit
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
    current = _Current(hub)
    raw = document.parse(text)
    wanted = document.read(raw, hub.registry.plugins, environ=environ, kept=current.kept_secret)
    made = _plan_entries(hub, current, wanted)
    _plan_removals(made, current, wanted)
    return _checked(hub, current, made, environ)


def plan_change(hub: Hub, raw: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Plan:
    """Return what changing only the surveys and connections in this document would change; all others stay.

    What stays is not looked at, so that a connection that is broken keeps nobody from changing another. Raises
    ConfigError listing every problem.
    """
    current = _Current(hub)
    plugins = hub.registry.plugins
    wanted = document.read(
        raw, plugins, environ=environ, kept=current.kept_secret, there=current.connections, surveys=current.surveys
    )
    made = _plan_entries(hub, current, wanted)
    made.surveys += _relinked(made, current)
    return _checked(hub, current, made, environ)


def plan_removal(hub: Hub, *, connection: tuple[Role, str] | None = None, survey: str | None = None) -> Plan:
    """Return what taking a connection or a survey out of use would change, both being there.

    Raises Conflict while a survey uses the connection, and while a listener names the survey.
    """
    current = _Current(hub)
    made = Plan(revision=current.revision)
    if connection is not None:
        users = current.users_of(*connection)
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


def secrets_that_would_go_elsewhere(hub: Hub, wanted: WantedConnection, config: Mapping[str, Any]) -> list[str]:
    """Return the stored secrets that these settings keep while others differ from those they were stored with.

    Those of the hub's making are left out: whoever may change settings may see them.
    """
    current = _Current(hub)
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


def _plan_entries(hub: Hub, current: _Current, wanted: Document) -> Plan:
    if wanted.problems:
        raise ConfigError(wanted.problems)
    made = Plan(revision=current.revision, warnings=_warnings(hub, wanted))
    for connection in wanted.connections:
        _plan_connection(hub, made, current, connection)
    for survey in wanted.surveys:
        _plan_survey(made, current, survey)
    return made


def _relinked(made: Plan, current: _Current) -> list[WantedSurvey]:
    """Return the surveys that use a connection which gives its name to one of another kind, to be linked to that."""
    wanted = [one for one, _ in made.connections]
    replaced = {(one.role, one.name) for one in wanted if current.of(one.role, one.name, one.kind) is None}
    users = {name for role, connection in replaced for name in current.users_of(role, connection)}
    return [current.as_wanted(name) for name in sorted(users - {survey.name for survey in made.surveys})]


def _checked(hub: Hub, current: _Current, made: Plan, environ: Mapping[str, str]) -> Plan:
    problems = _shared_keys(hub, made, current, environ)
    if problems:
        raise ConfigError(problems)
    made.warnings += _shared_traits(hub, current, made)
    return made


def apply(hub: Hub, made: Plan) -> None:
    """Carry a plan out. Raises Conflict when the configuration changed since the plan was made."""

    def work(connection: Connection) -> None:
        now = hub.now()
        lock_until_commit(connection, "configuration")
        if configuration.revision(connection) != made.revision:
            raise Conflict("The configuration was changed meanwhile; look at it again, and then change it")
        before = configuration.snapshot(connection)
        live = (one for one in before.connections if one.retired_at is None)
        settings = {survey.id: survey.settings for survey in before.surveys}
        ids = {(one.role, one.name): one.id for one in live}
        for connection_id in made.retired_connections:
            configuration.retire_connection(connection, connection_id, now=now)
        for wanted, config in made.connections:
            ids[wanted.role, wanted.name] = configuration.save_connection(
                connection,
                role=wanted.role,
                name=wanted.name,
                kind=wanted.kind,
                config=config,
                options=wanted.options,
                now=now,
            )
            if any(line.startswith(f"~ {wanted.path}.") for line in made.lines):
                pauses.resume(connection, ids[wanted.role, wanted.name])
        for survey in made.surveys:
            links = _links(survey, ids)
            survey_id = configuration.save_survey(
                connection,
                name=survey.name,
                enabled=survey.enabled,
                settings=survey.settings,
                connections=links,
                by=audit.acting(),
                now=now,
            )
            if survey_id in settings and _window(settings[survey_id]) != _window(survey.settings):
                claims.look_again(connection, survey_id)
        for survey_id in made.retired_surveys:
            configuration.retire_survey(connection, survey_id, now=now)
            _cancel_waiting(connection, survey_id, hub)
        configuration.raise_revision(connection)
        if made.lines:
            action = audit.Action.CONFIGURATION_CHANGED
            audit.note(hub, connection, action, made.subject, changes=made.lines)

    before = hub.registry.current().per_survey
    hub.store.transact(work)
    written_traits.remember(hub)
    _revive(hub, hub.registry.current().per_survey - before)


def _revive(hub: Hub, targets: Collection[str]) -> None:
    """Tell targets that from now on keep surveys apart what was given up for answers to other surveys."""
    for target_id in targets:
        hub.store.transact(partial(outboxes.revive, target_id=target_id, now=hub.now()))


def _window(settings: Mapping[str, Any]) -> object:
    """Return all that says when mails go out."""
    rules = rules_of(settings)
    return rules.send_window, rules.send_timezone, rules.send_in_customer_timezone


def _links(survey: WantedSurvey, ids: Mapping[tuple[Role, str], str]) -> dict[Role, list[str]]:
    """Return a survey's connections by id. Raises Conflict when one was taken out of use since the plan was made."""
    try:
        return {role: [ids[role, name] for name in names] for role, names in survey.connections.items()}
    except KeyError as missing:
        role, name = missing.args[0]
        raise Conflict(f"{role.plural}.{name} was taken out of use in this very moment; look again") from None


class _Current:
    """The configuration as it is, to compare with."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        with hub.store.read() as connection:
            snapshot = configuration.snapshot(connection)
        self.revision = snapshot.revision
        self.connections = {(c.role, c.name): c for c in snapshot.connections if c.retired_at is None}
        retired = [c for c in snapshot.connections if c.retired_at is not None]
        self._retired = {(c.role, c.name, c.kind): c for c in sorted(retired, key=lambda c: str(c.retired_at))}
        self.surveys = {survey.name: survey for survey in snapshot.surveys}
        self._names = {c.id: c.name for c in snapshot.connections}

    def kept_secret(self, role: Role, name: str, kind: str, key: str) -> str | None:
        """Return a stored secret in the clear, or None; a connection put back in use has those it had."""
        stored = self.of(role, name, kind) or self.retired(role, name, kind)
        if stored is None or key not in stored.config:
            return None
        try:
            return str(self._hub.registry.reveal({key: stored.config[key]})[key])
        except ConfigError:
            return None

    def of(self, role: Role, name: str, kind: str) -> StoredConnection | None:
        """Return the stored connection that a wanted one would change."""
        stored = self.connections.get((role, name))
        return stored if stored is not None and stored.kind == kind else None

    def retired(self, role: Role, name: str, kind: str) -> StoredConnection | None:
        """Return the connection that a wanted one would put back in use: the one that was retired last."""
        return self._retired.get((role, name, kind))

    def users_of(self, role: Role, name: str) -> list[str]:
        """Return the names of the surveys that use a connection."""
        return [survey.name for survey in self.surveys.values() if name in self.names_of(survey).get(role, ())]

    def listeners_to(self, survey: str) -> list[str]:
        """Return the listeners that name a survey, as in `listeners.ops`."""
        listeners = [one for (role, _), one in self.connections.items() if role is Role.LISTENER]
        return [f"listeners.{one.name}" for one in listeners if survey in one.options["surveys"]]

    def as_wanted(self, name: str) -> WantedSurvey:
        """Return a survey as it is."""
        survey = self.surveys[name]
        return WantedSurvey(
            name=name, enabled=survey.enabled, settings=survey.settings, connections=self.names_of(survey)
        )

    def names_of(self, survey: StoredSurvey) -> dict[Role, list[str]]:
        """Return a survey's connections by name."""
        return {role: [self._names[id] for id in ids] for role, ids in survey.connections.items()}


def _plan_connection(hub: Hub, made: Plan, current: _Current, wanted: WantedConnection) -> None:
    stored = current.of(wanted.role, wanted.name, wanted.kind)
    config = _stored_form(hub, made, current, wanted)
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


def _stored_form(hub: Hub, made: Plan, current: _Current, wanted: WantedConnection) -> dict[str, Any]:
    """Return the settings as they are stored: secrets sealed, or as the name of a variable."""
    config = dict(wanted.config)
    for name, schema_field in wanted.provider.config_schema().fields.items():
        key = schema_field.data_key or name
        if not isinstance(schema_field, Secret):
            continue
        value = config.get(key)
        if value is None and schema_field.generate:
            value = KEPT if _is_stored(current, wanted, key) else secrets.token_urlsafe(24)
            if value != KEPT:
                made.generated[f"{wanted.path}.{key}"] = value
        if value is None:
            continue
        variable = document.variable_of(value)
        if variable is not None:
            config[key] = {"env": variable}
        else:
            config[key] = _sealed(hub, current, wanted, key, value)
    return config


def _is_stored(current: _Current, wanted: WantedConnection, key: str) -> bool:
    stored = current.of(wanted.role, wanted.name, wanted.kind)
    if stored is not None:
        return key in stored.config
    return current.kept_secret(wanted.role, wanted.name, wanted.kind, key) is not None


def _sealed(hub: Hub, current: _Current, wanted: WantedConnection, key: str, value: str) -> Any:
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


def _plan_survey(made: Plan, current: _Current, wanted: WantedSurvey) -> None:
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


def _plan_removals(made: Plan, current: _Current, wanted: Document) -> None:
    kept = {(one.role, one.name) for one in wanted.connections}
    for key, stored in current.connections.items():
        if key not in kept:
            _plan_connection_removal(made, key, stored)
    for name, survey in current.surveys.items():
        if name not in {one.name for one in wanted.surveys}:
            _plan_survey_removal(made, survey)


def _plan_connection_removal(made: Plan, key: tuple[Role, str], stored: StoredConnection) -> None:
    role, name = key
    made.retired_connections.append(stored.id)
    made.lines.append(f"- {role.plural}.{name}: taken out of use")


def _plan_survey_removal(made: Plan, survey: StoredSurvey) -> None:
    made.retired_surveys.append(survey.id)
    made.lines.append(f"- surveys.{survey.name}: taken out of use; what waits is cancelled, answers are kept")


def _warnings(hub: Hub, wanted: Document) -> list[str]:
    asking = [survey for survey in wanted.surveys if survey.enabled]
    warnings = [f"surveys.{one.name}: is on, but {gap}" for one in asking for gap in gaps(one.connections)]
    unreachable = unreachable_links(hub) if asking else None
    warnings += [unreachable] if unreachable else []
    return warnings


def _shared_traits(hub: Hub, current: _Current, made: Plan) -> list[str]:
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


def _shared_keys(hub: Hub, made: Plan, current: _Current, environ: Mapping[str, str]) -> list[str]:
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


def _keys_that_stay(hub: Hub, made: Plan, current: _Current) -> dict[str, str]:
    """Return the keys of the working sources that the plan does not touch, by hash, with their paths."""
    touched = {(one.role, one.name) for one, _ in made.connections}
    names = {
        stored.id: f"{role.plural}.{name}"
        for (role, name), stored in current.connections.items()
        if (role, name) not in touched and stored.id not in made.retired_connections
    }
    keys = hub.registry.current().source_of_key
    return {key: names[connection_id] for key, connection_id in keys.items() if connection_id in names}


def _cancel_waiting(connection: Connection, survey_id: str, hub: Hub) -> None:
    """Cancel all that has not departed; a worker that has one in hand is refused at the point of no return."""
    table = tables.invitation
    statement = update(table).where(
        table.c.survey_id == survey_id, table.c.state.in_(sorted(MOVABLE | {State.CLAIMED}))
    )
    values = {"state": State.CANCELLED, "reason": Reason.CANCELLED, "concluded_at": hub.now()}
    note = "The survey was taken out of use."
    connection.execute(statement.values(**values, note=note, revision=table.c.revision + 1))
