"""What the rules look at: people, invitations and suppressions held in memory.

A chunk of events is decided on a world loaded from the database and written back as a whole; `hub replay` decides
on one that starts empty.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from hub.domain.identity import Identity, IdKind, fingerprint, mailbox_of
from hub.domain.settings import SurveyRules
from hub.domain.states import IN_HAND, MOVABLE, WAITING, State
from hub.domain.traits import Profile, join_profiles, value_of

BRAKE_MINIMUM = 500
BRAKE_FACTOR = 10
"""More than so many invitations, and so many times the busiest hour of 28 days, falling due in an hour are a surge."""

MOST_FUTURES = 20
"""A sender whose clock is ahead may send one createdAt after the other."""


@dataclass(kw_only=True, slots=True)
class Person:
    """A customer: ids, merged traits, and when the hub first heard of them."""

    id: str
    first_seen_at: datetime | None
    """When the first event about this person arrived, echoes aside."""
    first_id: str
    profile: Profile = field(default_factory=dict)
    mailbox: str | None = None
    """Where their profile's address leads, None where mail reaches nobody; the world keeps it."""
    identities: list[Identity] = field(default_factory=list)
    locale: str | None = None
    timezone: str | None = None
    locale_at: datetime | None = None
    """Timestamp of the event that `locale` and `timezone` are of."""
    stored_identities: int = 0
    """How many of `identities` the store knows already."""
    future_created_at: dict[datetime, datetime] = field(default_factory=dict)
    """createdAt values up to 24 h ahead, with the moment of the first decision that saw each so (rule 13)."""

    @property
    def has_user_id(self) -> bool:
        """Return whether a userId is known."""
        return any(identity.kind is IdKind.USER for identity in self.identities)

    def remember_future(self, created_at: datetime, now: datetime) -> None:
        """Keep the moment of the first decision that saw a createdAt ahead of the clock; the newest of very many."""
        self.future_created_at.setdefault(created_at, now)
        if len(self.future_created_at) > MOST_FUTURES:
            del self.future_created_at[min(self.future_created_at, key=self.future_created_at.__getitem__)]


@dataclass(kw_only=True, slots=True)
class Invitation:
    """One invitation of a survey to a person, as far as rules care."""

    id: str
    survey_id: str
    person_id: str
    mailbox: str
    state: State
    due_at: datetime
    created_at: datetime | None
    """The createdAt, as parsed, that set `due_at`; None when none did."""
    sent_at: datetime | None = None
    reason: str | None = None
    late_from: datetime | None = None
    """Lateness counts from here when later than `due_at`: time held does not count."""
    revision: int | None = None
    """Of the stored row, which changes only from this revision; None: not stored yet."""
    opens_at: datetime | None = None
    """When the survey's window opens for it, where a due time was set that lies outside."""
    is_at_once: bool = False
    """A person wants it sent now, whatever the window."""
    reminder_of: str | None = None
    """The invitation that it reminds of; None: it is none."""
    reminder_number: int = 0

    @property
    def first_id(self) -> str:
        """The invitation that it is, or reminds of."""
        return self.reminder_of or self.id


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A survey as rules see it. `pauses` are the spans in which it was off, oldest first, without the current one."""

    id: str
    name: str
    rules: SurveyRules
    enabled: bool
    sources: frozenset[str] = frozenset()
    pauses: Sequence[tuple[datetime, datetime]] = ()


def no_count(survey_id: str, start: datetime | date) -> int:
    """Return 0: the count of a world that starts empty."""
    return 0


class Tally:
    """Invitations of a survey by a span of their due time: what the store counted, plus what changed since."""

    def __init__(self, span_of: Callable[[datetime], datetime | date], base: Callable[..., int] = no_count) -> None:
        self._span_of = span_of
        self._base = base
        self._known: dict[tuple[str, datetime | date], int] = {}
        self._changes: Counter[tuple[str, datetime | date]] = Counter()
        self._uncounted: list[tuple[str, datetime, int]] = []
        """Changes that were not asked for yet: few surveys have limits to count them for."""

    def at(self, survey_id: str, due_at: datetime) -> int:
        """Return how many fall due in the span of `due_at`."""
        key = (survey_id, self._span_of(due_at))
        if key not in self._known:
            self._known[key] = self._base(*key)
        return self._known[key] + self.change(survey_id, due_at)

    def change(self, survey_id: str, due_at: datetime) -> int:
        """Return by how much the count changed since it was stored."""
        for survey, moment, change in self._uncounted:
            self._changes[survey, self._span_of(moment)] += change
        self._uncounted.clear()
        return self._changes[survey_id, self._span_of(due_at)]

    def add(self, survey_id: str, due_at: datetime, change: int) -> None:
        """Count one more (or, with -1, less)."""
        self._uncounted.append((survey_id, due_at, change))


def day_of(moment: datetime) -> date:
    """Return the UTC day."""
    return moment.date()


def hour_of(moment: datetime) -> datetime:
    """Return the start of the UTC hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


