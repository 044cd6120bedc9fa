"""When an invitation that waits leaves by its survey's send window."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from hub.domain.settings import SurveyRules
from hub.domain.states import State
from hub.registry import Configuration
from hub.store import tables
from hub.store.sql import is_among

_LEAVES = (State.SCHEDULED, State.QUEUED)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Leave:
    """When an invitation leaves at the earliest; `sentence` says for which opening of the window it waits, if any."""

    at: datetime
    sentence: str | None = None


def leaves(rules: SurveyRules | None, row: Any, timezone: str | None) -> Leave:
    """Return when an invitation leaves whose person's device named `timezone`. `rules` None: of a retired survey."""
    at: datetime = row.next_attempt_at
    if rules is None or rules.send_window is None or row.at_once or row.state not in _LEAVES:
        return Leave(at=at)
    at = rules.opens_at(at, timezone)
    is_opening = rules.opens_at(at - _INSTANT, timezone) == at
    if not is_opening or at <= row.due_at:
        return Leave(at=at)
    zone = rules.zone_of(timezone)
    return Leave(at=at, sentence=f"Waits for {at.astimezone(zone):%A, %-d %b, %H:%M} ({zone}).")


def rules_by_survey(configuration: Configuration) -> dict[str, SurveyRules]:
    """Return the rules of the surveys in use, by id."""
    return {survey.id: survey.rules for survey in configuration.rules}


def timezones(connection: Connection, rules: Mapping[str, SurveyRules], rows: Collection[Any]) -> dict[str, str | None]:
    """Return by id the time zones of the people of invitations, of those whose survey has a window."""
    windowed = {id for id, one in rules.items() if one.send_window is not None}
    people = {row.person_id for row in rows if row.survey_id in windowed}
    if not people:
        return {}
    person = tables.person
    statement = select(person.c.id, person.c.timezone).where(is_among(connection, person.c.id, people))
    return {row.id: row.timezone for row in connection.execute(statement)}
