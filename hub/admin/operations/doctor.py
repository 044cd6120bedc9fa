"""The invariants: what must always hold, checked on the data as it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from hub.admin.configuration import weekly
from hub.admin.health import address_warning, gaps
from hub.admin.operations.restore import held
from hub.admin.words import counted
from hub.domain.states import SENT_STATES, State
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import forgettings, intake, notices, pauses, wrong_counts
from hub.store.configuration import Role
from hub.store.leases import CLAIM_LEASE, SENDING_LEASE
from hub.store.limits import TookTooLong, at_most
from hub.store.outboxes import LEASE, is_newer
from hub.store.reminders import first_of
from hub.store.tables import decision, event, invitation, outbox, response

SLOWEST_DECISION = timedelta(minutes=10)
_CLOCK_MAY_JUMP = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One invariant: whether it holds, and a sentence. A note never fails the check."""

    name: str
    ok: bool
    sentence: str
    is_note: bool = False


def examine(hub: Hub, *, within_s: float | None = None) -> list[Finding]:
    """Return what was found, broken invariants and things a person should look at included.

    With `within_s` looking at what was stored ends after so long, and a note says how far it got.
    """
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        checks: list[Callable[[], Finding]] = [
            lambda: _every_event_is_decided(connection),
            lambda: _every_invitation_has_a_decision(connection),
            lambda: _nobody_was_mailed_twice(connection, configuration),
            lambda: _nobody_was_reminded_in_vain(connection),
            lambda: _nothing_stays_in_hand(hub, connection),
            lambda: _newest_answer_wins(connection, configuration.per_survey),
            lambda: _scores_are_counted(connection),
            lambda: _unknown(connection),
            lambda: _parked(connection),
            lambda: _untold(connection, configuration),
            lambda: _forgettings(connection, configuration),
        ]
        findings = _made(checks, connection, within_s)
    return [*findings, _intake_moves(hub), *_notes(hub, configuration)]


def _made(checks: Sequence[Callable[[], Finding]], connection: Connection, within_s: float | None) -> list[Finding]:
    if within_s is None:
        return [check() for check in checks]
    until = time.monotonic() + within_s
    findings: list[Finding] = []
    for check in checks:
        try:
            with at_most(connection, until - time.monotonic()):
                findings.append(check())
        except TookTooLong:
            made = f"{len(findings)} of {counted(len(checks), 'check')} were made within {within_s:g} seconds"
            sentence = f"{made}; `hub doctor` on the command line takes the time it needs."
            return [*findings, Finding(name="looking at everything", ok=False, sentence=sentence, is_note=True)]
    return findings


def _every_event_is_decided(connection: Connection) -> Finding:
    missing = connection.scalar(
        select(func.count()).where(event.c.outcome == "decided", ~exists().where(decision.c.event_id == event.c.id))
    )
    return _finding("every event has its decision", missing, "event", "without a decision")


def _every_invitation_has_a_decision(connection: Connection) -> Finding:
    missing = connection.scalar(
        select(func.count())
        .select_from(invitation)
        .where(invitation.c.reminder_of.is_(None), ~exists().where(decision.c.invitation_id == invitation.c.id))
    )
    return _finding("every invitation comes from a decision", missing, "invitation", "without one")


def _nobody_was_mailed_twice(connection: Connection, configuration: Configuration) -> Finding:
    total = 0
    for survey in configuration.rules:
        for subject in (invitation.c.mailbox, invitation.c.person_id):
            total += _too_close(connection, survey.id, subject, survey.rules.min_interval)
    return _finding("nobody was mailed twice within the interval", total, "mail", "that came too soon")