class World:
    """People, invitations and suppressions, and the changes made to them."""

    def __init__(
        self,
        *,
        new_id: Callable[[], str],
        check_address: Callable[[object], str | None],
        count_day: Callable[..., int] = no_count,
        count_hour: Callable[..., int] = no_count,
        busiest_hour: Callable[[str], int] = lambda survey_id: 0,
        count_ahead: Callable[[Invitation], int] = lambda invitation: 0,
    ) -> None:
        self.new_id = new_id
        self.check_address = check_address
        self.days = Tally(day_of, count_day)
        self.hours = Tally(hour_of, count_hour)
        self._busiest_hour = busiest_hour
        self._count_ahead = count_ahead
        self.people: dict[Identity, Person] = {}
        self.suppressed: set[str] = set()
        self.refused_at: dict[str, datetime] = {}
        self.message_ids: set[tuple[str, str]] = set()
        self.answered: set[str] = set()
        self.undelivered: set[str] = set()
        """Of the invitations that are reminded of: which were answered, and which did not arrive."""
        self.joined: dict[str, str] = {}
        """Ids of people that turned out to be somebody else, and of whom."""
        self.touched: dict[str, Person] = {}
        self.changed: dict[str, Invitation] = {}
        self._by_person: dict[str, list[Invitation]] = defaultdict(list)
        self._by_mailbox: dict[str, list[Invitation]] = defaultdict(list)

    # Loading

    def know(self, person: Person) -> None:
        """Add a person with their identities."""
        person.mailbox = self._mailbox_of(person)
        for identity in person.identities:
            self.people[identity] = person

    def place(self, invitation: Invitation) -> None:
        """Add an invitation."""
        self._by_person[invitation.person_id].append(invitation)
        self._by_mailbox[invitation.mailbox].append(invitation)

    # Looking

    def invitations(self, person_id: str, mailbox: str) -> Iterator[Invitation]:
        """Return the invitations to a person or a mailbox, each once."""
        yield from self._by_person[person_id]
        for invitation in self._by_mailbox[mailbox]:
            if invitation.person_id != person_id:
                yield invitation

    def waiting(self, survey_id: str, person_id: str) -> Invitation | None:
        """Return the waiting invitation of a survey and person."""
        found = (i for i in self._by_person[person_id] if i.survey_id == survey_id and i.state in WAITING)
        return next(found, None)

    def invitation(self, person_id: str, invitation_id: str) -> Invitation:
        """Return one invitation of a person."""
        return next(i for i in self._by_person[person_id] if i.id == invitation_id)

    def ahead_on_its_day(self, invitation: Invitation) -> int:
        """Return how many invitations of the survey left or wait before this one for the UTC day it falls due."""
        return self._count_ahead(invitation) + self.days.change(invitation.survey_id, invitation.due_at)

    def is_suppressed(self, person: Person, mailbox: str) -> bool:
        """Return whether the mailbox or the person must not be mailed (rule 9)."""
        if not self.suppressed:
            return False
        if fingerprint("mailbox", mailbox) in self.suppressed:
            return True
        return any(
            fingerprint(identity.kind, identity.namespace, identity.value) in self.suppressed
            for identity in person.identities
        )

    # Changing

    def meet(self, user: Identity | None, anonymous: Identity | None, seen_at: datetime | None) -> Person:
        """Return the person an event is about, made or joined as its ids say; None as `seen_at`: an echo.

        An anonymousId joins the first userId seen with it; two userIds never merge.
        """
        known_user = self.people.get(user) if user else None
        known_anonymous = self.people.get(anonymous) if anonymous else None
        if user is None:
            person = known_anonymous or self._make(anonymous)
        elif known_anonymous is None or known_anonymous.has_user_id:
            person = known_user or self._make(user)
        elif known_user is None:
            person = known_anonymous
        else:
            person = known_user
            self._join(person, known_anonymous)
        for identity in (user, anonymous):
            if identity is not None and identity not in self.people:
                person.identities.append(identity)
                self.people[identity] = person
        if seen_at is not None and (person.first_seen_at is None or seen_at < person.first_seen_at):
            person.first_seen_at = seen_at
        self.touched[person.id] = person
        return person

    def known(self, user: Identity | None, anonymous: Identity | None) -> Person | None:
        """Return the person an event is about if there is one already; changes nothing."""
        found = (self.people.get(identity) for identity in (user, anonymous) if identity is not None)
        return next((person for person in found if person is not None), None)

    def _make(self, first: Identity | None) -> Person:
        assert first is not None, "rule 4 lets no event without an id through"
        return Person(id=self.new_id(), first_seen_at=None, first_id=first.value)

    def _join(self, person: Person, other: Person) -> None:
        is_older = other.first_seen_at is not None and (
            person.first_seen_at is None or other.first_seen_at < person.first_seen_at
        )
        if is_older:
            person.first_seen_at, person.first_id = other.first_seen_at, other.first_id
        join_profiles(person.profile, other.profile, check_address=self.check_address)
        _join_locales(person, other)
        for value, moment in other.future_created_at.items():
            person.future_created_at[value] = min(moment, person.future_created_at.get(value, moment))
        for identity in other.identities:
            self.people[identity] = person
        in_order = (other, person) if is_older else (person, other)
        person.identities = [identity for one in in_order for identity in one.identities]
        person.stored_identities = 0
        self._unite_invitations(person.id, other.id)
        self.readdress(person)
        self.joined[other.id] = person.id
        self.touched.pop(other.id, None)

    def _unite_invitations(self, person_id: str, other_id: str) -> None:
        for invitation in self._by_person.pop(other_id, []):
            rival = self.waiting(invitation.survey_id, person_id) if invitation.state in WAITING else None
            invitation.person_id = person_id
            self._by_person[person_id].append(invitation)
            loser = _loser(rival, invitation) if rival is not None else None
            if loser is not None and loser.state is not State.SENDING:
                self.cancel(loser, "already_scheduled")

    def schedule(self, invitation: Invitation, *, brake: bool) -> None:
        """Add a new invitation, held when the surge brake is on and too many fall due within the hour."""
        if brake and self._is_surge(invitation):
            invitation.state = State.HELD
            invitation.reason = "surge"
        else:
            self.hours.add(invitation.survey_id, invitation.due_at, 1)
        self.days.add(invitation.survey_id, invitation.due_at, 1)
        self.place(invitation)
        self.changed[invitation.id] = invitation

    def _is_surge(self, invitation: Invitation, *, itself: int = 0) -> bool:
        within_the_hour = self.hours.at(invitation.survey_id, invitation.due_at) - itself
        if within_the_hour < BRAKE_MINIMUM:
            return False
        return within_the_hour >= BRAKE_FACTOR * self._busiest_hour(invitation.survey_id)

    def move(
        self, invitation: Invitation, due_at: datetime, created_at: datetime, *, opens_at: datetime, brake: bool
    ) -> None:
        """Give a waiting invitation another due time, unless a worker has it in hand. A reminder keeps its own."""
        if invitation.state not in MOVABLE or invitation.reminder_of is not None:
            return
        for tally in (self.days, self.hours) if invitation.state is not State.HELD else (self.days,):
            tally.add(invitation.survey_id, invitation.due_at, -1)
            tally.add(invitation.survey_id, due_at, 1)
        invitation.due_at = due_at
        invitation.opens_at = opens_at
        invitation.created_at = created_at
        is_released = invitation.late_from is not None
        if brake and not is_released and invitation.state is State.SCHEDULED and self._is_surge(invitation, itself=1):
            self.hours.add(invitation.survey_id, due_at, -1)
            invitation.state, invitation.reason = State.HELD, "surge"
        self.changed[invitation.id] = invitation

    def forget(self, user: Identity | None, anonymous: Identity | None) -> None:
        """Forget the people with these ids and never mail them again, as erasing does in the store."""
        for named in (user, anonymous):
            if named is None:
                continue
            person = self.people.get(named)
            identities = [named, *(person.identities if person else ())]
            self.suppressed |= {fingerprint(one.kind, one.namespace, one.value) for one in identities}
            for identity in identities:
                self.people.pop(identity, None)
            if person is not None:
                self._forget_mailboxes(person)

    def _forget_mailboxes(self, person: Person) -> None:
        mailboxes = {person.mailbox} if person.mailbox else set()
        for invitation in self._by_person.pop(person.id, []):
            mailboxes.add(invitation.mailbox)
            self._by_mailbox[invitation.mailbox].remove(invitation)
            if invitation.reminder_of is None:
                self.days.add(invitation.survey_id, invitation.due_at, -1)
            invitation.state = State.CANCELLED
        self.suppressed |= {fingerprint("mailbox", mailbox) for mailbox in mailboxes}

    def readdress(self, person: Person) -> None:
        """Let a person's waiting invitations follow them to their newest mailbox."""
        mailbox = person.mailbox = self._mailbox_of(person)
        if mailbox is None:
            return
        for invitation in self._by_person[person.id]:
            if invitation.mailbox != mailbox and invitation.state in MOVABLE:
                self._by_mailbox[invitation.mailbox].remove(invitation)
                invitation.mailbox = mailbox
                self._by_mailbox[mailbox].append(invitation)
                self.changed[invitation.id] = invitation

    def _mailbox_of(self, person: Person) -> str | None:
        address = self.check_address(value_of(person.profile, "email"))
        return mailbox_of(address) if address else None

    def cancel(self, invitation: Invitation, reason: str) -> None:
        """Cancel a waiting invitation that did not leave. Reminders are not among those that are counted."""
        if invitation.reminder_of is None:
            self.days.add(invitation.survey_id, invitation.due_at, -1)
            if invitation.state is not State.HELD:
                self.hours.add(invitation.survey_id, invitation.due_at, -1)
        invitation.state = State.CANCELLED
        invitation.reason = reason
        self.changed[invitation.id] = invitation


def _join_locales(person: Person, other: Person) -> None:
    if other.locale_at is not None and (person.locale_at is None or other.locale_at > person.locale_at):
        person.locale = other.locale or person.locale
        person.timezone = other.timezone or person.timezone
        person.locale_at = other.locale_at
    else:
        person.locale = person.locale or other.locale
        person.timezone = person.timezone or other.timezone


def _loser(first: Invitation, second: Invitation) -> Invitation:
    """Return which of two waiting invitations goes: one in hand survives, else the one that is due earlier.

    What is on its way cannot be called back: of two such the caller lets both be.
    """
    survivor = min(
        (first, second), key=lambda i: (i.state is not State.SENDING, i.state not in IN_HAND, i.due_at, i.id)
    )
    return second if survivor is first else first
