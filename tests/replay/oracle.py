"""A second reading of docs/rules.md, slow and obvious, to compare `hub replay` with.

It shares no code with the hub on purpose. Nothing is cached or kept up to date: a profile is worked out
from every event of the person each time somebody asks. One survey listens to one source.
"""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from email_validator import EmailNotValidError, validate_email

Event = dict[str, Any]
Settings = dict[str, Any]
Line = dict[str, str | None]

DEFAULTS: Settings = {
    "min_delay_days": 0,
    "max_delay_days": 0,
    "min_interval_weeks": 26,
    "on_missing_created_at": "immediate",
    "max_event_age_hours": 48,
    "quiet_period_hours": 0,
    "daily_limit": 0,
}
OWN_DESTINATION = "Survey Hub"
OWN_LIBRARY = "survey-hub"
SYNC_TRAITS = {"NPS_rating", "NPS_comment", "NPS_date"}
CAMEL_CASE = {"created_at": "createdAt", "first_name": "firstName", "last_name": "lastName"}
YEAR_1990 = datetime(1990, 1, 1, tzinfo=UTC)
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DATE_AND_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?(?:[Zz]|([+-])(\d{2}):?(\d{2}))?)?",
    re.ASCII,
)


def replay(events: list[Event], settings: Settings) -> list[Line]:
    """Return for each event what the rules say of it, in the words `hub replay` uses.

    Times are `YYYY-MM-DDTHH:MM:SS.ffffffZ`; what an outcome doesn't have is None, and so is the
    message_id of an event that came without one (the hub derives one).
    """
    hub = Hub(DEFAULTS | settings)
    return [hub.receive(event) for event in events]


class UnreadableError(Exception):
    """Raised for a value that is there and means nothing."""


@dataclass(kw_only=True)
class Identify:
    """What one identify said of a person."""

    timestamp: datetime
    message_id: str
    traits: dict[str, Any]


@dataclass(kw_only=True, eq=False)
class Person:
    """Everything heard of one person."""

    user_id: str | None = None
    anonymous_ids: set[str] = field(default_factory=set)
    identifies: list[Identify] = field(default_factory=list)
    first_seen: datetime | None = None
    first_sights: dict[datetime, datetime] = field(default_factory=dict)

    def trait(self, name: str) -> Any:
        """Return the newest value of a trait; None when there is none."""
        known = [said for said in self.identifies if name in said.traits]
        return _newest(known).traits[name] if known else None

    def address(self) -> Any:
        """Return the newest valid address, else the newest malformed one, else None."""
        known = [said for said in self.identifies if "email" in said.traits]
        valid = [said for said in known if is_valid_address(said.traits["email"])]
        return _newest(valid or known).traits["email"] if known else None

    def mailbox(self) -> str:
        """Return the mailbox of a valid address."""
        return mailbox_of(self.address())


@dataclass(kw_only=True, eq=False)
class Invitation:
    """A mail that is waiting (no sent_to yet) or was sent."""

    person: Person
    due: datetime
    set_by: datetime | None
    sent_to: str | None = None


