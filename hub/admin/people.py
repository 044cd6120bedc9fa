"""A person's whole story: every event, decision, mail, answer and sync, in the order in which they happened."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from hub.admin import audit
from hub.admin.facts import day_and_time, facts_of
from hub.admin.invitations import cause_of
from hub.admin.paging import Page, Slice, newest_first
from hub.admin.trouble import NotThere
from hub.admin.waits import leaves, rules_by_survey
from hub.domain.identity import Identity, IdKind, fingerprint, mailbox_of
from hub.domain.openings import told_apart
from hub.domain.reasons import SENTENCES, Reason, Stop
from hub.domain.texts import BEST_RATING
from hub.domain.traits import display_name, value_of
from hub.domain.world import Person
from hub.mail.addresses import check_address
from hub.pipeline.erase import erase_people
from hub.pipeline.forget import who_keep_something
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import forgettings, openings, tables, worlds
from hub.store.sql import is_among
from hub.store.types import is_storable

LONGEST_STORY = 1_000
LONGEST_ID = 1_000


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened. `code` is the reason or state by its public name."""

    at: datetime
    what: str
    sentence: str
    code: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Story:
    """A person and what happened; `id` is the hub's own."""

    id: str
    name: str | None
    email: str | None
    user_ids: Sequence[str]
    anonymous_ids: Sequence[str]
    first_seen_at: datetime | None
    is_suppressed: bool
    entries: Sequence[Entry] = ()


def why(hub: Hub, who: str) -> list[Story]:
    """Return the stories of the people known by this userId, anonymousId or address; usually one, none if unknown."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        people = _find(connection, who)
        return [story_of(connection, configuration, person) for person in people]


def why_id(hub: Hub, person_id: str) -> Story:
    """Return the newest thousand entries of the story of the person with this id of the hub's own. Raises NotThere."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        person = person_of(connection, person_id)
        story = story_of(connection, configuration, person, longest=LONGEST_STORY)
        return replace(story, entries=story.entries[-LONGEST_STORY:])


def people(hub: Hub, part: Slice, *, who: str | None = None) -> Page[Story]:
    """Return people without their stories, the newest first; with `who` those of this id or address."""
    with hub.store.read() as connection:
        if who is not None:
            found = _find(connection, who)[: part.limit]
            stops = _stops(connection, found)
            return Page(items=[_portrait(person, stops=stops[person.id]) for person in found])
        page = newest_first(connection, [select(tables.person.c.id)], (tables.person.c.id,), part)
        loaded = worlds.load_people(connection, [row.id for row in page.items])
        stops = _stops(connection, loaded.values())
    return page.map(lambda row: _portrait(loaded[row.id], stops=stops[row.id]))


def names_of(hub: Hub, person_ids: Collection[str]) -> dict[str, str]:
    """Return what to call each of these people: their name, else their address, else an id of theirs."""
    with hub.store.read() as connection:
        loaded = worlds.load_people(connection, set(person_ids)).values()
    return {person.id: name_of(_portrait(person)) for person in loaded}


def name_of(one: Story) -> str:
    """Return what to call a person: their name, else their address, else an id of theirs."""
    return one.name or one.email or next(iter([*one.user_ids, *one.anonymous_ids]), one.id)


def erase(hub: Hub, who: str) -> dict[str, int] | None:
    """Erase everybody known by this userId, anonymousId or address; return what was deleted, None if nobody is."""
    return _erase(hub, lambda connection: _find(connection, who))


def erase_id(hub: Hub, person_id: str) -> dict[str, int]:
    """Erase the person with this id of the hub's own; return what was deleted. Raises NotThere."""
    deleted = _erase(hub, lambda connection: [person_of(connection, person_id)])
    assert deleted is not None, "somebody was found"
    return deleted


def _erase(hub: Hub, find: Callable[[Connection], Sequence[Person]]) -> dict[str, int] | None:
    with hub.store.alone("decide", wait=True) as lock:
        assert lock is not None, "waited for"
        with hub.store.read() as connection:
            people = find(connection)
        if not people:
            return None

        def note(connection: Connection, counts: Mapping[str, int]) -> None:
            for person in people:
                audit.note(hub, connection, audit.Action.PERSON_ERASED, person.id, deleted=counts)

        return erase_people(hub, [identity for person in people for identity in person.identities], note=note)


