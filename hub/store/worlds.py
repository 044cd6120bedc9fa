"""Loading a world for the rules from the database, and writing back what they changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Connection,
    Text,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from hub.domain.identity import Identity, IdKind, fingerprint, mailbox_of
from hub.domain.rules import REFUSAL_COUNTS
from hub.domain.states import SENT_STATES, WAITING, State
from hub.domain.traits import Profile, Trait, value_of
from hub.domain.world import Invitation, Person, Survey, World
from hub.store.engine import Stale
from hub.store.sql import in_states, insert_many, is_among, look_up, upsert
from hub.store.tables import event, identity, invitation, outbox, person, response, suppression
from hub.store.types import Instant, new_id

BRAKE_LOOKS_BACK = timedelta(days=28)
_COUNTED = sorted(WAITING | SENT_STATES)
_COUNTED_FOR_BRAKE = sorted((WAITING | SENT_STATES) - {State.HELD})


def new_world(connection: Connection, check_address: Any, now: datetime) -> World:
    """Return an empty world whose counts come from the database when they are asked for."""
    return World(
        new_id=new_id,
        check_address=check_address,
        count_day=lambda survey_id, day: _count_day(connection, survey_id, day),
        count_hour=lambda survey_id, hour: _count(connection, survey_id, hour, timedelta(hours=1), _COUNTED_FOR_BRAKE),
        busiest_hour=BusiestHours(connection, now),
        count_ahead=lambda one: _count_ahead(connection, one),
    )


def load(
    connection: Connection,
    world: World,
    *,
    identities: Collection[Identity] = (),
    ids: Collection[str] = (),
    mailboxes: Collection[str] = (),
    surveys: Iterable[Survey],
    now: datetime,
) -> None:
    """Load some people, by identity or id, and everything the rules may ask about them and some mailboxes."""
    ids = set(ids) | person_ids(connection, identities)
    people = load_people(connection, ids)
    for found in people.values():
        world.know(found)
    addresses = (world.check_address(value_of(found.profile, "email")) for found in people.values())
    boxes = set(mailboxes) | {mailbox_of(address) for address in addresses if address}
    lookback = max((max(s.rules.min_interval, s.rules.quiet_period) for s in surveys), default=timedelta(0))
    _load_invitations(connection, world, people=set(people), mailboxes=boxes, since=now - lookback)
    _load_refusals(connection, world, boxes, now)
    keys = {fingerprint("mailbox", box) for box in boxes}
    known = set(identities) | {known for found in people.values() for known in found.identities}
    keys |= {fingerprint(known.kind, known.namespace, known.value) for known in known}
    world.suppressed |= set(
        connection.scalars(select(suppression.c.key).where(is_among(connection, suppression.c.key, keys)))
    )


def load_people(connection: Connection, person_ids: Collection[str]) -> dict[str, Person]:
    """Return people by id."""
    if not person_ids:
        return {}
    rows = connection.execute(select(*_PERSON).where(is_among(connection, person.c.id, person_ids))).all()
    people = {row.id: _person(row) for row in rows}
    rows = connection.execute(
        select(identity).where(is_among(connection, identity.c.person_id, person_ids)).order_by(identity.c.position)
    ).all()
    for row in rows:
        owner = people[row.person_id]
        owner.identities.append(Identity(namespace=row.namespace, kind=IdKind(row.kind), value=row.value))
        owner.stored_identities += 1
    return people


_PERSON = (
    person.c.id,
    person.c.first_seen_at,
    person.c.first_id,
    type_coerce(person.c.profile, Text).label("profile"),
    person.c.locale,
    person.c.timezone,
    person.c.locale_at,
    person.c.future_created_at,
)
_profile = msgspec.json.Decoder(dict[str, Trait])


def _person(row: Any) -> Person:
    return Person(
        id=row.id,
        first_seen_at=row.first_seen_at,
        first_id=row.first_id,
        profile=read_profile(row.profile),
        locale=row.locale,
        timezone=row.timezone,
        locale_at=row.locale_at,
        future_created_at={_moment(key): _moment(value) for key, value in row.future_created_at.items()},
    )


def read_profile(text: str) -> Profile:
    """Return a profile from what is stored of it."""
    try:
        return _profile.decode(text)
    except msgspec.DecodeError:  # half a surrogate pair, and NaN
        return {name: Trait(value, _moment(at), by) for name, (value, at, by) in json.loads(text).items()}


def person_ids(connection: Connection, identities: Collection[Identity]) -> set[str]:
    """Return the ids of the people who have any of these identities."""
    wanted: dict[tuple[str, IdKind], set[str]] = {}
    for one in identities:
        wanted.setdefault((one.namespace, one.kind), set()).add(one.value)
    found: set[str] = set()
    for (namespace, kind), values in wanted.items():
        theirs = (identity.c.namespace == namespace, identity.c.kind == kind)
        found.update(look_up(connection, identity.c.person_id, identity.c.value, values, *theirs))
    return found


def mailboxes_of(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return the mailboxes of people."""
    statement = select(person.c.mailbox).where(is_among(connection, person.c.id, ids), person.c.mailbox.is_not(None))
    return {mailbox for mailbox in connection.scalars(statement) if mailbox}


