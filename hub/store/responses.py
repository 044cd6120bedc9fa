"""Answers and their history, and what of them waits for the targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Text, and_, bindparam, func, select, type_coerce

from hub.store import score_counts
from hub.store.configuration import REVISION
from hub.store.outboxes import supersede_of
from hub.store.reminders import first_of
from hub.store.score_counts import Key
from hub.store.sql import in_states, insert_many, upsert
from hub.store.tables import invitation, outbox, person, response, response_version
from hub.store.types import new_id

ONE_LATER = timedelta(microseconds=1)
"""A newer answer is later than those before it, whatever the clock says."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A score, what was said with it, and the survey's other ratings, 1 to 5 by name.

    `texts_version` and `language` are of the page that asked; `segments` are the traits it is counted under.
    """

    score: int
    comment: str
    ratings: Mapping[str, int] = field(default_factory=dict)
    texts_version: int | None = None
    language: str | None = None
    segments: Mapping[str, str] = field(default_factory=dict)


def asked(connection: Connection, invitation_id: str) -> Any:
    """Return an invitation with all that an answer to it depends on, in one row, or None.

    It may be a reminder, whose answer is that of the invitation `first_id`. `response_id`, `score`, `comment`,
    `ratings`, `version`, `first_rated_at`, `rated_at`, `answered_in` (a language) and `segments` are of the answer so
    far, if any; `last_rated_at` is of all that the person ever answered, `profile` and `locale` are the person's, and
    `configuration` is its revision.
    """
    return connection.execute(_ASKED, {"invitation": invitation_id}).one_or_none()


_FIRST = first_of(invitation)
_any = response.alias("any_response")
_ASKED = (
    select(
        *(invitation.c[name] for name in ("id", "survey_id", "person_id", "mailbox", "state", "channel_id", "sent_at")),
        *(invitation.c[name] for name in ("texts_version", "language")),
        _FIRST.label("first_id"),
        response.c.id.label("response_id"),
        *(response.c[name] for name in ("score", "comment", "ratings", "version", "first_rated_at", "rated_at")),
        response.c.language.label("answered_in"),
        response.c.segments,
        select(func.max(_any.c.rated_at))
        .where(_any.c.person_id == invitation.c.person_id)
        .scalar_subquery()
        .label("last_rated_at"),
        type_coerce(person.c.profile, Text).label("profile"),
        person.c.locale,
        REVISION.label("configuration"),
    )
    .select_from(invitation)
    .outerjoin(response, response.c.invitation_id == _FIRST)
    .outerjoin(person, person.c.id == invitation.c.person_id)
    .where(invitation.c.id == bindparam("invitation"))
)


def record(
    connection: Connection,
    *,
    asked: Any,
    answer: Answer,
    targets: Collection[str],
    per_survey: Collection[str] = (),
    hub_id: str,
    now: datetime,
) -> Mapping[str, Any] | None:
    """Record an answer, keep the one before as history, and queue it for every target; return it as it is stored.

    The same again is nothing new, and None. `asked` is as it was read in this transaction. A comment added later keeps
    the time of the rating. At the targets `per_survey` an answer overtakes older ones to the same survey alone, at
    others older ones to any.
    """
    if (asked.score, asked.comment, asked.ratings) == (answer.score, answer.comment, answer.ratings):
        return None
    id, version = asked.response_id or new_id(), (asked.version or 0) + 1
    rated_at = asked.rated_at if asked.score == answer.score else _after_all_others(asked.last_rated_at, now)
    said = {"score": answer.score, "comment": answer.comment, "ratings": answer.ratings}
    counted = {"language": answer.language, "segments": dict(answer.segments), "texts_version": answer.texts_version}
    whose = {"invitation_id": asked.first_id, "survey_id": asked.survey_id, "person_id": asked.person_id}
    row = {"id": id, **whose, **said}
    row |= {"version": version, "first_rated_at": asked.first_rated_at or now, "rated_at": rated_at, "updated_at": now}
    changed = [*said, *counted, "version", "rated_at", "updated_at"]
    upsert(connection, response, [{**row, **counted}], update=changed)
    insert_many(connection, response_version, [{"response_id": id, "version": version, **said, "at": now}])
    _queue(connection, row, targets, per_survey, message_id=f"hub-{hub_id}-{id}-{version}", now=now)
    score_counts.add(connection, _counts_of(asked, answer, rated_at))
    return row


def _counts_of(asked: Any, answer: Answer, rated_at: datetime) -> dict[Key, int]:
    """Return what an answer adds to the counts, and what the one before it takes away."""
    changes: Counter[Key] = Counter(
        score_counts.keys_of(asked.survey_id, rated_at, answer.score, answer.language, answer.segments, answer.ratings)
    )
    if asked.response_id is not None:
        before = (asked.survey_id, asked.rated_at, asked.score, asked.answered_in, asked.segments, asked.ratings)
        changes.subtract(score_counts.keys_of(*before))
    return changes


def _after_all_others(last_rated_at: datetime | None, now: datetime) -> datetime:
    """Return when a score was given: now, or later than a person's others where the clock was set back."""
    return now if last_rated_at is None else max(now, last_rated_at + ONE_LATER)


