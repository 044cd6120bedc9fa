"""A person's whole story: every event, decision, mail, answer and sync, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from hub.admin.facts import day_and_time, facts_of
from hub.domain.identity import IdKind, fingerprint, mailbox_of
from hub.domain.reasons import SENTENCES, Reason, Stop
from hub.domain.traits import display_name, value_of
from hub.domain.world import Person
from hub.mail.addresses import check_address
from hub.pipeline.erase import erase_people
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import tables, worlds
from hub.store.sql import is_among


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
    """A person and what happened."""

    name: str | None
    email: str | None
    user_ids: Sequence[str]
    anonymous_ids: Sequence[str]
    first_seen_at: datetime | None
    is_suppressed: bool
    entries: Sequence[Entry]


def why(hub: Hub, who: str) -> list[Story]:
    """Return the stories of the people known by this userId, anonymousId or address; usually one, none if unknown."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        people = _find(connection, who)
        return [_story(connection, configuration, person) for person in people]


def erase(hub: Hub, who: str) -> dict[str, int] | None:
    """Erase everybody known by this userId, anonymousId or address; return what was deleted, None if nobody is."""
    with hub.store.alone("decide", wait=True) as lock:
        assert lock is not None, "waited for"
        with hub.store.read() as connection:
            people = _find(connection, who)
        if not people:
            return None
        return erase_people(hub, [identity for person in people for identity in person.identities])


def _find(connection: Connection, who: str) -> list[Person]:
    identity, person = tables.identity, tables.person
    ids = set(connection.scalars(select(identity.c.person_id).where(identity.c.value == who)))
    ids |= set(connection.scalars(select(person.c.id).where(person.c.mailbox == mailbox_of(who))))
    return sorted(worlds.load_people(connection, ids).values(), key=lambda one: one.id)


def _story(connection: Connection, configuration: Configuration, person: Person) -> Story:
    address = check_address(value_of(person.profile, "email"))
    teller = _Teller(connection, configuration, person)
    stops = _stops(connection, person, address)
    return Story(
        name=display_name(person.profile),
        email=address,
        user_ids=[one.value for one in person.identities if one.kind is IdKind.USER],
        anonymous_ids=[one.value for one in person.identities if one.kind is IdKind.ANONYMOUS],
        first_seen_at=person.first_seen_at,
        is_suppressed=bool(stops),
        entries=sorted([*teller.entries(), *stops], key=lambda entry: entry.at),
    )


def _stops(connection: Connection, person: Person, address: str | None) -> list[Entry]:
    """Return since when and why this person or their mailbox is never mailed."""
    keys = [fingerprint(one.kind, one.namespace, one.value) for one in person.identities]
    keys += [fingerprint("mailbox", mailbox_of(address))] if address is not None else []
    table = tables.suppression
    rows = connection.execute(select(table).where(is_among(connection, table.c.key, keys)))
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
        self._profile = person.profile
        survey = tables.survey
        self._surveys = {row.id: row.name for row in self._rows(select(survey.c.id, survey.c.name))}

    def entries(self) -> Iterator[Entry]:
        yield from self._events()
        yield from self._mails()
        yield from self._answers()
        yield from self._syncs()

    def _events(self) -> Iterator[Entry]:
        event, decision = tables.event, tables.decision
        rows = self._rows(select(event).where(event.c.person_id == self._person_id).order_by(event.c.arrived_at))
        made: dict[str, list[Any]] = {}
        for row in self._rows(
            select(decision).where(is_among(self._connection, decision.c.event_id, [r.id for r in rows]))
        ):
            made.setdefault(row.event_id, []).append(row)
        for row in rows:
            sentence = f"{row.type or 'event'} from {self._connection_name(row.source_id)}"
            if row.reason:
                sentence += f". {SENTENCES[Reason(row.reason)]}"
            details = {"message_id": row.message_id, "timestamp": row.timestamp}
            yield Entry(at=row.arrived_at, what="event", sentence=sentence, code=row.reason or "", details=details)
            for one in made.get(row.id, []):
                yield self._decision(one, row.payload)

    def _decision(self, row: Any, payload: bytes | None) -> Entry:
        sentence = f"Survey {self._survey_name(row.survey_id)}: {SENTENCES[Reason(row.reason)]}"
        details: dict[str, Any] = {"outcome": row.outcome, "inputs": row.inputs, "rules_version": row.rules_version}
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
        names = {row.id: self._survey_name(row.survey_id) for row in rows}
        for row in self._rows(select(attempt).where(is_among(self._connection, attempt.c.invitation_id, list(names)))):
            channel = self._connection_name(row.channel_id)
            sentence = f"Mail of survey {names[row.invitation_id]} by {channel}: {_OUTCOMES[row.outcome]}"
            yield Entry(at=row.at, what="mail", sentence=sentence, code=row.outcome, details={"detail": row.detail})
        for row in rows:
            if row.state in ("cancelled", "unknown", "held"):
                sentence = f"Invitation of survey {names[row.id]} is {row.state}. {_cause(row)}".rstrip()
                at = row.concluded_at or row.sent_at or row.scheduled_at
                yield Entry(at=at, what="invitation", sentence=sentence, code=row.reason or row.state)

    def _answers(self) -> Iterator[Entry]:
        response, version = tables.response, tables.response_version
        rows = self._rows(select(response).where(response.c.person_id == self._person_id))
        names = {row.id: self._survey_name(row.survey_id) for row in rows}
        for row in self._rows(select(version).where(is_among(self._connection, version.c.response_id, list(names)))):
            said = f", and wrote: {row.comment}" if row.comment else ""
            sentence = f"Answered survey {names[row.response_id]} with {row.score}{said}"
            details = {"score": row.score, "comment": row.comment, "version": row.version}
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


def _cause(invitation: Any) -> str:
    """Return why an invitation stands where it does; who cancelled it may have left a note."""
    reason = SENTENCES.get(Reason(invitation.reason)) if invitation.reason in set(Reason) else None
    if invitation.reason == Reason.CANCELLED:
        return str(invitation.note or reason)
    return str(reason or invitation.note or "")


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