def _load_invitations(
    connection: Connection, world: World, *, people: Collection[str], mailboxes: Collection[str], since: datetime
) -> None:
    theirs = or_(
        is_among(connection, invitation.c.person_id, people), is_among(connection, invitation.c.mailbox, mailboxes)
    )
    counts = or_(
        in_states(invitation.c.state, *sorted(WAITING)),
        (invitation.c.state.in_(sorted(SENT_STATES))) & (invitation.c.sent_at > since),
    )
    for row in connection.execute(select(*_INVITATION).where(theirs, counts)).all():
        world.place(_invitation(row))


_INVITATION = (
    invitation.c.id,
    invitation.c.survey_id,
    invitation.c.person_id,
    invitation.c.mailbox,
    invitation.c.state,
    invitation.c.due_at,
    invitation.c.created_at_basis,
    invitation.c.sent_at,
    invitation.c.reason,
    invitation.c.late_from,
    invitation.c.revision,
)


def _invitation(row: Any) -> Invitation:
    return Invitation(
        id=row.id,
        survey_id=row.survey_id,
        person_id=row.person_id,
        mailbox=row.mailbox,
        state=State(row.state),
        due_at=row.due_at,
        created_at=row.created_at_basis,
        sent_at=row.sent_at,
        reason=row.reason,
        late_from=row.late_from,
        revision=row.revision,
    )


def _load_refusals(connection: Connection, world: World, mailboxes: Collection[str], now: datetime) -> None:
    statement = (
        select(invitation.c.mailbox, func.max(invitation.c.concluded_at).label("at"))
        .where(
            is_among(connection, invitation.c.mailbox, mailboxes),
            invitation.c.state == State.REJECTED,
            invitation.c.concluded_at > now - REFUSAL_COUNTS,
        )
        .group_by(invitation.c.mailbox)
    )
    world.refused_at.update({row.mailbox: row.at for row in connection.execute(statement)})


# Counts


def _count_day(connection: Connection, survey_id: str, day: date) -> int:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return _count(connection, survey_id, start, timedelta(days=1), _COUNTED)


def _count(connection: Connection, survey_id: str, start: datetime, span: timedelta, states: Sequence[str]) -> int:
    statement = select(func.count()).where(
        invitation.c.survey_id == survey_id,
        invitation.c.due_at >= start,
        invitation.c.due_at < start + span,
        invitation.c.state.in_(states),
    )
    return connection.scalar(statement) or 0


def _count_ahead(connection: Connection, one: Invitation) -> int:
    start = one.due_at.replace(hour=0, minute=0, second=0, microsecond=0)
    is_before = or_(invitation.c.due_at < one.due_at, and_(invitation.c.due_at == one.due_at, invitation.c.id < one.id))
    departed = invitation.c.state.in_(sorted(SENT_STATES | {State.SENDING}))
    statement = select(func.count()).where(
        invitation.c.survey_id == one.survey_id,
        invitation.c.due_at >= start,
        invitation.c.due_at < start + timedelta(days=1),
        invitation.c.id != one.id,
        invitation.c.state.in_(_COUNTED),
        or_(departed, is_before),
    )
    return connection.scalar(statement) or 0