def _queue(
    connection: Connection,
    row: Mapping[str, Any],
    targets: Collection[str],
    per_survey: Collection[str],
    *,
    message_id: str,
    now: datetime,
) -> None:
    """Queue an answer for targets; at once done where one has exactly this already (docs/rules.md, "Echo")."""
    told = _told(connection, row, per_survey) if row["version"] > 1 else {}
    this = ("done", row["id"], row["rated_at"], row["score"], row["comment"])
    queued = {name: row[name] for name in ("person_id", "survey_id", "version", "rated_at")} | {
        "response_id": row["id"]
    }
    queued |= {"message_id": message_id, "next_attempt_at": now, "created_at": now}
    waits = {"state": "pending", "done_at": None, "note": None}
    is_there = {"state": "done", "done_at": now, "note": "The target has this answer already."}
    stands = {target_id: is_there if told.get(target_id) == this else waits for target_id in targets}
    insert_many(connection, outbox, [{**queued, "target_id": target_id, **its} for target_id, its in stands.items()])
    supersede_of(connection, row["person_id"], per_survey=per_survey, now=now)


def _told(connection: Connection, row: Mapping[str, Any], per_survey: Collection[str]) -> dict[str, tuple[Any, ...]]:
    """Return what each target was told last about a person, or is being told: state, answer, rating, score, comment.

    For a target `per_survey` that is what it was told of an answer's survey.
    """
    told: dict[str, tuple[Any, ...]] = {}
    for target_id, survey_id, *said in connection.execute(_TOLD, {"of": row["person_id"]}):
        if survey_id == row["survey_id"] or target_id not in per_survey:
            told.setdefault(target_id, tuple(said))
    return told


_TOLD = (
    select(
        outbox.c.target_id,
        outbox.c.survey_id,
        outbox.c.state,
        outbox.c.response_id,
        outbox.c.rated_at,
        response_version.c.score,
        response_version.c.comment,
    )
    .join(
        response_version,
        and_(response_version.c.response_id == outbox.c.response_id, response_version.c.version == outbox.c.version),
    )
    .where(outbox.c.person_id == bindparam("of"), in_states(outbox.c.state, "done", "leased"))
    .order_by(outbox.c.rated_at.desc(), outbox.c.version.desc())
)


def counts_by_score(
    connection: Connection,
    survey_id: str,
    *,
    since: datetime,
    until: datetime,
    segment: tuple[str, str] | None = None,
) -> dict[int, int]:
    """Return how many answers gave each score within a part of a day, `until` left out; of a segment alone with one."""
    table = response
    within = (table.c.survey_id == survey_id, table.c.rated_at >= since, table.c.rated_at < until)
    counts: Counter[int] = Counter()
    for row in connection.execute(select(table.c.score, table.c.language, table.c.segments).where(*within)):
        if segment is None or segment in {(score_counts.LANGUAGE, row.language), *row.segments.items()}:
            counts[row.score] += 1
    return dict(counts)
