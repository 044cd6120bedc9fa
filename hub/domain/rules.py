"""The survey rules, in the order of docs/rules.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from hub.domain.created_at import UNREADABLE, read_created_at
from hub.domain.identity import Identity, is_held_out
from hub.domain.reasons import Outcome, Reason
from hub.domain.settings import OnMissingCreatedAt
from hub.domain.states import SENT_STATES, WAITING, State
from hub.domain.traits import merge_traits, value_of
from hub.domain.world import Invitation, Person, Survey, World

REFUSAL_COUNTS = timedelta(days=7)
FUTURE_ALLOWED = timedelta(hours=24)


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Incoming(NamedTuple):
    """An event as rules see it. `timestamp` is never in the future; `traits` are under one spelling each."""

    source: str
    type: str
    message_id: str
    user: Identity | None
    anonymous: Identity | None
    traits: Mapping[str, Any]
    timestamp: datetime
    arrived_at: datetime
    name: str | None = None
    properties: Mapping[str, Any] = _NOTHING
    locale: str | None = None
    timezone: str | None = None
    is_echo: bool = False
    is_active: bool = True


class Decision(NamedTuple):
    """What was decided for one survey, and what led to it."""

    survey_id: str
    outcome: Outcome
    reason: Reason
    due_at: datetime | None = None
    eligible_again_at: datetime | None = None
    invitation_id: str | None = None
    inputs: Mapping[str, Any] = _NOTHING


class Ruling(NamedTuple):
    """What became of an event. `reason` is None when surveys decided on it: see `decisions`."""

    outcome: Outcome | None
    reason: Reason | None
    person: Person | None = None
    decisions: Sequence[Decision] = ()


def decide(world: World, event: Incoming, surveys: Iterable[Survey], now: datetime) -> Ruling:
    """Take one event into `world` and return what was decided. Rules 1 to 19 of docs/rules.md, in that order."""
    key = (event.source, event.message_id)
    if key in world.message_ids:
        return Ruling(outcome=Outcome.IGNORED, reason=Reason.DUPLICATE)
    world.message_ids.add(key)
    listening = [survey for survey in surveys if event.source in survey.sources]
    if event.type != "identify" and not any(_starts(event, survey) for survey in listening):
        person = None
        if event.user or event.anonymous:
            person = world.meet(event.user, event.anonymous, event.arrived_at)
        return Ruling(outcome=Outcome.IGNORED, reason=Reason.NOT_A_TRIGGER, person=person)
    if event.is_echo:
        # Whom it is about matters to their story, and to erasing them; but an echo makes nobody known.
        person = world.known(event.user, event.anonymous)
        return Ruling(outcome=Outcome.IGNORED, reason=Reason.ECHO, person=person)
    if event.user is None and event.anonymous is None:
        reason = Reason.NO_IDENTITY if event.is_active else Reason.ECHO
        return Ruling(outcome=Outcome.REJECTED if event.is_active else Outcome.IGNORED, reason=reason)
    person = _update_person(world, event)
    if not event.is_active:
        return Ruling(outcome=Outcome.IGNORED, reason=Reason.ECHO, person=person)
    if not listening:
        return Ruling(outcome=Outcome.IGNORED, reason=Reason.NO_SURVEY, person=person)
    decisions = [_Case(world, survey, person, event, now).decide() for survey in listening]
    return Ruling(outcome=None, reason=None, person=person, decisions=decisions)


def _starts(event: Incoming, survey: Survey) -> bool:
    return survey.rules.is_started_by(event.type, event.name, event.properties)


def _update_person(world: World, event: Incoming) -> Person:
    person = world.meet(event.user, event.anonymous, event.arrived_at if event.is_active else None)
    merge_traits(
        person.profile,
        event.traits,
        timestamp=event.timestamp,
        message_id=event.message_id,
        check_address=world.check_address,
    )
    if person.locale_at is None or event.timestamp >= person.locale_at:
        person.locale = event.locale or person.locale
        person.timezone = event.timezone or person.timezone
        person.locale_at = event.timestamp
    world.readdress(person)
    return person


class _Case:
    """One event for one survey: rules 6 to 19."""

    def __init__(self, world: World, survey: Survey, person: Person, event: Incoming, now: datetime) -> None:
        self.world = world
        self.survey = survey
        self.rules = survey.rules
        self.person = person
        self.event = event
        self.now = now
        self.mailbox = ""
        self.created_at: datetime | None = None
        self.last_sent_at: datetime | None = None

    def decide(self) -> Decision:
        for stage in (self._trigger, self._address, self._freshness, self._age):
            reason = stage()
            if reason is not None:
                return self._skip(reason)
        waiting = self.world.waiting(self.survey.id, self.person.id)
        if waiting is not None:
            return self._merge(waiting)
        due_at = due_time(self.survey, self._effective_created_at(), self.now)
        return self._contact_limits(due_at) or self._schedule(due_at)

    def _trigger(self) -> Reason | None:
        if not _starts(self.event, self.survey):
            return Reason.NOT_A_TRIGGER
        return None if self.survey.enabled else Reason.SURVEY_PAUSED

    def _address(self) -> Reason | None:
        known = value_of(self.person.profile, "email")
        if known is None:
            return Reason.NO_EMAIL
        brought = self.event.traits.get("email")
        is_other = brought is not None and brought != known
        if self.person.mailbox is None or (is_other and self.world.check_address(brought) is None):
            return Reason.BAD_EMAIL
        self.mailbox = self.person.mailbox
        if self.world.is_suppressed(self.person, self.mailbox):
            return Reason.SUPPRESSED
        return Reason.RECENTLY_REFUSED if is_recently_refused(self.world, self.mailbox, self.now) else None

    def _freshness(self) -> Reason | None:
        limit = self.rules.max_event_age
        is_stale = limit and self.event.arrived_at - self.event.timestamp > limit
        return Reason.STALE_EVENT if is_stale else None

    def _age(self) -> Reason | None:
        raw = value_of(self.person.profile, "createdAt")
        if raw is None:
            skip = self.rules.on_missing_created_at is OnMissingCreatedAt.SKIP
            return Reason.NO_CREATED_AT if skip else self._too_old()
        created_at = read_created_at(raw)
        if created_at is UNREADABLE:
            return Reason.CREATED_AT_INVALID
        if created_at > self.now + FUTURE_ALLOWED:
            return Reason.CREATED_AT_FUTURE
        if created_at > self.now:
            self.person.remember_future(created_at, self.now)
        self.created_at = created_at
        return self._too_old()

    def _too_old(self) -> Reason | None:
        effective = self._effective_created_at()
        if effective is not None and self.rules.max_delay and self.now - effective > self.rules.max_delay:
            return Reason.TOO_OLD
        return None

    def _effective_created_at(self) -> datetime | None:
        return effective_created_at(self.survey, self.person, self.created_at)

    def _merge(self, waiting: Invitation) -> Decision:
        brought = read_created_at(self.event.traits.get("createdAt"))
        if brought is not UNREADABLE and self.created_at is not None and brought != waiting.created_at:
            due_at = due_time(self.survey, self._effective_created_at(), self.now)
            opens_at = self.rules.opens_at(due_at, self.person.timezone)
            self.world.move(waiting, due_at, self.created_at, opens_at=opens_at, brake=self.rules.surge_brake)
        return Decision(
            survey_id=self.survey.id,
            outcome=Outcome.MERGED,
            reason=Reason.ALREADY_SCHEDULED,
            due_at=waiting.due_at,
            invitation_id=waiting.id,
            inputs=self._inputs(),
        )

    def _contact_limits(self, due_at: datetime) -> Decision | None:
        survey_id, interval = self.survey.id, self.rules.min_interval
        self.last_sent_at = last_sent(self.world, self.person.id, self.mailbox, survey_id=survey_id)
        if interval and self.last_sent_at is not None and due_at - self.last_sent_at < interval:
            return self._skip(Reason.THROTTLED, eligible_again_at=self.last_sent_at + interval)
        quiet = self.rules.quiet_period
        if quiet:
            latest = last_sent(self.world, self.person.id, self.mailbox)
            if latest is not None and due_at - latest < quiet:
                return self._skip(Reason.QUIET_PERIOD)
        if is_held_out(survey_id, self.person.first_id, self.rules.holdout_percent):
            return self._skip(Reason.HOLDOUT)
        limit = self.rules.daily_limit
        return self._skip(Reason.QUOTA) if limit and self.world.days.at(survey_id, due_at) >= limit else None

    def _schedule(self, due_at: datetime) -> Decision:
        invitation = Invitation(
            id=self.world.new_id(),
            survey_id=self.survey.id,
            person_id=self.person.id,
            mailbox=self.mailbox,
            state=State.SCHEDULED,
            due_at=due_at,
            created_at=self.created_at,
            opens_at=self.rules.opens_at(due_at, self.person.timezone),
        )
        self.world.schedule(invitation, brake=self.rules.surge_brake)
        return Decision(
            survey_id=self.survey.id,
            outcome=Outcome.SCHEDULED,
            reason=Reason.SCHEDULED,
            due_at=due_at,
            invitation_id=invitation.id,
            inputs=self._inputs(),
        )

    def _skip(self, reason: Reason, eligible_again_at: datetime | None = None) -> Decision:
        return Decision(
            survey_id=self.survey.id,
            outcome=Outcome.SKIPPED,
            reason=reason,
            eligible_again_at=eligible_again_at,
            inputs=self._inputs(),
        )

    def _inputs(self) -> dict[str, Any]:
        found = {
            "created_at": self.created_at,
            "last_sent_at": self.last_sent_at,
            "timestamp": self.event.timestamp,
            "min_delay_days": self.rules.min_delay_days,
            "max_delay_days": self.rules.max_delay_days,
            "min_interval_weeks": self.rules.min_interval_weeks,
        }
        return {name: value for name, value in found.items() if value is not None}


def effective_created_at(survey: Survey, person: Person, created_at: datetime | None) -> datetime | None:
    """Return the time that ages and due times count from: createdAt, its stand-in, or None."""
    if created_at is not None:
        return person.future_created_at.get(created_at, created_at)
    if survey.rules.on_missing_created_at is OnMissingCreatedAt.FIRST_SEEN:
        return person.first_seen_at
    return None


def due_time(survey: Survey, effective: datetime | None, now: datetime) -> datetime:
    """Return when to ask: the minimum delay after the customer's creation, and never in the past."""
    return now if effective is None else max(now, effective + survey.rules.min_delay)