def _too_close(connection: Connection, survey_id: str, subject: Any, interval: timedelta) -> int:
    if not interval:
        return 0

    def lag(of: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.lag(of, type_=of.type).over(partition_by=subject, order_by=invitation.c.sent_at)

    first = first_of(invitation)
    departed = (
        select(
            invitation.c.sent_at,
            first.label("first_id"),
            lag(invitation.c.sent_at).label("before"),
            lag(first).label("first_id_before"),
        )
        .where(
            invitation.c.survey_id == survey_id,
            invitation.c.state.in_(sorted(SENT_STATES - {State.BOUNCED} | {State.SENDING})),
            invitation.c.sent_at.is_not(None),
        )
        .subquery()
    )
    # A reminder is no other mail than the one it is about.
    rows = connection.execute(select(departed).where(departed.c.first_id != departed.c.first_id_before))
    return sum(1 for row in rows if row.sent_at - row.before < interval)


def _nobody_was_reminded_in_vain(connection: Connection) -> Finding:
    """A reminder that departs in the very moment of the answer knows nothing of it, and clocks are set back."""
    left = (invitation.c.state.in_(sorted(SENT_STATES | {State.SENDING})), invitation.c.reminder_of.is_not(None))
    rows = connection.execute(
        select(invitation.c.sent_at, response.c.first_rated_at)
        .join(response, response.c.invitation_id == invitation.c.reminder_of)
        .where(*left, invitation.c.sent_at > response.c.first_rated_at)
    )
    late = sum(1 for row in rows if row.sent_at - row.first_rated_at > _CLOCK_MAY_JUMP)
    return _finding("nobody is reminded after an answer", late, "reminder", "of a survey that was answered")


def _nothing_stays_in_hand(hub: Hub, connection: Connection) -> Finding:
    now = hub.now()
    stuck = connection.scalar(
        select(func.count()).where(
            or_(
                (invitation.c.state == State.CLAIMED) & (invitation.c.lease_until < now - CLAIM_LEASE),
                (invitation.c.state == State.SENDING) & (invitation.c.lease_until < now - SENDING_LEASE),
            )
        )
    )
    leased = connection.scalar(
        select(func.count()).where(outbox.c.state == "leased", outbox.c.lease_until < now - LEASE)
    )
    return _finding(
        "nothing stays in hand beyond twice its lease", (stuck or 0) + (leased or 0), "row", "still in hand"
    )


def _newest_answer_wins(connection: Connection, per_survey: Collection[str]) -> Finding:
    """Look for answers that were given up and not for a newer one: to any survey, or where surveys are kept apart."""
    newer = outbox.alias("newer")
    apart = [or_(outbox.c.target_id.not_in(per_survey), newer.c.survey_id == outbox.c.survey_id)] if per_survey else []
    is_newest = ~exists().where(
        newer.c.target_id == outbox.c.target_id,
        newer.c.person_id == outbox.c.person_id,
        is_newer(newer, outbox),
        *apart,
    )
    lost = connection.scalar(select(func.count()).where(outbox.c.state == "superseded", is_newest))
    return _finding(
        "the newest answer of everybody is synced or waits", lost, "newest answer", "that would never be synced"
    )


def _scores_are_counted(connection: Connection) -> Finding:
    name = "scores are counted as they were given"
    return _finding(name, wrong_counts.wrong(connection), "count", "that the answers do not bear out")


def _unknown(connection: Connection) -> Finding:
    count = connection.scalar(select(func.count()).where(invitation.c.state == State.UNKNOWN)) or 0
    doubt = f"{counted(count, 'mail')} of which nobody can know whether the mail system took it."
    sentence = doubt if count else "No mail is in doubt."
    return Finding(name="mails in doubt", ok=not count, sentence=sentence, is_note=True)


def _parked(connection: Connection) -> Finding:
    count = connection.scalar(select(func.count()).where(outbox.c.state == "parked")) or 0
    refused = f"{counted(count, 'answer')} refused by a target for good."
    sentence = refused if count else "No answer was refused by a target."
    return Finding(name="answers parked", ok=not count, sentence=sentence, is_note=True)


def _untold(connection: Connection, configuration: Configuration) -> Finding:
    live = {one.id for one in configuration.live(Role.LISTENER)}
    parked = {id: number for id, number in notices.parked_by_listener(connection).items() if id in live}
    who = ", ".join(f"{configuration.connections[id].label} ({number})" for id, number in sorted(parked.items()))
    sentence = f"These were not told what happened, and wait for a person: {who}." if who else "Every listener is told."
    return Finding(name="listeners told", ok=not parked, sentence=sentence, is_note=True)


def _forgettings(connection: Connection, configuration: Configuration) -> Finding:
    left = forgettings.open_by_connection(connection)
    who = ", ".join(f"{configuration.connections[id].label} ({number})" for id, number in sorted(left.items()))
    sentence = f"These still have to forget people, and are asked again: {who}." if who else "Nobody is left to forget."
    return Finding(name="erased people forgotten everywhere", ok=not left, sentence=sentence, is_note=True)


def _intake_moves(hub: Hub) -> Finding:
    count, oldest = intake.waiting(hub.store)
    late = oldest is not None and hub.now() - oldest > SLOWEST_DECISION
    waiting = "1 body waits" if count == 1 else f"{count} bodies wait, the oldest"
    sentence = f"{waiting} since {oldest:%-d %b %H:%M UTC}." if oldest else "No body waits."
    return Finding(name="accepted events are decided soon", ok=not late, sentence=sentence)


def _notes(hub: Hub, configuration: Configuration) -> list[Finding]:
    """Return what breaks no promise but keeps the hub from its work."""
    notes = [(one.label, one.problem) for one in configuration.broken()]
    with hub.store.read() as connection:
        paused = pauses.paused(connection, hub.now())
    notes += [
        (configuration.connections[id].label, f"is left alone until {until:%-d %b %H:%M UTC}: {why.rstrip('.')}")
        for id, (until, why) in paused.items()
        if id in configuration.connections
    ]
    for survey in configuration.surveys.values():
        notes += [(f"surveys.{survey.name}", f"is on, but {gap}") for gap in gaps(survey.connections) if survey.enabled]
    notes += [("plugin", problem) for problem in hub.registry.plugins.problems]
    notes += [("the weekly report", sentence.rstrip(".")) for sentence in weekly.troubles(hub)]
    warning = address_warning(hub)
    notes += [("the public address", warning)] if warning else []
    sentence = held(hub)
    notes += [("sending", sentence.rstrip("."))] if sentence else []
    return [Finding(name=name, ok=False, sentence=f"{what}.", is_note=True) for name, what in notes]


def _finding(name: str, count: int | None, noun: str, rest: str) -> Finding:
    return Finding(name=name, ok=not count, sentence=f"{counted(count, noun)} {rest}." if count else "Holds.")