class Hub:
    """One survey, one source, nothing known yet."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.min_delay = timedelta(days=settings["min_delay_days"])
        self.max_delay = timedelta(days=settings["max_delay_days"])
        self.interval = timedelta(weeks=settings["min_interval_weeks"])
        self.max_age = timedelta(hours=settings["max_event_age_hours"])
        self.quiet_period = timedelta(hours=settings["quiet_period_hours"])
        self.clock: datetime | None = None
        self.message_ids: set[str] = set()
        self.people: list[Person] = []
        self.invitations: list[Invitation] = []
        self.erased: set[tuple[str, str | None]] = set()

    def receive(self, event: Event) -> Line:
        """Take one event in and return its line."""
        now = self.advance_clock(event)
        self.send_what_was_due_before(now)
        message_id = event.get("messageId")
        if message_id is not None and message_id in self.message_ids:
            return line(event, "ignored", "duplicate")  # 1
        if message_id is not None:
            self.message_ids.add(message_id)
        try:
            user_id = identifier(event.get("userId"))
            anonymous_id = identifier(event.get("anonymousId"))
        except UnreadableError:
            return line(event, "rejected", "unreadable")

        if event.get("type") != "identify":  # 2
            if user_id or anonymous_id:
                self.keep(self.person(user_id, anonymous_id), now)
            if event.get("type") == "delete":
                self.erase(user_id, anonymous_id)
            return line(event, "ignored", "not_a_trigger")

        timestamp = event_timestamp(event, arrived=now)
        said = Identify(timestamp=timestamp, message_id=message_id or "", traits=traits_of(event))
        if is_echo(event):  # 3
            if still_updates_the_profile(event) and (user_id or anonymous_id):
                self.person(user_id, anonymous_id).identifies.append(said)
            return line(event, "ignored", "echo")
        if not user_id and not anonymous_id:  # 4
            return line(event, "rejected", "no_identity")
        # 5: in a replay the survey listens.

        person = self.person(user_id, anonymous_id)
        person.identifies.append(said)
        self.keep(person, now)
        return self.decide(event, said, person, now)

    def advance_clock(self, event: Event) -> datetime:
        received = parse_text_time(event["receivedAt"])
        if self.clock is None or received > self.clock:
            self.clock = received
        return self.clock

    def send_what_was_due_before(self, now: datetime) -> None:
        for invitation in self.invitations:
            if invitation.sent_to is None and invitation.due < now:
                invitation.sent_to = invitation.person.mailbox()

    def keep(self, person: Person, arrived: datetime) -> None:
        if person.first_seen is None:
            person.first_seen = arrived

    def erase(self, user_id: str | None, anonymous_id: str | None) -> None:
        """Forget whoever has one of the ids; neither their ids nor their mailboxes are ever asked again."""
        for person in [p for p in self.people if (user_id and p.user_id == user_id) or anonymous_id in p.anonymous_ids]:
            self.erased |= {("user", person.user_id)} | {("anonymous", one) for one in person.anonymous_ids}
            if is_valid_address(person.address()):
                self.erased.add(("mailbox", person.mailbox()))
            theirs = [i for i in self.invitations if i.person is person]
            self.erased |= {("mailbox", i.sent_to) for i in theirs if i.sent_to is not None}
            self.invitations = [i for i in self.invitations if i.person is not person]
            self.people.remove(person)
        self.erased |= {("user", user_id), ("anonymous", anonymous_id)}
        self.erased -= {("user", None), ("anonymous", None)}

    def is_erased(self, person: Person) -> bool:
        ids = {("user", person.user_id), ("mailbox", person.mailbox())}
        return bool(self.erased & (ids | {("anonymous", one) for one in person.anonymous_ids}))

    def person(self, user_id: str | None, anonymous_id: str | None) -> Person:
        """Return whose event this is, after joining what it shows to be one person."""
        by_user = next((p for p in self.people if user_id and p.user_id == user_id), None)
        by_anonymous = next((p for p in self.people if anonymous_id in p.anonymous_ids), None)
        if user_id is None:
            assert anonymous_id is not None
            return by_anonymous or self.add(Person(anonymous_ids={anonymous_id}))
        if by_user is None:
            if by_anonymous is not None and by_anonymous.user_id is None:
                by_anonymous.user_id = user_id
                return by_anonymous
            by_user = self.add(Person(user_id=user_id))
        if anonymous_id is not None and by_anonymous is None:
            by_user.anonymous_ids.add(anonymous_id)
        if by_anonymous is not None and by_anonymous.user_id is None:
            self.join(by_anonymous, into=by_user)
        return by_user

    def add(self, person: Person) -> Person:
        self.people.append(person)
        return person

    def join(self, other: Person, *, into: Person) -> None:
        into.anonymous_ids |= other.anonymous_ids
        into.identifies += other.identifies
        seen = [at for at in (into.first_seen, other.first_seen) if at is not None]
        into.first_seen = min(seen, default=None)
        for created_at, sight in other.first_sights.items():
            into.first_sights[created_at] = min(sight, into.first_sights.get(created_at, sight))
        for invitation in self.invitations:
            if invitation.person is other:
                invitation.person = into
        for cancelled in sorted(self.waiting(into), key=lambda invitation: invitation.due)[1:]:
            self.invitations.remove(cancelled)
        self.people.remove(other)

    def waiting(self, person: Person) -> list[Invitation]:
        return [i for i in self.invitations if i.person is person and i.sent_to is None]

    def decide(self, event: Event, said: Identify, person: Person, now: datetime) -> Line:
        """Rules 6 to 19; 6 and 10 can't arise in a replay, 9 only for people who were erased."""
        address = person.address()
        if address is None:
            return line(event, "skipped", "no_email")  # 7
        if "email" in said.traits and not is_valid_address(said.traits["email"]):
            return line(event, "skipped", "bad_email")  # 8
        if not is_valid_address(address):
            return line(event, "skipped", "bad_email")  # 8
        if self.is_erased(person):
            return line(event, "skipped", "suppressed")  # 9
        if self.max_age and now - said.timestamp > self.max_age:
            return line(event, "skipped", "stale_event")  # 11

        created_at = None
        if person.trait("createdAt") is not None:
            try:
                created_at = parse_created_at(person.trait("createdAt"))
            except UnreadableError:
                return line(event, "skipped", "created_at_invalid")  # 12

        starts_at = created_at
        if created_at is not None:
            if created_at - now > timedelta(hours=24):
                return line(event, "skipped", "created_at_future")  # 13
            starts_at = min(created_at, person.first_sights.setdefault(created_at, now))
        elif self.settings["on_missing_created_at"] == "skip":
            return line(event, "skipped", "no_created_at")  # 14
        elif self.settings["on_missing_created_at"] == "first_seen":
            starts_at = person.first_seen

        if self.max_delay and starts_at is not None and now - starts_at > self.max_delay:
            return line(event, "skipped", "too_old")  # 15
        due = now if starts_at is None else max(now, starts_at + self.min_delay)

        for invitation in self.waiting(person):  # 16
            brought = brought_created_at(said)
            if brought is not None and brought != invitation.set_by:
                invitation.due = due
                invitation.set_by = created_at
            return line(event, "merged", "already_scheduled", due_at=invitation.due)

        before = [i.due for i in self.invitations if self.reaches(i, person)]
        if self.interval and before and due - max(before) < self.interval:  # 17
            return line(event, "skipped", "throttled", eligible_again_at=max(before) + self.interval)
        if self.quiet_period and before and due - max(before) < self.quiet_period:  # 18
            return line(event, "skipped", "quiet_period")
        that_day = [i for i in self.invitations if i.due.date() == due.date()]
        if self.settings["daily_limit"] and len(that_day) >= self.settings["daily_limit"]:
            return line(event, "skipped", "quota")  # 18

        self.invitations.append(Invitation(person=person, due=due, set_by=created_at))
        return line(event, "scheduled", "scheduled", due_at=due)  # 19

    def reaches(self, invitation: Invitation, person: Person) -> bool:
        """Say whether it went or will go to this person or to their mailbox."""
        if invitation.person is person:
            return True
        return (invitation.sent_to or invitation.person.mailbox()) == person.mailbox()


