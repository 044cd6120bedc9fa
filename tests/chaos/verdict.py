"""The invariants: what must hold at the end of a run, by what the outside world saw.

The hub's tables are set against the witness. What `hub doctor` thinks of them is asked as well, as the hub's own
opinion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from hub.admin.operations import doctor
from hub.domain.reasons import Reason
from hub.domain.states import SENT_STATES, State
from hub.store.tables import decision, event, identity, invitation, outbox, response
from tests.chaos.outside import Letter, Told
from tests.chaos.people import Crowd
from tests.chaos.stage import Stage

IN_FLIGHT = 2 * 16
"""Two workers, and the messages that a channel has in hand at a time: the most that one fault leaves in doubt."""

LONGEST_ON_ITS_WAY_S = 3.0
"""A mail that departed just before the answer, and that no fault held up."""


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
    in_the_window: int
    """How often a fault hit while mail was under way."""
    longest_fault_s: float
    """How long one may hold up a mail; 0 where there was none."""
    invitations: Mapping[str, Any]
    letters: Sequence[Letter]

    @classmethod
    def gathered(cls, stage: Stage, crowd: Crowd, *, in_the_window: int, longest_fault_s: float) -> Evidence:
        """Return the evidence as it is now."""
        with stage.hub.store.read() as connection:
            rows = connection.execute(select(invitation)).all()
        return cls(
            stage=stage,
            crowd=crowd,
            in_the_window=in_the_window,
            longest_fault_s=longest_fault_s,
            invitations={row.id: row for row in rows},
            letters=stage.outside.post(),
        )

    @property
    def arrived(self) -> set[str]:
        """The invitations whose mail is in a mailbox."""
        return {letter.invitation_id for letter in self.letters}

    def is_reminder(self, letter: Letter) -> bool:
        """Return whether a letter reminds of one before."""
        row = self.invitations.get(letter.invitation_id)
        return row is not None and row.reminder_of is not None

    @property
    def unknown(self) -> set[str]:
        """The invitations of which the hub says that nobody can know."""
        return {id for id, row in self.invitations.items() if row.state == State.UNKNOWN}

    def rows(self, statement: Any) -> Sequence[Any]:
        """Return what a statement finds in the hub's tables."""
        with self.stage.hub.store.read() as connection:
            return connection.execute(statement).all()


def judge(evidence: Evidence) -> list[Finding]:
    """Return every invariant with what breaks it."""
    findings = [Finding(invariant=check.__doc__ or "", broken_by=list(check(evidence))) for check in CHECKS]
    opinions = [one for one in doctor.examine(evidence.stage.hub) if not one.is_note]
    broken = [f"{one.name}: {one.sentence}" for one in opinions if not one.ok]
    return [*findings, Finding(invariant="`hub doctor` agrees", broken_by=broken)]


def everything_was_accepted(evidence: Evidence) -> Iterator[str]:
    """Every event was accepted in the end, and every answer"""
    yield from sorted(evidence.crowd.feed.message_ids - evidence.crowd.accepted)
    yield from evidence.crowd.gave_up


def everything_answered_200_is_stored(evidence: Evidence) -> Iterator[str]:
    """Every event that was answered 200 is stored"""
    stored = {row.message_id for row in evidence.rows(select(event.c.message_id))}
    yield from (f"{one} is not stored" for one in sorted(evidence.crowd.accepted - stored))


def every_event_has_one_decision(evidence: Evidence) -> Iterator[str]:
    """Every event has one decision of the survey that listens"""
    counted = select(event.c.message_id, event.c.reason, func.count(decision.c.event_id).label("number"))
    counted = counted.join(decision, decision.c.event_id == event.c.id, isouter=True)
    for row in evidence.rows(counted.group_by(event.c.message_id, event.c.reason)):
        if row.number != 1 and row.reason != Reason.POISON:
            yield f"{row.message_id} has {row.number}"


def nobody_was_mailed_twice(evidence: Evidence) -> Iterator[str]:
    """No mailbox got two mails, nor two reminders"""
    counts = Counter((letter.mailbox, evidence.is_reminder(letter)) for letter in evidence.letters)
    yield from (f"{mailbox} got {number}" for (mailbox, _), number in counts.items() if number > 1)


def nobody_was_reminded_in_vain(evidence: Evidence) -> Iterator[str]:
    """Who answered was not reminded after it"""
    longest_s = LONGEST_ON_ITS_WAY_S + evidence.longest_fault_s
    for letter in evidence.letters:
        voted_at = evidence.crowd.voted_at.get(letter.mailbox)
        if voted_at is not None and evidence.is_reminder(letter) and letter.seen_at - voted_at > longest_s:
            yield f"{letter.mailbox} was reminded {letter.seen_at - voted_at:.0f} s after the answer"


def all_others_were_reminded(evidence: Evidence) -> Iterator[str]:
    """Who did not answer was reminded, except of what was under way when a fault hit"""
    answered = {row.invitation_id for row in evidence.rows(select(response.c.invitation_id))}
    reminded = {row.reminder_of for row in evidence.invitations.values()}
    first_mails = {id for id, row in evidence.invitations.items() if row.state == State.SENT and not row.reminder_of}
    missing = first_mails - answered - reminded
    if len(missing) > most_unknown(evidence):
        yield f"{len(missing)} of {len(first_mails - answered)} were not reminded"


