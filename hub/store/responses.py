"""Answers and their history, and what of them waits for the targets."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from hub.store.tables import outbox, response, response_version
from hub.store.types import new_id

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
        response_id, version = new_id(), 1
        values |= {"id": response_id, "invitation_id": invitation.id, "survey_id": invitation.survey_id}
        values |= {"person_id": invitation.person_id, "version": 1, "first_rated_at": now, "rated_at": now}
        connection.execute(insert(response), [values])
    else:
        response_id, version = known.id, known.version + 1
        rated_at = known.rated_at if known.score == answer.score else now
        changes = {**values, "version": version, "rated_at": rated_at}
        connection.execute(update(response).where(response.c.id == response_id).values(**changes))
    row = {"response_id": response_id, "version": version, "score": answer.score, "comment": answer.comment, "at": now}
    connection.execute(insert(response_version), [row])
    _queue(connection, response_id, version, invitation.person_id, targets, hub_id, now)


def _queue(
    connection: Connection,
    response_id: str,
    version: int,
    person_id: str,
    targets: Collection[str],
    hub_id: str,
    now: datetime,
) -> None:
    for target_id in targets:
        mine = (outbox.c.target_id == target_id, outbox.c.person_id == person_id)
        connection.execute(
            update(outbox).where(*mine, outbox.c.state == "pending").values(state="superseded", done_at=now)
        )
        newest_at = connection.scalar(select(func.max(outbox.c.created_at)).where(*mine))
        row = {
            "target_id": target_id,
            "message_id": f"hub-{hub_id}-{response_id}-{version}",
            "person_id": person_id,
            "response_id": response_id,
            "version": version,
            "state": "pending",
            "next_attempt_at": now,
            "created_at": now if newest_at is None else max(now, newest_at + ONE_LATER),
        }
        connection.execute(insert(outbox), [row])


def counts_by_score(connection: Connection, survey_id: str) -> dict[int, int]:
    """Return how many answers gave each score."""
    statement = (
        select(response.c.score, func.count().label("number"))
        .where(response.c.survey_id == survey_id)
        .group_by(response.c.score)
    )
    return {row.score: row.number for row in connection.execute(statement)}
