"""Who was asked and who answered, as it was counted last: too much to be counted while somebody waits for a page.

Where mails and people are few they are counted at once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from hub.domain.states import SENT_STATES, State
from hub.store.configuration import read_setting, write_setting
from hub.store.score_counts import day_of
from hub.store.sql import in_states, is_among, upsert
from hub.store.tables import asking_count, invitation, person, response
from hub.store.types import EPOCH

PEOPLE_AT_ONCE = 5_000
_REACH = "reach"
_ARRIVED = (State.SENT, State.UNKNOWN, State.COMPLAINED)
"""Of these mails nobody knows that they did not arrive."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How many mails that fell due in some days were sent and did not bounce, and how many of them were answered.

    `counted_at` is when the day was counted that was counted longest ago.
    """

    sent: int
    answered: int
    counted_at: datetime


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How many people have an address, and how many of them were ever asked; `counted_at` is when that was known."""

    people: int
    asked: int
    counted_at: datetime


def asked(connection: Connection, survey_ids: Collection[str], first: date | None, last: date | None) -> Asked | None:
    """Return what was counted of some surveys and days together, None when nothing was."""
    table = asking_count
    bounds = [table.c.day >= day_of(first)] if first is not None else []
    bounds += [table.c.day <= day_of(last)] if last is not None else []
    row = connection.execute(
        select(
            func.sum(table.c.sent).label("sent"),
            func.sum(table.c.answered).label("answered"),
            func.min(table.c.counted_at).label("counted_at"),
        ).where(is_among(connection, table.c.survey_id, list(survey_ids)), *bounds)
    ).one()
    if row.sent is None:
        return None
    return Asked(sent=int(row.sent), answered=int(row.answered), counted_at=row.counted_at)


def asked_now(
    connection: Connection,
    survey_ids: Collection[str],
    first: date | None,
    last: date | None,
    *,
    most: int,
    now: datetime,
) -> Asked | None:
    """Return what is so now of some surveys and days together, None where more than `most` mails fell due."""
    within = [is_among(connection, invitation.c.survey_id, list(survey_ids)), invitation.c.due_at <= now]
    within += [invitation.c.due_at >= _start(day_of(first))] if first is not None else []
    within += [invitation.c.due_at < _start(day_of(last) + 1)] if last is not None else []
    some = select(invitation.c.id).where(*within).limit(most + 1).subquery()
    if (connection.scalar(select(func.count()).select_from(some)) or 0) > most:
        return None
    sent, answered = _count(connection, *within)
    return Asked(sent=sent, answered=answered, counted_at=now)


def answered_since(connection: Connection, survey_ids: Collection[str], *, most: int) -> int:
    """Return how many answers were given since mails of these surveys were counted last, `most` at most."""
    theirs = is_among(connection, asking_count.c.survey_id, list(survey_ids))
    counted_at = connection.scalar(select(func.max(asking_count.c.counted_at)).where(theirs))
    since = [response.c.rated_at >= counted_at] if counted_at is not None else []
    those = is_among(connection, response.c.survey_id, list(survey_ids))
    some = select(response.c.id).where(those, *since).limit(most).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def counted_days(connection: Connection) -> dict[tuple[str, int], datetime]:
    """Return when each day of each survey was counted last."""
    table = asking_count
    rows = connection.execute(select(table.c.survey_id, table.c.day, table.c.counted_at))
    return {(row.survey_id, row.day): row.counted_at for row in rows}


def first_days(connection: Connection, survey_ids: Collection[str]) -> dict[str, int]:
    """Return the first day on which a mail of each survey fell due, of those that have any."""
    found = {}
    for id in survey_ids:
        due_at = connection.scalar(select(func.min(invitation.c.due_at)).where(invitation.c.survey_id == id))
        if due_at is not None:
            found[id] = day_of(due_at.date())
    return found


def count_day(connection: Connection, survey_id: str, day: int) -> dict[str, Any]:
    """Return a survey's counts of a day, as `keep_days` takes them."""
    within = (invitation.c.due_at >= _start(day), invitation.c.due_at < _start(day + 1))
    sent, answered = _count(connection, invitation.c.survey_id == survey_id, *within)
    return {"survey_id": survey_id, "day": day, "sent": sent, "answered": answered}


def _start(day: int) -> datetime:
    return EPOCH + timedelta(days=day)


