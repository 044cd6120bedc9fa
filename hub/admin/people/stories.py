"""What happened to a person, told in sentences: every event, decision, mail, opening, answer and sync."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from hub.admin.decision_facts import Piece, facts_of, in_words
from hub.admin.mails.departure_times import leaves, rules_by_survey
from hub.admin.mails.invitations import cause_of
from hub.domain.openings import told_apart
from hub.domain.reasons import SENTENCES, Reason
from hub.domain.texts import BEST_RATING
from hub.domain.world import Person
from hub.registry import Configuration
from hub.store import openings, tables
from hub.store.sql import is_among


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened. `code` is the reason or state by its public name.

    `pieces` are those of the sentence where there are moments in it, `facts` of what else is to be said.
    """

    at: datetime
    what: str
    sentence: str
    code: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    pieces: Sequence[Piece] = ()
    facts: Sequence[Piece] = ()


def entries_of(
    connection: Connection, configuration: Configuration, person: Person, *, longest: int | None = None
) -> Iterator[Entry]:
    """Yield what happened, in no order; of more events than `longest` the newest."""
    return _Teller(connection, configuration, person).entries(longest)


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
        pieces: list[Piece] = [f"Survey {self._survey_name(row.survey_id)}: {SENTENCES[Reason(row.reason)]}"]
        details: dict[str, Any] = {"event_id": row.event_id, "outcome": row.outcome}
        details |= {"inputs": row.inputs, "rules_version": row.rules_version}
        if row.due_at is not None:
            pieces += [" Due ", row.due_at, "."]
            details["due_at"] = row.due_at
        if row.eligible_again_at is not None:
            pieces += [" Possible again from ", row.eligible_again_at, "."]
            details["eligible_again_at"] = row.eligible_again_at
        facts = facts_of(row, payload, self._profile)
        details["facts"] = in_words(facts)
        return Entry(
            at=row.decided_at,
            what="decision",
            sentence=in_words(pieces),
            code=row.reason,
            details=details,
            pieces=pieces,
            facts=facts,
        )

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
            details |= {"survey": names[row.response_id], **seen[row.response_id]}
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
