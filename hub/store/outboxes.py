"""What waits to be told to the targets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    exists,
    func,
    not_,
    or_,
    select,
    true,
    type_coerce,
    update,
)

from hub.domain.identity import IdKind
from hub.domain.traits import value_of
from hub.plugin import Done, Parked, Retry
from hub.store.pauses import asked_s
from hub.store.sql import in_states, insert_missing, is_also, is_among
from hub.store.tables import identity, outbox, person, response, survey, sync_run
from hub.store.types import Instant, note_of
from hub.store.worlds import read_profile

_PENDING = in_states(outbox.c.state, "pending")
_LEASED = in_states(outbox.c.state, "leased")
_IS_PENDING = is_also(outbox.c.state, "pending")
LEASE = timedelta(minutes=5)
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=6)


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A leased outbox row with the answer it stands for."""

    message_id: str
    person_id: str
    email: object
    attempts: int
    survey: str
    score: int
    comment: str
    rated_at: datetime
    first_rated_at: datetime
    given_at: datetime
    is_rating_told: bool
    is_newest: bool


def start_run(connection: Connection, target_id: str, kind: str, slot: str, now: datetime) -> bool:
    """Start a sync run unless this very run was started before, by whomever."""
    row = {"target_id": target_id, "kind": kind, "slot": slot, "started_at": now, "counts": {}}
    return insert_missing(connection, sync_run, row)


def take_up_run(connection: Connection, target_id: str, kind: str, slot: str, now: datetime) -> bool:
    """Start a sync run, or go on with this very run where it has ended; return False where it is under way."""
    if start_run(connection, target_id, kind, slot, now):
        return True
    ended = (sync_run.c.target_id == target_id, sync_run.c.kind == kind, sync_run.c.slot == slot)
    statement = update(sync_run).where(*ended, sync_run.c.finished_at.is_not(None)).values(finished_at=None)
    return connection.execute(statement).rowcount == 1


def is_under_way(connection: Connection, target_id: str, kind: str) -> bool:
    """Return whether a target has a run of this kind that has not ended."""
    run = (sync_run.c.target_id == target_id, sync_run.c.kind == kind, sync_run.c.finished_at.is_(None))
    return bool(connection.scalar(select(exists().where(*run))))


def is_run_started(connection: Connection, target_id: str, kind: str, slot: str) -> bool:
    """Return whether a run was started before."""
    run = (sync_run.c.target_id == target_id, sync_run.c.kind == kind, sync_run.c.slot == slot)
    return bool(connection.scalar(select(exists().where(*run))))


def unfinished_runs(connection: Connection) -> Sequence[Any]:
    """Return the sync runs that have not ended."""
    return connection.execute(select(sync_run).where(sync_run.c.finished_at.is_(None))).all()


def add_to_run(connection: Connection, run: Any, counts: Mapping[str, int], finished_at: datetime | None) -> None:
    """Add what a stretch of work did to a run, and end it when `finished_at` is given."""
    key = (sync_run.c.target_id == run.target_id, sync_run.c.kind == run.kind, sync_run.c.slot == run.slot)
    known = connection.scalar(select(sync_run.c.counts).where(*key)) or {}
    total = {name: known.get(name, 0) + counts.get(name, 0) for name in {*known, *counts}}
    connection.execute(update(sync_run).where(*key).values(counts=total, finished_at=finished_at))