def keepers(hub: Hub) -> list[str]:
    """Return the connections that may keep something about people, and have to forget whoever is erased."""
    configuration = hub.registry.current()
    return sorted(configuration.connections[id].label for id in who_keep_something(configuration))


def still_to_forget(hub: Hub) -> list[str]:
    """Return the connections that still have to forget somebody."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        return [configuration.connections[id].label for id in sorted(forgettings.open_by_connection(connection))]


def person_of(connection: Connection, person_id: str) -> Person:
    """Return the person with this id of the hub's own. Raises NotThere."""
    person = worlds.load_people(connection, [person_id]).get(person_id) if is_storable(person_id) else None
    if person is None:
        raise NotThere(f"There is no person {person_id}")
    return person


def _find(connection: Connection, who: str) -> list[Person]:
    if not is_storable(who) or len(who) > LONGEST_ID:
        return []
    person = tables.person
    known = [
        Identity(namespace=namespace, kind=kind, value=who) for namespace in _namespaces(connection) for kind in IdKind
    ]
    ids = worlds.person_ids(connection, known)
    ids |= set(connection.scalars(select(person.c.id).where(person.c.mailbox == mailbox_of(who))))
    return sorted(worlds.load_people(connection, ids).values(), key=lambda one: one.id)


def _namespaces(connection: Connection) -> Iterator[str]:
    """Yield the namespaces that ids were ever seen in: one step in the index for each, however many ids there are."""
    namespace = tables.identity.c.namespace
    found = connection.scalar(select(func.min(namespace)))
    while found is not None:
        yield found
        found = connection.scalar(select(func.min(namespace)).where(namespace > found))


def story_of(
    connection: Connection, configuration: Configuration, person: Person, *, longest: int | None = None
) -> Story:
    """Return a person's story; of very many events the newest."""
    teller = _Teller(connection, configuration, person)
    stops = _stops(connection, [person])[person.id]
    entries = sorted([*teller.entries(longest), *stops], key=lambda entry: entry.at)
    return _portrait(person, stops=stops, entries=entries)


def _portrait(person: Person, *, stops: Sequence[Entry] = (), entries: Sequence[Entry] = ()) -> Story:
    address = check_address(value_of(person.profile, "email"))
    return Story(
        id=person.id,
        name=display_name(person.profile),
        email=address,
        user_ids=[one.value for one in person.identities if one.kind is IdKind.USER],
        anonymous_ids=[one.value for one in person.identities if one.kind is IdKind.ANONYMOUS],
        first_seen_at=person.first_seen_at,
        is_suppressed=bool(stops),
        entries=entries,
    )


def _stops(connection: Connection, people: Collection[Person]) -> Mapping[str, list[Entry]]:
    """Return by person since when and why they or their mailbox are never mailed."""
    keys = {person.id: suppression_keys(person) for person in people}
    table = tables.suppression
    wanted = {key for theirs in keys.values() for key in theirs}
    found = {row.key: row for row in connection.execute(select(table).where(is_among(connection, table.c.key, wanted)))}
    return {id: _stop_entries(found[key] for key in theirs if key in found) for id, theirs in keys.items()}


def suppression_keys(person: Person) -> list[str]:
    """Return the keys that a suppression of this person or of their mailbox has."""
    address = check_address(value_of(person.profile, "email"))
    keys = [fingerprint(one.kind, one.namespace, one.value) for one in person.identities]
    return [*keys, fingerprint("mailbox", mailbox_of(address))] if address is not None else keys


def _stop_entries(rows: Iterable[Any]) -> list[Entry]:
    found = {row.reason: row for row in rows}
    return [
        Entry(at=row.created_at, what="stopped", sentence=f"Never mailed again: {_STOPS[Stop(reason)]}.", code=reason)
        for reason, row in found.items()
    ]


