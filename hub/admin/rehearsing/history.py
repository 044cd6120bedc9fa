"""What the events of a rehearsal do not tell themselves: what was before them, and what else happened meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import Connection, or_, select

from hub.admin.rehearsing.recorded import Recorded
from hub.domain.identity import fingerprint, mailbox_of
from hub.domain.rules import REFUSAL_COUNTS
from hub.domain.states import SENT_STATES, WAITING, State
from hub.domain.traits import Trait, value_of
from hub.domain.world import Invitation, Person, Survey, World
from hub.mail.addresses import check_address
from hub.store import worlds
from hub.store.sql import is_among
from hub.store.tables import invitation as table
from hub.store.tables import suppression

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""Whatever an event says is newer."""
Happening: TypeAlias = tuple[datetime, Callable[[], None]]


class Past:
    """What the events themselves do not tell, each at its time."""

    def __init__(self, happenings: Iterable[Happening]) -> None:
        self._happenings = sorted(happenings, key=lambda one: one[0])
        self._next = 0

    def happen(self, until: datetime) -> None:
        """Let everything happen that did until then."""
        while self._next < len(self._happenings) and self._happenings[self._next][0] <= until:
            self._happenings[self._next][1]()
            self._next += 1


def past_of(connection: Connection, world: World, survey: Survey, found: Recorded) -> Past:
    """Let the world know the people of the events as they were before; return what else happened to them."""
    people = worlds.load_people(connection, {one.person_id for one in found.events if one.person_id is not None})
    told = {one.incoming.message_id for one in found.events if one.incoming is not None}
    for person in people.values():
        world.know(_as_before(person, found.since, told))
    addresses = {check_address(value_of(person.profile, "email")) for person in people.values()}
    addresses |= {check_address(one.incoming.traits.get("email")) for one in found.events if one.incoming}
    mailboxes = {mailbox_of(address) for address in addresses if address}
    return Past(
        [
            *_stops(connection, world, people.values(), mailboxes),
            *_mails(connection, world, survey, set(people), mailboxes, found.since),
        ]
    )


def _as_before(person: Person, since: datetime, told: Collection[str]) -> Person:
    """Return a person as they were before the events; of a trait that one of these set, its value of now."""
    if person.first_seen_at is None or person.first_seen_at >= since:
        person.profile, person.first_seen_at = {}, None
    for name, trait in person.profile.items():
        if trait.message_id in told:
            person.profile[name] = Trait(trait.value, _LONG_AGO, "")
    return person


def _stops(
    connection: Connection, world: World, people: Iterable[Person], mailboxes: Collection[str]
) -> Iterator[Happening]:
    keys = {fingerprint("mailbox", mailbox) for mailbox in mailboxes}
    keys |= {fingerprint(one.kind, one.namespace, one.value) for person in people for one in person.identities}
    rows = connection.execute(
        select(suppression.c.key, suppression.c.created_at).where(is_among(connection, suppression.c.key, keys))
    )
    for row in rows:
        yield row.created_at, partial(world.suppressed.add, row.key)


def _mails(
    connection: Connection,
    world: World,
    survey: Survey,
    people: Collection[str],
    mailboxes: Collection[str],
    since: datetime,
) -> Iterator[Happening]:
    """Yield this survey's mails of before, refusals, and where there is a quiet period the mails of other surveys."""
    theirs = or_(is_among(connection, table.c.person_id, people), is_among(connection, table.c.mailbox, mailboxes))
    known = sorted(WAITING | SENT_STATES | {State.REJECTED})
    for row in connection.execute(select(table).where(theirs, table.c.state.in_(known))).all():
        if row.state == State.REJECTED:
            if row.concluded_at > since - REFUSAL_COUNTS:
                yield row.concluded_at, partial(world.refused_at.update, {row.mailbox: row.concluded_at})
        elif row.survey_id != survey.id:
            if survey.rules.quiet_period:
                yield row.scheduled_at, partial(world.place, _sent(row))
        elif row.scheduled_at < since:
            yield row.scheduled_at, partial(_place_own, world, row, since)


def _place_own(world: World, row: Any, since: datetime) -> None:
    """Add an invitation of before; one that was not sent by then waits, and is sent in mind when it is due."""
    if row.state in SENT_STATES and row.sent_at < since:
        world.place(_sent(row))
        return
    state = State.HELD if row.state == State.HELD else State.SCHEDULED
    invitation = _invitation(row, state=state, due_at=row.sent_at or row.due_at)
    world.place(invitation)
    if state is State.SCHEDULED:
        world.changed[row.id] = invitation
    if row.reminder_of is not None:
        return
    world.days.add(row.survey_id, invitation.due_at, 1)
    if state is State.SCHEDULED:
        world.hours.add(row.survey_id, invitation.due_at, 1)


def _sent(row: Any) -> Invitation:
    state = State(row.state) if row.state in SENT_STATES else State.SENT
    return _invitation(row, state=state, due_at=row.due_at, sent_at=row.sent_at or row.due_at)


def _invitation(row: Any, *, state: State, due_at: datetime, sent_at: datetime | None = None) -> Invitation:
    return Invitation(
        id=row.id,
        survey_id=row.survey_id,
        person_id=row.person_id,
        mailbox=row.mailbox,
        state=state,
        due_at=due_at,
        created_at=row.created_at_basis,
        reminder_of=row.reminder_of,
        reminder_number=row.reminder_number,
        sent_at=sent_at,
    )