class BusiestHours:
    """How many mails a survey sent in its busiest hour of the last 28 days; counted once, and only when asked for."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._known: dict[str, int] = {}

    def __call__(self, survey_id: str) -> int:
        if survey_id not in self._known:
            self._known[survey_id] = self._count(survey_id)
        return self._known[survey_id]

    def _count(self, survey_id: str) -> int:
        if self._connection.dialect.name == "postgresql":
            hour: Any = func.date_trunc("hour", invitation.c.sent_at)
        else:
            hour = type_coerce(invitation.c.sent_at, BigInteger).op("/")(3_600_000_000)
        counted = (
            select(func.count().label("number"))
            .where(
                invitation.c.survey_id == survey_id,
                invitation.c.state.in_(sorted(SENT_STATES)),
                invitation.c.sent_at > self._now - BRAKE_LOOKS_BACK,
                invitation.c.sent_at < self._now.replace(minute=0, second=0, microsecond=0),
            )
            .group_by(hour)
            .subquery()
        )
        return self._connection.scalar(select(func.max(counted.c.number))) or 0


# Writing back


def save(connection: Connection, world: World, *, now: datetime) -> None:
    """Write the people and invitations that changed. Raises Stale when an invitation changed under our hands."""
    for other_id, person_id in world.joined.items():
        # An answer in this very moment holds the invitation: it is waited for, and then moved with the others.
        connection.execute(select(invitation.c.id).where(invitation.c.person_id == other_id).with_for_update())
        for table in (event, response, outbox):
            connection.execute(update(table).where(table.c.person_id == other_id).values(person_id=person_id))
        connection.execute(delete(person).where(person.c.id == other_id))
    touched = sorted(world.touched.values(), key=lambda one: one.id)
    columns = [
        "first_seen_at",
        "first_id",
        "mailbox",
        "profile",
        "locale",
        "timezone",
        "locale_at",
        "future_created_at",
    ]
    upsert(connection, person, [_person_row(world, one) for one in touched], update=columns)
    upsert(connection, identity, _identity_rows(touched), update=["person_id", "position"])
    _save_invitations(connection, world, now)


def _person_row(world: World, one: Person) -> dict[str, Any]:
    address = world.check_address(value_of(one.profile, "email"))
    return {
        "id": one.id,
        "first_seen_at": one.first_seen_at,
        "first_id": one.first_id,
        "mailbox": mailbox_of(address) if address else None,
        "profile": one.profile,
        "locale": one.locale,
        "timezone": one.timezone,
        "locale_at": one.locale_at,
        "future_created_at": {_text(key): _text(value) for key, value in one.future_created_at.items()},
    }


def _identity_rows(people: Iterable[Person]) -> list[dict[str, Any]]:
    rows = [
        {"namespace": i.namespace, "kind": i.kind, "value": i.value, "person_id": one.id, "position": position}
        for one in people
        for position, i in enumerate(one.identities[one.stored_identities :], one.stored_identities)
    ]
    return sorted(rows, key=lambda row: (row["namespace"], row["kind"], row["value"]))


def _save_invitations(connection: Connection, world: World, now: datetime) -> None:
    changed = [_changed_row(one, now) for one in world.changed.values() if one.revision is not None]
    for row in sorted(changed, key=lambda one: one["state"] != State.CANCELLED):
        statement = update(invitation).where(invitation.c.id == row["id"], invitation.c.revision == row["revision"])
        values = {name: value for name, value in row.items() if name != "id"} | {"revision": row["revision"] + 1}
        if connection.execute(statement.values(**values)).rowcount != 1:
            raise Stale
    for other_id, person_id in world.joined.items():
        connection.execute(update(invitation).where(invitation.c.person_id == other_id).values(person_id=person_id))
    insert_many(connection, invitation, [_new_row(one, now) for one in world.changed.values() if one.revision is None])


def _changed_row(one: Invitation, now: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "revision": one.revision,
        "person_id": one.person_id,
        "mailbox": one.mailbox,
        "state": one.state,
        "reason": one.reason,
        "due_at": one.due_at,
        # A new due time begins anew; a change of anything else leaves a retry where it is.
        "next_attempt_at": case(
            (invitation.c.due_at == one.due_at, invitation.c.next_attempt_at), else_=literal(one.due_at, Instant)
        ),
        "created_at_basis": one.created_at,
        "concluded_at": now if one.state is State.CANCELLED else None,
    }


def _new_row(one: Invitation, now: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "survey_id": one.survey_id,
        "person_id": one.person_id,
        "mailbox": one.mailbox,
        "state": one.state,
        "reason": one.reason,
        "due_at": one.due_at,
        "next_attempt_at": one.due_at,
        "created_at_basis": one.created_at,
        "scheduled_at": now,
        "tried": [],
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(moment: datetime) -> str:
    return moment.isoformat()