def lease(
    connection: Connection,
    target_id: str,
    *,
    before: datetime,
    claim: str,
    limit: int,
    now: datetime,
    per_survey: bool = False,
) -> list[Pending]:
    """Take the newest answer of some people in hand, `per_survey` the newest to each survey.

    What a newer one has overtaken is superseded. What came after `before` waits for the next run. A person with an
    answer under way waits until its outcome is known, so that an older one never arrives last.
    """
    _expire(connection, target_id, now)
    first = connection.execute(
        select(outbox.c.message_id, outbox.c.person_id)
        .where(outbox.c.target_id == target_id, _PENDING, outbox.c.next_attempt_at <= now)
        .where(outbox.c.created_at <= before)
        .order_by(outbox.c.next_attempt_at)
        .limit(limit)
    ).all()
    waiting = _under_way(connection, target_id, {person_id for _, person_id in first})
    ids = [message_id for message_id, person_id in first if person_id not in waiting]
    mine = (outbox.c.target_id == target_id, is_among(connection, outbox.c.message_id, ids))
    supersede(connection, *mine, now=now, per_survey=per_survey)
    values = {"state": "leased", "claim": claim, "lease_until": now + LEASE, "attempts": outbox.c.attempts + 1}
    connection.execute(update(outbox).where(*mine, _IS_PENDING).values(**values))
    statement = (
        select(*_COLUMNS, _IS_NEWEST if per_survey else true().label("is_newest"))
        .join(response, response.c.id == outbox.c.response_id)
        .join(survey, survey.c.id == response.c.survey_id)
        .outerjoin(person, person.c.id == outbox.c.person_id)
        .where(*mine, outbox.c.claim == claim)
        .order_by(outbox.c.next_attempt_at, outbox.c.message_id)
    )
    return [
        Pending(
            message_id=row.message_id,
            person_id=row.person_id,
            email=value_of(read_profile(row.profile), "email") if row.profile else None,
            attempts=row.attempts,
            survey=row.name,
            score=row.score,
            comment=row.comment,
            rated_at=row.rated_at,
            first_rated_at=row.first_rated_at,
            given_at=row.updated_at,
            is_rating_told=bool(row.is_rating_told),
            is_newest=bool(row.is_newest),
        )
        for row in connection.execute(statement).all()
    ]


def _number_told() -> ColumnElement[int]:
    """Return how often the target took this very rating, counted as in `_overtaken`."""
    other = outbox.alias("told")
    same = [other.c[name] == outbox.c[name] for name in ("target_id", "response_id", "rated_at")]
    count = func.count().filter(*same, in_states(other.c.state, "done"))
    return select(count).where(other.c.person_id == outbox.c.person_id).scalar_subquery()


_COLUMNS = (
    outbox.c.message_id,
    outbox.c.person_id,
    type_coerce(person.c.profile, Text).label("profile"),
    outbox.c.attempts,
    survey.c.name,
    response.c.score,
    response.c.comment,
    response.c.rated_at,
    response.c.first_rated_at,
    response.c.updated_at,
    and_(outbox.c.version > 1, _number_told() > 0).label("is_rating_told"),
)


def _under_way(connection: Connection, target_id: str, person_ids: Collection[str]) -> set[str]:
    """Return which of some people have an answer in somebody's hands."""
    in_hand = (outbox.c.target_id == target_id, _LEASED)
    theirs = is_among(connection, outbox.c.person_id, person_ids)
    return set(connection.scalars(select(outbox.c.person_id).where(*in_hand, theirs)))


def _expire(connection: Connection, target_id: str, now: datetime) -> None:
    condition = (outbox.c.target_id == target_id, _LEASED, outbox.c.lease_until < now)
    connection.execute(update(outbox).where(*condition).values(state="pending", claim=None, lease_until=None))


def is_newer(one: Any, other: Any) -> ColumnElement[bool]:
    """Return the condition that `one` holds a newer answer of a person than `other`: the later rating, then version."""
    return or_(
        one.c.rated_at > other.c.rated_at,
        and_(one.c.rated_at == other.c.rated_at, one.c.version > other.c.version),
        and_(
            one.c.rated_at == other.c.rated_at, one.c.version == other.c.version, one.c.message_id > other.c.message_id
        ),
    )