def line(
    event: Event,
    outcome: str,
    reason: str,
    *,
    due_at: datetime | None = None,
    eligible_again_at: datetime | None = None,
) -> Line:
    return {
        "message_id": event.get("messageId"),
        "outcome": outcome,
        "reason": reason,
        "due_at": due_at.strftime(TIME_FORMAT) if due_at else None,
        "eligible_again_at": eligible_again_at.strftime(TIME_FORMAT) if eligible_again_at else None,
    }


def identifier(value: Any) -> str | None:
    """Return an id as text; None for no id."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableError
    return str(int(value)) if value == int(value) else str(value)


def event_timestamp(event: Event, *, arrived: datetime) -> datetime:
    """Return when it happened by our clock; never later than it arrived."""
    try:
        timestamp = parse_text_time(event.get("timestamp"))
    except UnreadableError:
        return arrived
    with suppress(UnreadableError):
        timestamp = arrived - (parse_text_time(event.get("sentAt")) - timestamp)
    return min(timestamp, arrived)


def traits_of(event: Event) -> dict[str, Any]:
    """Return the traits of an event, each under one name; nulls left out."""
    said = _one_spelling(event.get("traits"))
    for name, value in _one_spelling((event.get("context") or {}).get("traits")).items():
        said.setdefault(name, value)
    return said


def is_echo(event: Event) -> bool:
    """Say whether an identify is our own sync, or must be taken for it."""
    if (event.get("context") or {}).get("active") is False:
        return True
    return not _reads_the_profile(event)


def still_updates_the_profile(event: Event) -> bool:
    """Say whether an echo is another tool's `active: false`."""
    library = (event.get("context") or {}).get("library") or {}
    return library.get("name") != OWN_LIBRARY and _reads_the_profile(event)


