"""What waits to be told to the listeners."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Text, case, delete, exists, func, literal, or_, select, type_coerce, update

from hub.domain.traits import value_of
from hub.plugin import Done, NoticeKind, Parked, Retry
from hub.store.configuration import Role, StoredConnection, StoredSurvey
from hub.store.pauses import asked_s
from hub.store.sql import in_states, insert_many, is_also, is_among
from hub.store.tables import invitation, person, response, survey
from hub.store.tables import notice as table
from hub.store.types import Instant, new_id, note_of
from hub.store.worlds import read_profile

LEASE = timedelta(minutes=5)
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Between the attempts, as the Standard Webhooks specification has them."""
MOST_ATTEMPTS = len(WAITS) + 1
GIVEN_UP_AFTER = sum(WAITS, timedelta())
KEPT_FOR = timedelta(days=30)
_GAVE_UP = "gave_up"
_PENDING = in_states(table.c.state, "pending")
_LEASED = in_states(table.c.state, "leased")
_PARKED = in_states(table.c.state, "parked")


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A leased notice. `person_id` and `email` are of whom it is about, `survey` is a name."""

    id: str
    kind: NoticeKind
    at: datetime
    data: Mapping[str, Any]
    survey: str | None
    person_id: str | None
    email: object
    response_id: str | None
    attempts: int


def hearing(connections: Iterable[StoredConnection], kind: NoticeKind, surveys: Collection[str] = ()) -> list[str]:
    """Return the ids of the listeners in use that hear of such a thing; `surveys` are names of those it concerns."""
    return [
        one.id
        for one in connections
        if one.role is Role.LISTENER
        and one.retired_at is None
        and kind in one.options["events"]
        and (not one.options["surveys"] or any(name in one.options["surveys"] for name in surveys))
    ]


def tell(
    connection: Connection,
    listeners: Collection[str],
    kind: NoticeKind,
    data: Mapping[str, Any],
    *,
    now: datetime,
    survey_id: str | None = None,
    invitation_id: str | None = None,
) -> None:
    """Have listeners told what is recorded in this transaction. Without any, nothing is done."""
    about = {"survey_id": survey_id, "invitation_id": invitation_id, "data": data}
    if not listeners:
        return
    waits = {"state": "pending", "at": now, "next_attempt_at": now}
    rows = [{"id": new_id(), "listener_id": listener, "kind": kind, **about, **waits} for listener in listeners]
    insert_many(connection, table, rows)


def tell_of_pause(
    connection: Connection,
    connections: Collection[StoredConnection],
    surveys: Iterable[StoredSurvey],
    channel_id: str,
    *,
    why: str,
    until: datetime,
    now: datetime,
) -> None:
    """Have listeners told that a channel is left alone; `connections` and `surveys` are all there are."""
    users = [one.name for one in surveys if channel_id in one.connections[Role.CHANNEL]]
    listeners = hearing(connections, NoticeKind.CHANNEL_PAUSED, users)
    name = next(one.name for one in connections if one.id == channel_id)
    data = {"channel": name, "why": note_of(why), "until": until, "surveys": users}
    tell(connection, listeners, NoticeKind.CHANNEL_PAUSED, data, now=now)


def is_due(connection: Connection, listeners: Collection[str], now: datetime) -> bool:
    """Return whether there is anything that one of these listeners could be told right now."""
    theirs = is_among(connection, table.c.listener_id, listeners)
    waiting = exists().where(theirs, _PENDING, table.c.next_attempt_at <= now)
    left = exists().where(theirs, _LEASED, table.c.lease_until < now)
    return bool(connection.scalar(select(or_(waiting, left))))


def lease(connection: Connection, listener_id: str, *, claim: str, limit: int, now: datetime) -> list[Pending]:
    """Take some notices in hand, those first that wait the longest."""
    _expire(connection, listener_id, now)
    waiting = select(table.c.id).where(table.c.listener_id == listener_id, _PENDING, table.c.next_attempt_at <= now)
    ids = connection.scalars(waiting.order_by(table.c.next_attempt_at, table.c.id).limit(limit)).all()
    mine = is_among(connection, table.c.id, ids)
    values = {"state": "leased", "claim": claim, "lease_until": now + LEASE, "attempts": table.c.attempts + 1}
    connection.execute(update(table).where(mine, is_also(table.c.state, "pending")).values(**values))
    statement = (
        select(
            *(table.c[name] for name in ("id", "kind", "at", "data", "attempts")),
            survey.c.name,
            invitation.c.person_id,
            type_coerce(person.c.profile, Text).label("profile"),
            response.c.id.label("response_id"),
        )
        .outerjoin(survey, survey.c.id == table.c.survey_id)
        .outerjoin(invitation, invitation.c.id == table.c.invitation_id)
        .outerjoin(person, person.c.id == invitation.c.person_id)
        .outerjoin(response, response.c.invitation_id == table.c.invitation_id)
        .where(mine, table.c.claim == claim)
        .order_by(table.c.next_attempt_at, table.c.id)
    )
    return [
        Pending(
            id=row.id,
            kind=NoticeKind(row.kind),
            at=row.at,
            data=row.data,
            survey=row.name,
            person_id=row.person_id,
            email=value_of(read_profile(row.profile), "email") if row.profile else None,
            response_id=row.response_id,
            attempts=row.attempts,
        )
        for row in connection.execute(statement)
    ]


def _expire(connection: Connection, listener_id: str, now: datetime) -> None:
    """Take back what a lost worker had in hand; what ended one at every attempt is set aside."""
    is_over = table.c.attempts >= MOST_ATTEMPTS
    values = {
        "state": case((is_over, "parked"), else_="pending"),
        "done_at": case((is_over, literal(now, Instant)), else_=None),
        "code": case((is_over, _GAVE_UP), else_=None),
    }
    lost = (table.c.listener_id == listener_id, _LEASED, table.c.lease_until < now)
    connection.execute(update(table).where(*lost).values(**values, claim=None, lease_until=None))


def conclude(
    connection: Connection, claim: str, results: Sequence[tuple[Pending, Done | Retry | Parked]], now: datetime
) -> None:
    """Record what a listener said."""
    for pending, result in results:
        mine = (table.c.id == pending.id, table.c.claim == claim)
        values = {**_conclusion(pending, result, now), "claim": None, "lease_until": None}
        connection.execute(update(table).where(*mine).values(**values))


def _conclusion(pending: Pending, result: Done | Retry | Parked, now: datetime) -> dict[str, Any]:
    match result:
        case Done(detail=detail):
            return {"state": "done", "done_at": now, "code": None, "note": note_of(detail)}
        case Parked(why=why, code=code):
            return {"state": "parked", "done_at": now, "code": note_of(code), "note": note_of(why)}
        case Retry(why=why, after_s=after_s):
            if pending.attempts >= MOST_ATTEMPTS:
                return {"state": "parked", "done_at": now, "code": _GAVE_UP, "note": note_of(why)}
            wait = max(WAITS[pending.attempts - 1], timedelta(seconds=asked_s(after_s)))
            return {"state": "pending", "next_attempt_at": now + wait, "note": note_of(why)}


def give_up_old(connection: Connection, listener_id: str, *, why: str, now: datetime) -> None:
    """Set aside what a listener that fails was not told for three days, also after a person had it tried again."""
    since = func.coalesce(table.c.again_at, table.c.at)
    old = (table.c.listener_id == listener_id, _PENDING, since < now - GIVEN_UP_AFTER)
    values = {"state": "parked", "done_at": now, "code": _GAVE_UP, "note": note_of(why)}
    connection.execute(update(table).where(*old).values(**values))


def release(connection: Connection, claim: str, ids: Collection[str]) -> None:
    """Put back what was leased and never tried."""
    values = {"state": "pending", "claim": None, "lease_until": None, "attempts": table.c.attempts - 1}
    mine = (is_among(connection, table.c.id, ids), table.c.claim == claim)
    connection.execute(update(table).where(*mine).values(**values))


def end_leases(connection: Connection, claim: str, now: datetime) -> None:
    """Have the leases of a claim run out now: the process that had it is known to be gone."""
    mine = (table.c.claim == claim, _LEASED, table.c.lease_until > now)
    connection.execute(update(table).where(*mine).values(lease_until=now))


def look_again(connection: Connection, listener_id: str, now: datetime) -> None:
    """Have all that a listener is to be told later due now."""
    later = (table.c.listener_id == listener_id, _PENDING, table.c.next_attempt_at > now)
    connection.execute(update(table).where(*later).values(next_attempt_at=now))


def try_parked_again(connection: Connection, listener_id: str, now: datetime) -> int:
    """Have all that was set aside tried again; return how much that is."""
    parked = (table.c.listener_id == listener_id, _PARKED)
    series = {"attempts": 0, "again_at": now, "next_attempt_at": now}
    values = {"state": "pending", **series, "done_at": None, "code": None}
    return connection.execute(update(table).where(*parked).values(**values)).rowcount


def parked_by_listener(connection: Connection) -> dict[str, int]:
    """Return how many notices each listener was not told for good."""
    statement = select(table.c.listener_id, func.count().label("number")).where(_PARKED).group_by(table.c.listener_id)
    return {row.listener_id: row.number for row in connection.execute(statement)}


def is_any_old(connection: Connection, now: datetime) -> bool:
    """Return whether anything was kept long enough."""
    return bool(connection.scalar(select(exists().where(table.c.at < now - KEPT_FOR))))


def sweep(connection: Connection, now: datetime) -> None:
    """Delete what was kept long enough, whatever became of it."""
    connection.execute(delete(table).where(table.c.at < now - KEPT_FOR))
