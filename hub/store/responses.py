"""Answers and their history, and what of them waits for the targets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    and_,
    cast,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from hub.store.outboxes import supersede
from hub.store.tables import outbox, response, response_version
from hub.store.types import EPOCH, new_id

ONE_LATER = timedelta(microseconds=1)
"""A newer answer is later than those before it, whatever the clock says."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A score and what was said with it."""

    score: int
    comment: str


def of_invitation(connection: Connection, invitation_id: str) -> Any:
    """Return the response row to an invitation, or None."""
    return connection.execute(select(response).where(response.c.invitation_id == invitation_id)).one_or_none()


def record(
    connection: Connection, *, invitation: Any, answer: Answer, targets: Collection[str], hub_id: str, now: datetime
) -> None:
    """Record an answer, keep the one before as history, and queue it for every target. The same again is nothing new.

    A comment added later keeps the time of the rating.
    """
    known = of_invitation(connection, invitation.id)
    if known is not None and (known.score, known.comment) == (answer.score, answer.comment):
        return
    values: dict[str, Any] = {"score": answer.score, "comment": answer.comment, "updated_at": now}
    if known is None:
        response_id, version, rated_at = new_id(), 1, _after_all_others(connection, invitation.person_id, now)
        values |= {"id": response_id, "invitation_id": invitation.id, "survey_id": invitation.survey_id}
        values |= {"person_id": invitation.person_id, "version": 1, "first_rated_at": now, "rated_at": rated_at}
        connection.execute(insert(response), [values])
    else:
        response_id, version, rated_at = known.id, known.version + 1, known.rated_at
        if known.score != answer.score:
            rated_at = _after_all_others(connection, invitation.person_id, now)
        changes = {**values, "version": version, "rated_at": rated_at}
        connection.execute(update(response).where(response.c.id == response_id).values(**changes))
    row = {"response_id": response_id, "version": version, "score": answer.score, "comment": answer.comment, "at": now}
    connection.execute(insert(response_version), [row])
    queued = {"response_id": response_id, "version": version, "person_id": invitation.person_id, "rated_at": rated_at}
    for target_id in targets:
        message_id = f"hub-{hub_id}-{response_id}-{version}"
        _queue(connection, {**queued, "target_id": target_id, "message_id": message_id}, answer, now)


def _after_all_others(connection: Connection, person_id: str, now: datetime) -> datetime:
    """Return when a score was given: now, or later than a person's others where the clock was set back."""
    newest = connection.scalar(select(func.max(response.c.rated_at)).where(response.c.person_id == person_id))
    return now if newest is None else max(now, newest + ONE_LATER)


def _queue(connection: Connection, row: Mapping[str, Any], answer: Answer, now: datetime) -> None:
    """Queue an answer for a target; at once done where the target has exactly this already (docs/rules.md, "Echo")."""
    mine = (outbox.c.target_id == row["target_id"], outbox.c.person_id == row["person_id"])
    told = ("done", row["response_id"], row["rated_at"], answer.score, answer.comment)
    values: dict[str, Any] = {**row, "state": "pending", "next_attempt_at": now, "created_at": now}
    if _last_told(connection, mine) == told:
        values |= {"state": "done", "done_at": now, "note": "The target has this answer already."}
    connection.execute(insert(outbox), [values])
    supersede(connection, *mine, now=now)


def _last_told(connection: Connection, mine: Sequence[ColumnElement[bool]]) -> tuple[Any, ...] | None:
    """Return what a target was told last about a person, or is being told: state, answer, rating, score, comment."""
    is_version = and_(
        response_version.c.response_id == outbox.c.response_id, response_version.c.version == outbox.c.version
    )
    said = (
        outbox.c.state,
        outbox.c.response_id,
        outbox.c.rated_at,
        response_version.c.score,
        response_version.c.comment,
    )
    statement = (
        select(*said)
        .join(response_version, is_version)
        .where(*mine, outbox.c.state.in_(["done", "leased"]))
        .order_by(outbox.c.rated_at.desc(), outbox.c.version.desc())
        .limit(1)
    )
    found = connection.execute(statement).one_or_none()
    return None if found is None else tuple(found)


def counts_by_score(
    connection: Connection, survey_id: str, *, since: datetime | None = None, until: datetime | None = None
) -> dict[int, int]:
    """Return how many answers gave each score; rated since `since` and before `until`, where these are given."""
    statement = (
        select(response.c.score, func.count().label("number"))
        .where(response.c.survey_id == survey_id, *_within(since, until))
        .group_by(response.c.score)
    )
    return {row.score: row.number for row in connection.execute(statement)}


def counts_by_day(
    connection: Connection, survey_id: str, *, since: datetime | None = None, until: datetime | None = None
) -> dict[date, dict[int, int]]:
    """Return how many answers gave each score, by the UTC day of rating."""
    if connection.dialect.name == "postgresql":
        day: Any = cast(func.floor(func.extract("epoch", response.c.rated_at) / _DAY_S), Integer)
    else:
        day = type_coerce(response.c.rated_at, BigInteger).op("/")(_DAY_S * 1_000_000)
    statement = (
        select(day.label("day"), response.c.score, func.count().label("number"))
        .where(response.c.survey_id == survey_id, *_within(since, until))
        .group_by(day, response.c.score)
    )
    found: dict[date, dict[int, int]] = {}
    for row in connection.execute(statement):
        found.setdefault(EPOCH.date() + timedelta(days=row.day), {})[row.score] = row.number
    return found


_DAY_S = 86_400


def _within(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    bounds = [response.c.rated_at >= since] if since is not None else []
    return [*bounds, response.c.rated_at < until] if until is not None else bounds