def is_valid_address(address: Any) -> bool:
    if not isinstance(address, str):
        return False
    try:
        validate_email(address.strip(), check_deliverability=False, allow_smtputf8=True)
    except EmailNotValidError:
        return False
    return True


def mailbox_of(address: str) -> str:
    return unicodedata.normalize("NFC", address.strip()).casefold()


def brought_created_at(said: Identify) -> datetime | None:
    """Return the createdAt that an event itself brings, None when it brings none that can be read."""
    try:
        return parse_created_at(said.traits.get("createdAt"))
    except UnreadableError:
        return None


def parse_created_at(value: Any) -> datetime:
    """Return the moment a createdAt names, in UTC."""
    if isinstance(value, str) and re.fullmatch(r"\d+", value.strip(), re.ASCII):
        created_at = _from_epoch(Decimal(value.strip()), integer_digits=len(value.strip()))
    elif isinstance(value, str):
        created_at = parse_text_time(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = Decimal(repr(value))
        if not number.is_finite() or number < 0:
            raise UnreadableError
        created_at = _from_epoch(number, integer_digits=len(str(int(number))))
    else:
        raise UnreadableError
    if created_at < YEAR_1990:
        raise UnreadableError
    return created_at


def parse_text_time(value: Any) -> datetime:
    """Return the moment a date or a date and time names, in UTC; no zone is UTC."""
    match = DATE_AND_TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise UnreadableError
    day, hour, minute, second, fraction, sign, zone_hour, zone_minute = match.groups(default="")
    zone: timezone = UTC
    try:
        if sign:
            ahead = time(int(zone_hour), int(zone_minute))  # refuses +24:00 and +01:60
            offset = timedelta(hours=ahead.hour, minutes=ahead.minute)
            zone = timezone(-offset if sign == "-" else offset)
        clock = time(int(hour or 0), int(minute or 0), int(second or 0), int(fraction[:6].ljust(6, "0")))
        return datetime.combine(date.fromisoformat(day), clock, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UnreadableError from error


def _newest(said: list[Identify]) -> Identify:
    return max(said, key=lambda one: (one.timestamp, one.message_id))


def _one_spelling(traits: Any) -> dict[str, Any]:
    given = {name: value for name, value in (traits or {}).items() if value is not None}
    for snake_case, camel_case in CAMEL_CASE.items():
        if snake_case in given:
            given.setdefault(camel_case, given[snake_case])
            del given[snake_case]
    return given


def _reads_the_profile(event: Event) -> bool:
    if (event.get("integrations") or {}).get(OWN_DESTINATION) is False:
        return False
    names = set(traits_of(event))
    return not (names & SYNC_TRAITS and names <= SYNC_TRAITS | {"email"})


def _from_epoch(number: Decimal, *, integer_digits: int) -> datetime:
    units = {10: 1_000_000, 13: 1_000}  # microseconds in a second, in a millisecond
    if integer_digits not in units:
        raise UnreadableError
    return EPOCH + timedelta(microseconds=int(number * units[integer_digits]))
