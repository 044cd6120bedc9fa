"""The invariants: what must hold at the end of a run, by what the outside world saw.

Those that can be read from the hub's own tables alone are `hub doctor`'s, asked here as everywhere; the others set
its tables against the witness.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from hub.admin import doctor
from hub.domain.states import SENT_STATES, State
from hub.store import intake
from hub.store.tables import decision, event, identity, invitation, outbox, response
from tests.chaos.outside import Told
from tests.chaos.people import Crowd
from tests.chaos.stage import Stage

IN_FLIGHT = 2 * 8
"""Two workers, and the messages that a channel has in hand at a time: the most that one fault leaves in doubt."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An invariant, and what breaks it."""

    invariant: str
    broken_by: Sequence[str]

    @property
    def holds(self) -> bool:
        """Return whether nothing breaks it."""
        return not self.broken_by


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a run left behind: the hub's tables on one side, everybody else's memory on the other."""

    stage: Stage
    crowd: Crowd
    window_faults: int
    """Faults that may have hit a mail between its point of no return and its outcome."""
    invitations: Mapping[str, Any]
    mailed: Counter[str]
    letters: Mapping[str, str]
    """Mailboxes by invitation."""

    @classmethod
    def gathered(cls, stage: Stage, crowd: Crowd, *, window_faults: int) -> Evidence:
        """Return the evidence as it is now."""
        with stage.hub.store.read() as connection:
            rows = connection.execute(select(invitation)).all()
        post = stage.outside.post()
        return cls(
            stage=stage,
            crowd=crowd,
            window_faults=window_faults,
            invitations={row.id: row for row in rows},
            mailed=Counter(letter.mailbox for letter in post),
            letters={letter.invitation_id: letter.mailbox for letter in post},
        )

    def rows(self, statement: Any) -> Sequence[Any]:
        """Return what a statement finds in the hub's tables."""
        with self.stage.hub.store.read() as connection:
            return connection.execute(statement).all()


def judge(evidence: Evidence) -> list[Finding]:
    """Return every invariant with what breaks it."""
    findings = [Finding(invariant=check.__doc__ or "", broken_by=list(check(evidence))) for check in CHECKS]
    asked = doctor.examine(evidence.stage.hub)
    return findings + [
        Finding(invariant=f"doctor: {one.name}", broken_by=[] if one.ok else [one.sentence])
        for one in asked
        if not one.is_note
    ]


def everything_answered_200_is_stored(evidence: Evidence) -> Iterator[str]:
    """Every event that was answered 200 is stored, once"""
    stored = Counter(row.message_id for row in evidence.rows(select(event.c.message_id)))
    yield from (f"{one} is not stored" for one in sorted(evidence.crowd.accepted - stored.keys()))
    yield from (f"{one} is stored {number} times" for one, number in stored.items() if number > 1)
    if intake.waiting(evidence.stage.hub.store)[0]:
        yield "a body still waits to be decided"


def everything_was_accepted(evidence: Evidence) -> Iterator[str]:
    """Every event was accepted in the end"""
    yield from sorted(evidence.crowd.feed.message_ids - evidence.crowd.accepted)
    yield from evidence.crowd.gave_up


def every_event_has_one_decision(evidence: Evidence) -> Iterator[str]:
    """Every event has one decision of each survey that listens"""
    counted = select(event.c.message_id, func.count(decision.c.event_id).label("number"))
    counted = counted.join(decision, decision.c.event_id == event.c.id, isouter=True).group_by(event.c.message_id)
    yield from (f"{row.message_id} has {row.number}" for row in evidence.rows(counted) if row.number != 1)


def nobody_was_mailed_twice(evidence: Evidence) -> Iterator[str]:
    """No mailbox got two mails"""
    yield from (f"{mailbox} got {number}" for mailbox, number in evidence.mailed.items() if number > 1)