def nobody_was_mailed_wrongly(evidence: Evidence) -> Iterator[str]:
    """No mailbox got a mail that the rules don't ask, or somebody else's"""
    for letter in evidence.letters:
        row = evidence.invitations.get(letter.invitation_id)
        if letter.mailbox not in evidence.crowd.feed.due:
            yield f"{letter.mailbox} is not to be asked"
        if row is None or row.mailbox != letter.mailbox:
            yield f"{letter.mailbox} got the mail of {row.mailbox if row else 'nobody'}"


def nothing_was_lost_silently(evidence: Evidence) -> Iterator[str]:
    """Whoever is due got the mail, or the hub shows why not"""
    refused = evidence.stage.outside.refused
    shown = {row.mailbox for row in evidence.invitations.values() if row.state == State.UNKNOWN}
    shown |= {
        row.mailbox for row in evidence.invitations.values() if row.state == State.REJECTED and row.mailbox in refused
    }
    yield from sorted(evidence.crowd.feed.due - {letter.mailbox for letter in evidence.letters} - shown)


def sent_means_that_a_server_has_it(evidence: Evidence) -> Iterator[str]:
    """What is `sent` is with a mail system, and what a mail system has is `sent` or `unknown`"""
    arrived = evidence.arrived
    for id, row in evidence.invitations.items():
        if row.state == State.SENT and id not in arrived:
            yield f"{row.mailbox} is sent, but nobody has it"
        if row.state not in SENT_STATES and id in arrived:
            yield f"{row.mailbox} is {row.state}, but it arrived"


def unknown_is_only_what_was_handed_over(evidence: Evidence) -> Iterator[str]:
    """Nothing is `unknown` that no mail system ever saw"""
    unseen = evidence.unknown - evidence.stage.outside.texts_seen()
    cut_off = evidence.stage.outside.texts_cut_off()
    if len(unseen) > cut_off:
        yield f"{len(unseen)} were never seen; only {cut_off} were cut off"


def unknown_is_only_what_a_fault_hit(evidence: Evidence) -> Iterator[str]:
    """Not more is `unknown` than faults left in doubt"""
    bound = most_unknown(evidence)
    if len(evidence.unknown) > bound:
        yield f"{len(evidence.unknown)} are unknown, at most {bound} can be"


def most_unknown(evidence: Evidence) -> int:
    """Return how many mails may be in doubt: those left unanswered, and those in flight when a fault hit."""
    return evidence.stage.outside.unanswered + evidence.in_the_window * IN_FLIGHT


def answers_are_recorded_once(evidence: Evidence) -> Iterator[str]:
    """Every confirmed answer is recorded, and no program that opened links has voted"""
    recorded = {row.invitation_id: row for row in evidence.rows(select(response))}
    yield from (f"{id}: nobody answered" for id in recorded.keys() - evidence.crowd.voted.keys())
    for id, voted in evidence.crowd.voted.items():
        row = recorded.get(id)
        if row is None or (row.score, row.comment) != (voted.rating, voted.comment):
            yield f"{id}: {voted} was confirmed, {row} is recorded"


def newest_answer_reached_segment(evidence: Evidence) -> Iterator[str]:
    """Segment's last word for every person is the newest answer, and only what it refuses is parked"""
    parked = _parked_users(evidence)
    refused, told = evidence.stage.outside.parked, evidence.stage.outside.told
    yield from (f"{user_id} is parked, but was never refused" for user_id in sorted(parked - refused))
    mailboxes = {letter.invitation_id: letter.mailbox for letter in evidence.letters}
    for id, voted in evidence.crowd.voted.items():
        user_id = evidence.crowd.feed.user_of.get(mailboxes[id])
        if user_id is None or user_id in parked & refused:
            continue
        newest = Told(user_id=user_id, rating=voted.rating, comment=voted.comment)
        last = told[user_id][-1] if told[user_id] else None
        if last != newest:
            yield f"{newest} was confirmed, Segment's last word is {last}"


def _parked_users(evidence: Evidence) -> set[str]:
    users = select(identity.c.value).join(outbox, outbox.c.person_id == identity.c.person_id)
    return {row.value for row in evidence.rows(users.where(outbox.c.state == "parked"))}


def no_error_but_503(evidence: Evidence) -> Iterator[str]:
    """No answer of the hub was a 5xx other than 503"""
    statuses = evidence.crowd.statuses
    yield from (f"{status}: {number} times" for status, number in statuses.items() if status >= 500 and status != 503)


CHECKS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    everything_was_accepted,
    everything_answered_200_is_stored,
    every_event_has_one_decision,
    nobody_was_mailed_twice,
    nobody_was_reminded_in_vain,
    all_others_were_reminded,
    nobody_was_mailed_wrongly,
    nothing_was_lost_silently,
    sent_means_that_a_server_has_it,
    unknown_is_only_what_was_handed_over,
    unknown_is_only_what_a_fault_hit,
    answers_are_recorded_once,
    newest_answer_reached_segment,
    no_error_but_503,
)
