"""The last look at an invitation before a mail is sent (docs/rules.md, "Before a mail is sent")."""

from __future__ import annotations

from datetime import datetime, timedelta

from hub.domain.created_at import UNREADABLE, read_created_at
from hub.domain.identity import is_held_out
from hub.domain.reasons import Reason
from hub.domain.rules import effective_created_at, is_recently_refused, last_sent
from hub.domain.traits import value_of
from hub.domain.windows import overlap
from hub.domain.world import Invitation, Person, Survey, World


def recheck(world: World, survey: Survey, person: Person, invitation: Invitation, now: datetime) -> Reason | None:
    """Return why an invitation must not be sent after all, or None: rules 9, 10, 15, 17 and 18 as they now stand."""
    mailbox = person.mailbox
    if mailbox is None:
        return Reason.BAD_EMAIL
    if world.is_suppressed(person, mailbox):
        return Reason.SUPPRESSED
    if is_recently_refused(world, mailbox, now):
        return Reason.RECENTLY_REFUSED
    reason = _recheck_person(world, survey, person, invitation, now)
    return reason or _recheck_mails(world, survey, person, invitation, mailbox, now)


def _recheck_person(
    world: World, survey: Survey, person: Person, invitation: Invitation, now: datetime
) -> Reason | None:
    """A customer's age is about the first mail; about a reminder, whether that one arrived and was answered."""
    if invitation.reminder_of is None:
        return Reason.TOO_OLD if _is_too_old_to_send(survey, person, now) else None
    if invitation.reminder_number > survey.rules.reminders:
        return Reason.REMINDERS_OFF
    if invitation.reminder_of in world.answered:
        return Reason.ANSWERED
    return Reason.UNDELIVERED if invitation.reminder_of in world.undelivered else None


def _recheck_mails(
    world: World, survey: Survey, person: Person, invitation: Invitation, mailbox: str, now: datetime
) -> Reason | None:
    rules = survey.rules
    last = last_sent(world, person.id, mailbox, survey_id=survey.id, before=invitation)
    if rules.min_interval and last is not None and now - last < rules.min_interval:
        return Reason.THROTTLED
    latest = last_sent(world, person.id, mailbox, before=invitation) if rules.quiet_period else None
    if latest is not None and now - latest < rules.quiet_period:
        return Reason.QUIET_PERIOD
    if is_held_out(survey.id, person.first_id, rules.holdout_percent):
        return Reason.HOLDOUT
    is_counted = rules.daily_limit and invitation.reminder_of is None
    if is_counted and world.ahead_on_its_day(invitation) >= rules.daily_limit:
        return Reason.QUOTA
    return Reason.WINDOW_MISSED if _lateness(survey, person, invitation, now) > rules.send_grace else None


def _lateness(survey: Survey, person: Person, invitation: Invitation, now: datetime) -> timedelta:
    """Return how late an invitation is, from its due time or its release.

    Time in which its window was closed is not, nor is time in which its survey was off: but nobody is reminded of a
    mail of long ago because the survey was off since.
    """
    since = max(invitation.due_at, invitation.late_from or invitation.due_at)
    pauses = survey.pauses if invitation.reminder_of is None else ()
    late = now - since - overlap((since, now), pauses)
    rules = survey.rules
    if late <= rules.send_grace or rules.send_window is None:
        return late
    return rules.send_window.open_time((since, now), rules.zone_of(person.timezone), without=pauses)


def _is_too_old_to_send(survey: Survey, person: Person, now: datetime) -> bool:
    raw = value_of(person.profile, "createdAt")
    created_at = None if raw is None else read_created_at(raw)
    if created_at is UNREADABLE or not survey.rules.max_delay:
        return False
    effective = effective_created_at(survey, person, created_at)
    limit = survey.rules.max_delay + survey.rules.send_grace
    return effective is not None and now - effective > limit