def ids_at(connection: Connection, person_ids: Collection[str], namespace: str) -> dict[str, list[tuple[IdKind, str]]]:
    """Return the ids of people in a namespace, oldest first."""
    statement = select(identity.c.person_id, identity.c.kind, identity.c.value).where(
        is_among(connection, identity.c.person_id, person_ids), identity.c.namespace == namespace
    )
    found: dict[str, list[tuple[IdKind, str]]] = {}
    for person_id, kind, value in connection.execute(statement.order_by(identity.c.position)).all():
        found.setdefault(person_id, []).append((IdKind(kind), value))
    return found


def supersede(connection: Connection, *mine: ColumnElement[bool], now: datetime, per_survey: bool = False) -> None:
    """Give up what waits and was overtaken by a newer answer of the same person to the same target.

    With `per_survey` only an answer to the same survey overtakes.
    """
    statement = _SUPERSEDING_IN_SURVEY if per_survey else _SUPERSEDING
    connection.execute(statement.where(*mine), {"now": now})


def supersede_of(connection: Connection, person_id: str, *, now: datetime, per_survey: Collection[str] = ()) -> None:
    """Give up what of a person's answers waits and was overtaken, whichever the target.

    At the targets `per_survey` only an answer to the same survey overtakes.
    """
    if not per_survey:
        connection.execute(_SUPERSEDING_OF, {"of": person_id, "now": now})
        return
    others = outbox.c.target_id.not_in(per_survey)
    mine = outbox.c.person_id == person_id
    supersede(connection, mine, others, now=now)
    supersede(connection, mine, outbox.c.target_id.in_(per_survey), now=now, per_survey=True)


def look_again(connection: Connection, target_id: str, now: datetime) -> None:
    """Have all that waits for another attempt due now; what waits for its run goes on doing so."""
    later = (outbox.c.target_id == target_id, _PENDING, outbox.c.next_attempt_at > now)
    connection.execute(update(outbox).where(*later).values(next_attempt_at=now))


def revive(connection: Connection, target_id: str, *, now: datetime) -> int:
    """Have what was given up for an answer to another survey wait again, if nothing newer of its own survey is there.

    Return how many: what a target may want that once told surveys not apart.
    """
    mine = (outbox.c.target_id == target_id, in_states(outbox.c.state, "superseded"), not_(_overtaken(_IN_SURVEY)))
    values = {"state": "pending", "done_at": None, "next_attempt_at": now}
    return connection.execute(update(outbox).where(*mine).values(**values)).rowcount


def _overtaken(*same: str) -> ColumnElement[bool]:
    """Return the condition that there is a newer answer of the same person to the same target.

    It also has the `same` columns. Newer ones are counted among the person's own: asked whether one exists, PostgreSQL
    without statistics reads all that the target was ever told, for each person.
    """
    other = outbox.alias("other")
    alike = [other.c[name] == outbox.c[name] for name in ("target_id", *same)]
    newer = func.count().filter(*alike, is_newer(other, outbox))
    return select(newer).where(other.c.person_id == outbox.c.person_id).scalar_subquery() > 0


_IN_SURVEY = "survey_id"
_IS_NEWEST = not_(_overtaken()).label("is_newest")
_GIVEN_UP = update(outbox).values(state="superseded", done_at=bindparam("now", type_=Instant()))
_SUPERSEDING = _GIVEN_UP.where(_IS_PENDING, _overtaken())
_SUPERSEDING_IN_SURVEY = _GIVEN_UP.where(_IS_PENDING, _overtaken(_IN_SURVEY))
_SUPERSEDING_OF = _SUPERSEDING.where(outbox.c.person_id == bindparam("of"))


