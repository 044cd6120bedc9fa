"""Reminders that are not made yet: one is made when it falls due, and stands in no queue before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from hub.admin.counts import Count
from hub.domain.world import Survey
from hub.pipeline.hub import Hub
from hub.store import reminders

MOST = 1_000


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """How many customers a survey reminds within a span if nobody answers."""

    survey: str
    count: Count


@dataclass(frozen=True, kw_only=True)
class OfPerson:
    """When a survey reminds a person who does not answer."""

    survey: str
    due_at: datetime


def reminders_ahead(hub: Hub, within: timedelta, survey: str | None = None) -> list[Ahead]:
    """Return the surveys, or the one of this name, that remind somebody within a span from now, by name."""
    now, found = hub.now(), []
    with hub.store.read() as connection:
        for one, since in _reminding(hub, connection, survey):
            until = min(now, now + within - one.rules.reminder_after)
            number = reminders.count_unanswered(
                connection, one.id, since, until, reminders=one.rules.reminders, most=MOST + 1
            )
            found.append(Ahead(survey=one.name, count=Count.up_to(MOST, number)))
    return [one for one in found if one.count]


def reminders_of(hub: Hub, person_id: str) -> list[OfPerson]:
    """Return the reminders that a person gets without an answer, by the names of the surveys."""
    found = []
    with hub.store.read() as connection:
        for one, since in _reminding(hub, connection, None):
            sent_at = reminders.last_unanswered(connection, one.id, person_id, since, reminders=one.rules.reminders)
            if sent_at is not None:
                found.append(OfPerson(survey=one.name, due_at=sent_at + one.rules.reminder_after))
    return found


def _reminding(hub: Hub, connection: Connection, name: str | None) -> Iterator[tuple[Survey, datetime]]:
    """Yield the surveys that remind, with since when mails were sent that no look for reminders has passed."""
    looked, now = reminders.looked_until(connection), hub.now()
    for survey in sorted(hub.registry.current().rules, key=lambda survey: survey.name):
        rules = survey.rules
        if survey.enabled and rules.reminders and name in (None, survey.name):
            last = now - rules.reminder_after
            yield survey, max(looked.get(survey.id, last), last - rules.send_grace)