def last_sent(
    world: World,
    person_id: str,
    mailbox: str,
    *,
    survey_id: str | None = None,
    before: Invitation | None = None,
) -> datetime | None:
    """Return when this person or mailbox was last mailed, by one survey or (without `survey_id`) by any.

    A waiting invitation counts as sent at its due time. With `before` the look is from that invitation: itself, what
    it reminds of and those that wait behind it don't count.
    """
    moments = (
        _sent_moment(invitation, mailbox, before)
        for invitation in world.invitations(person_id, mailbox)
        if survey_id is None or invitation.survey_id == survey_id
    )
    return max((moment for moment in moments if moment is not None), default=None)


def _sent_moment(invitation: Invitation, mailbox: str, before: Invitation | None) -> datetime | None:
    if before is not None and invitation.first_id == before.first_id:
        return None
    if invitation.state in SENT_STATES:
        bounced_elsewhere = invitation.state is State.BOUNCED and invitation.mailbox != mailbox
        return None if bounced_elsewhere else invitation.sent_at
    if invitation.state not in WAITING:
        return None
    if before is not None:
        if invitation.state is State.SENDING:
            return invitation.sent_at
        if (invitation.due_at, invitation.id) > (before.due_at, before.id):
            return None
    return invitation.due_at


def is_recently_refused(world: World, mailbox: str, now: datetime) -> bool:
    """Return whether a provider refused this mailbox for good not long ago (rule 10)."""
    refused_at = world.refused_at.get(mailbox)
    return refused_at is not None and now - refused_at < REFUSAL_COUNTS