def conclude(
    connection: Connection,
    target_id: str,
    claim: str,
    results: Sequence[tuple[Pending, Done | Retry | Parked]],
    now: datetime,
) -> dict[str, int]:
    """Record what the target said; return how many were done, put back and parked."""
    counts = {"done": 0, "retried": 0, "parked": 0}
    alike: dict[tuple[Any, ...], list[str]] = {}
    for pending, result in results:
        alike.setdefault(_conclusion(pending, result, now), []).append(pending.message_id)
    for (name, *values), ids in alike.items():
        mine = (outbox.c.target_id == target_id, is_among(connection, outbox.c.message_id, ids))
        statement = update(outbox).where(*mine, outbox.c.claim == claim).values(dict(values))
        counts[name] += connection.execute(statement.values(claim=None, lease_until=None)).rowcount
    return counts


def release(connection: Connection, target_id: str, claim: str) -> None:
    """Put back what was leased and never tried."""
    mine = (outbox.c.target_id == target_id, _LEASED, outbox.c.claim == claim)
    values = {"state": "pending", "claim": None, "lease_until": None, "attempts": outbox.c.attempts - 1}
    connection.execute(update(outbox).where(*mine).values(**values))


def end_leases(connection: Connection, claim: str, now: datetime) -> None:
    """Have the leases of a claim run out now: the process that had it is known to be gone."""
    mine = (outbox.c.claim == claim, _LEASED, outbox.c.lease_until > now)
    connection.execute(update(outbox).where(*mine).values(lease_until=now))


def _conclusion(pending: Pending, result: Done | Retry | Parked, now: datetime) -> tuple[Any, ...]:
    """Return what a result counts as, and the columns it sets: the same for results that are alike."""
    match result:
        case Done(detail=detail):
            return "done", ("state", "done"), ("done_at", now), ("code", None), ("note", note_of(detail))
        case Parked(why=why, code=code):
            return "parked", ("state", "parked"), ("done_at", now), ("code", note_of(code)), ("note", note_of(why))
        case Retry(why=why, after_s=after_s):
            backoff = min(FIRST_RETRY * 2 ** min(pending.attempts - 1, 10), LONGEST_RETRY)
            delay = max(backoff, timedelta(seconds=asked_s(after_s)))
            return "retried", ("state", "pending"), ("next_attempt_at", now + delay), ("note", note_of(why))


def is_due(connection: Connection, target_id: str, before: datetime, now: datetime) -> bool:
    """Return whether anything of a run that started at `before` could be pushed right now."""
    free, expired = outbox.c.next_attempt_at <= now, outbox.c.lease_until < now
    return _is_any(connection, target_id, before, waiting=[free], in_hand=[expired])


def is_open(connection: Connection, target_id: str, before: datetime) -> bool:
    """Return whether anything of a run that started at `before` still has to reach its target."""
    return _is_any(connection, target_id, before)


def _is_any(
    connection: Connection,
    target_id: str,
    before: datetime,
    *,
    waiting: Sequence[ColumnElement[bool]] = (),
    in_hand: Sequence[ColumnElement[bool]] = (),
) -> bool:
    """Return whether any row of a run waits or is in hand, and these conditions hold for it.

    Rows are asked for in the order of their index: PostgreSQL would otherwise read the table from its start, past all
    that is done, where it thinks that it soon meets one that is not.
    """
    of_run = select(outbox.c.message_id).where(outbox.c.target_id == target_id, outbox.c.created_at <= before)
    first_waiting = of_run.where(_PENDING, *waiting).order_by(outbox.c.next_attempt_at).limit(1)
    first_in_hand = of_run.where(_LEASED, *in_hand).order_by(outbox.c.lease_until).limit(1)
    either = func.coalesce(first_waiting.scalar_subquery(), first_in_hand.scalar_subquery())
    return connection.scalar(select(either)) is not None


def counts_by_state(connection: Connection, target_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Return how many outbox rows of each target are in each state."""
    statement = select(outbox.c.target_id, outbox.c.state, func.count().label("number"))
    found: dict[str, dict[str, int]] = {target_id: {} for target_id in target_ids}
    for row in connection.execute(statement.group_by(outbox.c.target_id, outbox.c.state)):
        found.setdefault(row.target_id, {})[row.state] = row.number
    return found
