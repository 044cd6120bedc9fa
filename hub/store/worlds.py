"""Loading a world for the rules from the database."""

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
    exists,
    func,
    or_,
    select,
    type_coerce,
)

from hub.domain.identity import Identity, IdKind, fingerprint
from hub.domain.rules import REFUSAL_COUNTS
from hub.domain.states import SENT_STATES, WAITING, State
from hub.domain.traits import Profile, Trait
from hub.domain.world import Invitation, Person, Survey, World
from hub.store.ahead import Ahead
from hub.store.sql import in_states, is_among, look_up
from hub.store.tables import identity, invitation, person, suppression
from hub.store.types import ids_for_many

BRAKE_LOOKS_BACK = timedelta(days=28)
_COUNTED = sorted(WAITING | SENT_STATES)
_COUNTED_FOR_BRAKE = sorted((WAITING | SENT_STATES) - {State.HELD})


def new_world(connection: Connection, check_address: Any, now: datetime, *, due: Collection[str] = ()) -> World:
    """Return an empty world whose counts come from the database when they are asked for.

    `due` are the ids of the invitations that are checked once more before they are sent.
    """
    return World(
        new_id=ids_for_many().__next__,
        check_address=check_address,
        count_day=lambda survey_id, day: _count_day(connection, survey_id, day),
        count_hour=lambda survey_id, hour: _count(connection, survey_id, hour, timedelta(hours=1), _COUNTED_FOR_BRAKE),
        busiest_hour=BusiestHours(connection, now),
        count_ahead=Ahead(connection, due),
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
    boxes = set(mailboxes) | {found.mailbox for found in people.values() if found.mailbox}
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
    theirs = is_among(connection, identity.c.person_id, person_ids)
    found = connection.execute(select(*_IDENTITY).where(theirs).order_by(identity.c.position)).all()
    for person_id, namespace, kind, value in found:
        owner = people[person_id]
        owner.identities.append(Identity(namespace=namespace, kind=_KINDS[kind], value=value))
        owner.stored_identities += 1
    return people


_IDENTITY = (identity.c.person_id, identity.c.namespace, identity.c.kind, identity.c.value)
_KINDS = {kind.value: kind for kind in IdKind}


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


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


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
    invitation.c.at_once,
    invitation.c.reminder_of,
    invitation.c.reminder_number,
)


_STATES = {state.value: state for state in State}


def _invitation(row: Any) -> Invitation:
    return Invitation(
        id=row.id,
        survey_id=row.survey_id,
        person_id=row.person_id,
        mailbox=row.mailbox,
        state=_STATES[row.state],
        due_at=row.due_at,
        created_at=row.created_at_basis,
        sent_at=row.sent_at,
        reason=row.reason,
        late_from=row.late_from,
        revision=row.revision,
        is_at_once=row.at_once,
        reminder_of=row.reminder_of,
        reminder_number=row.reminder_number,
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


# Counts, of first mails: a reminder asks nobody whom they don't count


def _count_day(connection: Connection, survey_id: str, day: date) -> int:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return _count(connection, survey_id, start, timedelta(days=1), _COUNTED)


def _count(connection: Connection, survey_id: str, start: datetime, span: timedelta, states: Sequence[str]) -> int:
    statement = select(func.count()).where(
        invitation.c.survey_id == survey_id,
        invitation.c.due_at >= start,
        invitation.c.due_at < start + span,
        invitation.c.state.in_(states),
        invitation.c.reminder_of.is_(None),
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
                invitation.c.reminder_of.is_(None),
                invitation.c.sent_at > self._now - BRAKE_LOOKS_BACK,
                invitation.c.sent_at < self._now.replace(minute=0, second=0, microsecond=0),
            )
            .group_by(hour)
            .subquery()
        )
        return self._connection.scalar(select(func.max(counted.c.number))) or 0


def is_braked(connection: Connection, survey_id: str) -> bool:
    """Return whether the surge brake holds an invitation of a survey."""
    held = (invitation.c.survey_id == survey_id, invitation.c.state == State.HELD, invitation.c.reason == "surge")
    return bool(connection.scalar(select(exists().where(*held))))