def _count(connection: Connection, *within: ColumnElement[bool]) -> tuple[int, int]:
    row = connection.execute(
        select(func.count(), func.count(response.c.id))
        .select_from(invitation)
        .outerjoin(response, response.c.invitation_id == invitation.c.id)
        .where(*within, in_states(invitation.c.state, *_ARRIVED), invitation.c.reminder_of.is_(None))
    ).one()
    return row[0], row[1]


def keep_days(connection: Connection, counts: Collection[dict[str, Any]], now: datetime) -> None:
    """Store counts of days."""
    rows = [{**one, "counted_at": now} for one in counts]
    upsert(connection, asking_count, rows, update=["sent", "answered", "counted_at"])


def reach(connection: Connection, survey_id: str | None) -> Reach | None:
    """Return how many people were asked by a survey, or by any; None when that was not counted yet."""
    counted = (read_setting(connection, _REACH) or {}).get("counted")
    if counted is None:
        return None
    return Reach(
        people=counted["people"],
        asked=counted["asked"].get(survey_id or "", 0),
        counted_at=datetime.fromisoformat(counted["at"]),
    )


def reach_now(connection: Connection, survey_id: str | None, *, most: int, now: datetime) -> Reach | None:
    """Return the same as it is at this moment; None where there are more people than `most`, or `PEOPLE_AT_ONCE`."""
    some = select(person.c.id).limit(min(most, PEOPLE_AT_ONCE) + 1).subquery()
    if (connection.scalar(select(func.count()).select_from(some)) or 0) > min(most, PEOPLE_AT_ONCE):
        return None
    _, people, asked = _some_people(connection, "")
    return Reach(people=people, asked=asked.get(survey_id or "", 0), counted_at=now)


def reach_is_due(connection: Connection, now: datetime, every: timedelta) -> bool:
    """Return whether people are being counted, or were last counted so long ago."""
    state = read_setting(connection, _REACH) or {}
    counted = state.get("counted")
    return state.get("under_way") is not None or counted is None or is_old(counted["at"], now, every)


def is_old(at: str, now: datetime, every: timedelta) -> bool:
    """Return whether something written down lies back so long."""
    return now - datetime.fromisoformat(at) >= every


def count_people(connection: Connection, now: datetime) -> dict[str, Any]:
    """Count some more people; return what is known then, as `keep_people` takes it."""
    state = read_setting(connection, _REACH) or {}
    under_way = state.get("under_way") or {"after": "", "people": 0, "asked": {}}
    upto, people, asked = _some_people(connection, under_way["after"])
    under_way["people"] += people
    for survey_id, number in asked.items():
        under_way["asked"][survey_id] = under_way["asked"].get(survey_id, 0) + number
    if upto is not None:
        return {**state, "under_way": {**under_way, "after": upto}}
    return {"counted": {"at": now.isoformat(), "people": under_way["people"], "asked": under_way["asked"]}}


def keep_people(connection: Connection, state: dict[str, Any]) -> bool:
    """Store what is known of people; return whether all of them are counted now."""
    write_setting(connection, _REACH, state)
    return "under_way" not in state


def _some_people(connection: Connection, after: str) -> tuple[str | None, int, dict[str, int]]:
    """Return the last of the next people, None at the end; how many have an address; and how many each survey asked."""
    ids = select(person.c.id).where(person.c.id > after).order_by(person.c.id)
    upto = connection.scalar(ids.offset(PEOPLE_AT_ONCE - 1).limit(1))
    some = [person.c.id > after, *([person.c.id <= upto] if upto is not None else []), person.c.mailbox.is_not(None)]
    people = connection.scalar(select(func.count()).select_from(person).where(*some)) or 0
    was_asked = (
        select(invitation.c.survey_id, invitation.c.person_id)
        .join(person, person.c.id == invitation.c.person_id)
        .where(*some, in_states(invitation.c.state, *sorted(SENT_STATES)))
        .distinct()
        .subquery()
    )
    by_survey = select(was_asked.c.survey_id, func.count()).group_by(was_asked.c.survey_id)
    asked = {row[0]: row[1] for row in connection.execute(by_survey)}
    asked[""] = connection.scalar(select(func.count(was_asked.c.person_id.distinct()))) or 0
    return upto, people, asked
