"""Applying a plan: all of it in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection, update

from hub.admin import audit, written_traits
from hub.admin.configuration.document import WantedSurvey
from hub.admin.configuration.planning import Plan
from hub.admin.trouble import Conflict
from hub.domain.reasons import Reason
from hub.domain.settings import rules_of
from hub.domain.states import MOVABLE, State
from hub.pipeline.hub import Hub
from hub.store import again, claims, configuration, outboxes, tables
from hub.store.configuration import Role
from hub.store.engine import lock_until_commit


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
                again.use_again(connection, ids[wanted.role, wanted.name], now)
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


def _cancel_waiting(connection: Connection, survey_id: str, hub: Hub) -> None:
    """Cancel all that has not departed; a worker that has one in hand is refused at the point of no return."""
    table = tables.invitation
    statement = update(table).where(
        table.c.survey_id == survey_id, table.c.state.in_(sorted(MOVABLE | {State.CLAIMED}))
    )
    values = {"state": State.CANCELLED, "reason": Reason.CANCELLED, "concluded_at": hub.now()}
    note = "The survey was taken out of use."
    connection.execute(statement.values(**values, note=note, revision=table.c.revision + 1))
