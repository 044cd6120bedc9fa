"""Remind: whoever was mailed and has not answered is mailed once more, where the survey says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from hub import stopping
from hub.domain.world import Survey
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import holds, reminders
from hub.store.engine import lock_until_commit

LOOK_EVERY = timedelta(minutes=1)
"""A reminder is days later than its mail: a minute more is nothing, and looking each second would be work."""
PIECE = 1_000
"""About how many mails are looked at in one transaction."""
_INSTANT = timedelta(microseconds=1)


def remind(hub: Hub, *, until: float) -> int:
    """Schedule the reminders that fell due, until all are or the monotonic clock passes `until`; return how many."""
    count = 0
    configuration = hub.registry.current()
    hub.store.transact(partial(_forget_others, configuration=configuration))
    for survey in _reminding(configuration):
        is_more = True
        while is_more and not stopping.is_time_up(until):
            number, is_more = hub.store.transact(partial(_remind_some, survey=survey, now=hub.now()))
            count += number
    return count


def is_any_due(connection: Connection, configuration: Configuration, now: datetime) -> bool:
    """Return whether it is time to look for reminders."""
    looked = reminders.looked_until(connection)
    is_time = (
        survey.id not in looked or now - survey.rules.reminder_after - looked[survey.id] >= LOOK_EVERY
        for survey in _reminding(configuration)
    )
    return any(is_time) or bool(_others(configuration, looked))


def _reminding(configuration: Configuration) -> Iterator[Survey]:
    return (survey for survey in configuration.rules if survey.enabled and survey.rules.reminders)


def _others(configuration: Configuration, looked: dict[str, datetime]) -> set[str]:
    return looked.keys() - {survey.id for survey in configuration.rules if survey.rules.reminders}


def _forget_others(connection: Connection, configuration: Configuration) -> None:
    """Who turns reminders on again later begins anew: nothing of the time between is made up for."""
    others = _others(configuration, reminders.looked_until(connection))
    if others:
        reminders.forget_looks(connection, others)


def _remind_some(connection: Connection, survey: Survey, now: datetime) -> tuple[int, bool]:
    """Schedule the next reminders of a survey; return how many, and whether there may be more.

    The lock is that of deciding and erasing: nobody's invitations come, move or go meanwhile.
    """
    lock_until_commit(connection, "decide")
    if holds.current(connection) is not None:
        return 0, False
    rules = survey.rules
    last = now - rules.reminder_after
    since = reminders.looked_until(connection).get(survey.id)
    if since is None or since >= last:
        if since is None:
            reminders.look_from(connection, survey.id, last)
        return 0, False
    since = max(since, last - rules.send_grace - _INSTANT)
    end = reminders.end_of_piece(connection, survey.id, since, last, PIECE)
    found = reminders.unanswered(connection, survey.id, since, end, reminders=rules.reminders)
    rows = [
        {
            "reminder_of": row.first_id,
            "reminder_number": row.reminder_number + 1,
            "survey_id": row.survey_id,
            "person_id": row.person_id,
            "mailbox": row.mailbox,
            "due_at": row.sent_at + rules.reminder_after,
        }
        for row in found
    ]
    count = reminders.schedule(connection, rows, now)
    reminders.look_from(connection, survey.id, end)
    return count, end < last