def nobody_was_mailed_wrongly(evidence: Evidence) -> Iterator[str]:
    """No mailbox got a mail that the rules don't ask"""
    yield from sorted(evidence.mailed.keys() - evidence.crowd.feed.due)


def nothing_was_lost_silently(evidence: Evidence) -> Iterator[str]:
    """Whoever is due got the mail, or the hub shows why not"""
    visible = {
        row.mailbox
        for row in evidence.invitations.values()
        if row.state == State.UNKNOWN or (row.state == State.REJECTED and row.mailbox in evidence.stage.outside.refused)
    }
    yield from sorted(evidence.crowd.feed.due - evidence.mailed.keys() - visible)


def sent_means_that_a_server_has_it(evidence: Evidence) -> Iterator[str]:
    """What is `sent` is with a mail system, and what a mail system has is `sent` or `unknown`"""
    for id, row in evidence.invitations.items():
        if row.state == State.SENT and id not in evidence.letters:
            yield f"{row.mailbox} is sent, but nobody has it"
        if row.state not in SENT_STATES and id in evidence.letters:
            yield f"{row.mailbox} is {row.state}, but it arrived"


def unknown_only_where_a_fault_hit(evidence: Evidence) -> Iterator[str]:
    """Not more is unknown than faults can have left in doubt"""
    unknown = sum(row.state == State.UNKNOWN for row in evidence.invitations.values())
    bound = evidence.stage.outside.in_doubt + evidence.window_faults * IN_FLIGHT
    if unknown > bound:
        yield f"{unknown} are unknown, at most {bound} can be"


def answers_are_recorded_once(evidence: Evidence) -> Iterator[str]:
    """Every confirmed answer is recorded, and no program that opened links has voted"""
    recorded = {row.invitation_id: row for row in evidence.rows(select(response))}
    yield from (f"{id}: nobody answered" for id in recorded.keys() - evidence.crowd.voted.keys())
    for id, voted in evidence.crowd.voted.items():
        row = recorded.get(id)
        if row is None or (row.score, row.comment) != (voted.rating, voted.comment):
            yield f"{id}: {voted} was confirmed, {row} is recorded"


def newest_answer_reached_segment(evidence: Evidence) -> Iterator[str]:
    """Segment's last word for every person is the newest answer, or it is parked"""
    parked = select(identity.c.value).join(outbox, outbox.c.person_id == identity.c.person_id)
    parked_users = {row.value for row in evidence.rows(parked.where(outbox.c.state == "parked"))}
    told = evidence.stage.outside.told
    for id, voted in evidence.crowd.voted.items():
        user_id = evidence.crowd.feed.user_of.get(evidence.letters[id])
        if user_id is None or user_id in parked_users:
            continue
        newest = Told(user_id=user_id, rating=voted.rating, comment=voted.comment)
        last = told[user_id][-1] if told[user_id] else None
        if last != newest:
            yield f"{newest} was confirmed, Segment's last word is {last}"


def no_error_but_503(evidence: Evidence) -> Iterator[str]:
    """No answer of the hub was a 5xx other than 503"""
    statuses = evidence.crowd.statuses
    yield from (f"{status}: {number} times" for status, number in statuses.items() if status >= 500 and status != 503)


def no_log_tells_secrets(evidence: Evidence) -> Iterator[str]:
    """No log tells a secret or an address"""
    log = evidence.stage.supervisor.log.read_text(errors="replace")
    yield from evidence.stage.canaries.seen_in(log)


CHECKS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    everything_was_accepted,
    everything_answered_200_is_stored,
    every_event_has_one_decision,
    nobody_was_mailed_twice,
    nobody_was_mailed_wrongly,
    nothing_was_lost_silently,
    sent_means_that_a_server_has_it,
    unknown_only_where_a_fault_hit,
    answers_are_recorded_once,
    newest_answer_reached_segment,
    no_error_but_503,
    no_log_tells_secrets,
)