class _Teller:
    def __init__(self, connection: Connection, configuration: Configuration, person: Person) -> None:
        self._connection = connection
        self._configuration = configuration
        self._person_id = person.id
        self._timezone = person.timezone
        self._rules = rules_by_survey(configuration)
        self._profile = person.profile
        survey = tables.survey
        self._surveys = {row.id: row.name for row in self._rows(select(survey.c.id, survey.c.name))}

    def entries(self, longest: int | None) -> Iterator[Entry]:
        yield from self._events(longest)
        yield from self._mails()
        yield from self._openings()
        yield from self._answers()
        yield from self._syncs()

    def _events(self, longest: int | None) -> Iterator[Entry]:
        event, decision = tables.event, tables.decision
        theirs = select(event).where(event.c.person_id == self._person_id)
        rows = self._rows(theirs.order_by(event.c.arrived_at.desc()).limit(longest))[::-1]
        made: dict[str, list[Any]] = {}
        for row in self._rows(
            select(decision).where(is_among(self._connection, decision.c.event_id, [r.id for r in rows]))
        ):
            made.setdefault(row.event_id, []).append(row)
        for row in rows:
            sentence = f"{row.type or 'event'} from {self._connection_name(row.source_id)}"
            if row.reason:
                sentence += f". {SENTENCES[Reason(row.reason)]}"
            details = {"event_id": row.id, "message_id": row.message_id, "timestamp": row.timestamp}
            yield Entry(at=row.arrived_at, what="event", sentence=sentence, code=row.reason or "", details=details)
            for one in made.get(row.id, []):
                yield self._decision(one, row.payload)

    def _decision(self, row: Any, payload: bytes | None) -> Entry:
        sentence = f"Survey {self._survey_name(row.survey_id)}: {SENTENCES[Reason(row.reason)]}"
        details: dict[str, Any] = {"event_id": row.event_id, "outcome": row.outcome}
        details |= {"inputs": row.inputs, "rules_version": row.rules_version}
        if row.due_at is not None:
            sentence += f" Due {day_and_time(row.due_at)}."
            details["due_at"] = row.due_at
        if row.eligible_again_at is not None:
            sentence += f" Possible again from {day_and_time(row.eligible_again_at)}."
            details["eligible_again_at"] = row.eligible_again_at
        details["facts"] = facts_of(row, payload, self._profile)
        return Entry(at=row.decided_at, what="decision", sentence=sentence, code=row.reason, details=details)

    def _mails(self) -> Iterator[Entry]:
        invitation, attempt = tables.invitation, tables.attempt
        rows = self._rows(select(invitation).where(invitation.c.person_id == self._person_id))
        names = {row.id: f"of survey {self._survey_name(row.survey_id)}" for row in rows}
        kinds = {row.id: "Reminder" if row.reminder_of else "Mail" for row in rows}
        for row in self._rows(select(attempt).where(is_among(self._connection, attempt.c.invitation_id, list(names)))):
            channel = self._connection_name(row.channel_id)
            mail = f"{kinds[row.invitation_id]} {names[row.invitation_id]}"
            sentence = f"{mail} by {channel}: {_OUTCOMES[row.outcome]}"
            yield Entry(at=row.at, what="mail", sentence=sentence, code=row.outcome, details={"detail": row.detail})
        for row in rows:
            if row.state in ("cancelled", "unknown", "held"):
                what = "Reminder" if row.reminder_of else "Invitation"
                sentence = f"{what} {names[row.id]} is {row.state}. {cause_of(row) or ''}".rstrip()
                at = row.concluded_at or row.sent_at or row.scheduled_at
                yield Entry(at=at, what="invitation", sentence=sentence, code=row.reason or row.state)
            leave = leaves(self._rules.get(row.survey_id), row, self._timezone)
            if leave.sentence is not None:
                sentence = f"{kinds[row.id]} {names[row.id]}: {leave.sentence}"
                yield Entry(at=row.scheduled_at, what="invitation", sentence=sentence, code=row.state)

    def _openings(self) -> Iterator[Entry]:
        invitation = tables.invitation
        theirs = select(invitation.c.id, invitation.c.survey_id).where(invitation.c.person_id == self._person_id)
        surveys = {row.id: self._survey_name(row.survey_id) for row in self._rows(theirs)}
        for invitation_id, opened in openings.openings_of(self._connection, surveys).items():
            survey = surveys[invitation_id]
            scans, others = told_apart(opened)
            for scan in scans:
                seconds = max(1, math.ceil((scan.ended_at - scan.began_at).total_seconds()))
                within = "a second" if seconds == 1 else f"{seconds} seconds"
                sentence = f"A program opened {scan.links} links of survey {survey} within {within}: not counted."
                yield Entry(at=scan.began_at, what="opening", sentence=sentence, code="scanner")
            for one in others:
                which = "page" if one.score is None else f"link {one.score}"
                yield Entry(at=one.at, what="opening", sentence=f"The {which} of survey {survey} was opened.")

    def _answers(self) -> Iterator[Entry]:
        response, version = tables.response, tables.response_version
        rows = self._rows(select(response).where(response.c.person_id == self._person_id))
        names = {row.id: self._survey_name(row.survey_id) for row in rows}
        seen = {row.id: {"texts_version": row.texts_version, "language": row.language} for row in rows}
        for row in self._rows(select(version).where(is_among(self._connection, version.c.response_id, list(names)))):
            said = f", and wrote: {row.comment}" if row.comment else ""
            sentence = f"Answered survey {names[row.response_id]} with {row.score}{said}"
            details = {"score": row.score, "comment": row.comment, "ratings": row.ratings, "version": row.version}
            details |= seen[row.response_id]
            details["detail"] = _beside_the_score(**seen[row.response_id], ratings=row.ratings)
            yield Entry(at=row.at, what="answer", sentence=sentence, details=details)

    def _syncs(self) -> Iterator[Entry]:
        outbox = tables.outbox
        for row in self._rows(select(outbox).where(outbox.c.person_id == self._person_id)):
            target = self._connection_name(row.target_id)
            sentence = f"Sync to {target}: {_SYNC_STATES[row.state]}"
            if row.note and row.state in ("pending", "parked"):
                sentence += f" {row.note}"
            details = {"message_id": row.message_id, "attempts": row.attempts}
            yield Entry(
                at=row.done_at or row.created_at,
                what="sync",
                sentence=sentence,
                code=row.code or row.state,
                details=details,
            )

    def _rows(self, statement: Any) -> Sequence[Any]:
        return self._connection.execute(statement).all()

    def _survey_name(self, survey_id: str) -> str:
        return str(self._surveys.get(survey_id, "(removed)"))

    def _connection_name(self, connection_id: str) -> str:
        connection = self._configuration.connections.get(connection_id)
        return connection.label if connection else "(removed)"


def _beside_the_score(*, texts_version: int | None, language: str | None, ratings: Mapping[str, int]) -> str:
    """Return what else is to be said of an answer, "" for nothing."""
    asked = [f"Asked in {language}, by version {texts_version} of the texts."] if texts_version and language else []
    return " ".join([*asked, *(f"{name}: {rating} of {BEST_RATING}." for name, rating in ratings.items())])


_STOPS = {
    Stop.UNSUBSCRIBED: "the address unsubscribed",
    Stop.HARD_BOUNCED: "the mailbox refused mail for good",
    Stop.COMPLAINED: "its reader called a survey spam",
    Stop.ERASED: "the person was erased",
}
_OUTCOMES = {
    "sent": "the mail system took it.",
    "not_sent": "not sent, to be tried again.",
    "rejected": "refused for good.",
    "unknown": "nobody can know whether it left; it is not sent again by itself.",
    "delivered": "its provider reports that the mailbox took it.",
    "deferred": "its provider reports that the mailbox did not take it yet.",
    "dropped": "its provider reports that it was never sent.",
    "bounced": "its provider reports that the mailbox refused it.",
    "complained": "its reader called it spam.",
    "unsubscribed": "its reader unsubscribed at the provider.",
}
_SYNC_STATES = {
    "pending": "waits for the next sync.",
    "leased": "is being pushed.",
    "done": "taken.",
    "parked": "refused for good; a person has to look.",
    "superseded": "a newer answer took its place.",
}
