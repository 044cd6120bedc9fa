"""What a survey's events are like: whether they say what its rules need to know."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from hub.admin.configuration.drafts import Draft
from hub.admin.configuration.sentences import span
from hub.admin.rehearsing.finding import Finding, State
from hub.admin.rehearsing.recorded import RecordedEvent
from hub.admin.words import counted
from hub.domain.created_at import UNREADABLE, read_created_at
from hub.domain.reasons import Outcome, Reason
from hub.domain.rules import Incoming
from hub.domain.settings import OnMissingCreatedAt
from hub.domain.traits import Profile, value_of
from hub.mail.addresses import check_address
from hub.store import tallies, worlds

ENOUGH = 0.9
"""Share of events that should be as they ought to be."""
FEW = 0.05
"""Share of events that may be otherwise without anything being wrong."""
SAMPLE = 2_000
"""Of the newest events, to read closely."""


def event_findings(connection: Connection, draft: Draft, events: Sequence[RecordedEvent]) -> Iterator[Finding]:
    """Yield what was found about recorded events, those first that could start the survey."""
    starters = [event for event in events if event.incoming and _may_start(draft, event.incoming)]
    yield _events(draft, events, starters)
    yield from _what_they_say(connection, draft, starters[-SAMPLE:])
    yield _rejected(events)
    yield _duplicates(connection)


def lasting(length: timedelta) -> str:
    """Return a length of time, rounded to its largest unit."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if length.total_seconds() >= size:
            return counted(round(length.total_seconds() / size), unit)
    return counted(max(1, round(length.total_seconds())), "second")


def _may_start(draft: Draft, incoming: Incoming) -> bool:
    if incoming.is_echo or not incoming.is_active:
        return False
    return draft.rules.is_started_by(incoming.type, incoming.name, incoming.properties)


def _events(draft: Draft, events: Sequence[RecordedEvent], starters: Sequence[RecordedEvent]) -> Finding:
    wanted = f"“{draft.rules.trigger_event}” event" if draft.rules.trigger_event else "identify event"
    plural = f"{wanted}s"
    if not events:
        return Finding(
            about="events",
            state=State.ATTENTION,
            sentence="No event came from its sources within the last 30 days.",
            advice=f"Send one {wanted} from your product and watch it arrive under Events.",
        )
    since = f"since {events[0].arrived_at:%-d %b}"
    if not starters:
        return Finding(
            about="events",
            state=State.ATTENTION,
            sentence=f"{counted(len(events), 'event')} came {since}, but none that starts the survey.",
            advice=f"It asks nobody until one comes: send {plural} from your product, or change what starts it.",
        )
    number = f"{len(starters):,} {wanted if len(starters) == 1 else plural}"
    return Finding(about="events", state=State.OK, sentence=f"{number} that could start it came {since}.")


def _what_they_say(connection: Connection, draft: Draft, starters: Sequence[RecordedEvent]) -> Iterator[Finding]:
    if not starters:
        return
    people = worlds.load_people(connection, {one.person_id for one in starters if one.person_id is not None})
    told = [(_incoming(one), people[one.person_id].profile if one.person_id in people else {}) for one in starters]
    yield _addresses(told)
    yield _created_at(draft, told)
    yield _ids([incoming for incoming, _ in told])
    yield _ages(draft, [incoming for incoming, _ in told])


def _incoming(event: RecordedEvent) -> Incoming:
    assert event.incoming is not None, "only such start anything"
    return event.incoming


def _trait(incoming: Incoming, profile: Profile, name: str) -> Any:
    brought = incoming.traits.get(name)
    return value_of(profile, name) if brought is None else brought


def _addresses(told: Sequence[tuple[Incoming, Profile]]) -> Finding:
    usable = sum(1 for one in told if check_address(_trait(*one, "email")) is not None)
    share = usable / len(told)
    return Finding(
        about="email",
        state=State.OK if share >= ENOUGH else State.ATTENTION if usable else State.MISSING,
        sentence=f"{_percent(share)} of these events are about somebody with a usable e-mail address.",
        advice="" if share >= ENOUGH else "Send the trait `email` with your events: who has no address is not asked.",
    )


def _created_at(draft: Draft, told: Sequence[tuple[Incoming, Profile]]) -> Finding:
    values = [_trait(*one, "createdAt") for one in told]
    missing = sum(1 for value in values if value is None)
    unreadable = sum(1 for value in values if value is not None and read_created_at(value) is UNREADABLE)
    share = (len(values) - missing - unreadable) / len(values)
    sentence = f"{_percent(share)} of these events are about somebody with a readable createdAt."
    if unreadable:
        example = next(value for value in values if value is not None and read_created_at(value) is UNREADABLE)
        sentence += f" {unreadable:,} have one that cannot be read, such as {str(example)[:40]!r}; these are not asked."
    if share >= ENOUGH:
        return Finding(about="created_at", state=State.OK, sentence=sentence)
    rules = draft.rules
    if missing and rules.on_missing_created_at is OnMissingCreatedAt.IMMEDIATE:
        sentence += f" {missing:,} have none and are asked at once."
    matters = rules.min_delay or rules.max_delay or rules.on_missing_created_at is OnMissingCreatedAt.SKIP
    is_fine = not matters and not unreadable
    return Finding(
        about="created_at",
        state=State.OK if is_fine else State.ATTENTION,
        sentence=sentence,
        advice=""
        if is_fine
        else "Send the trait `createdAt` as ISO 8601 (2026-03-01T09:30:00Z): delays count from it.",
    )


def _ids(told: Sequence[Incoming]) -> Finding:
    anonymous = sum(1 for incoming in told if incoming.user is None)
    share = 1 - anonymous / len(told)
    sentence = f"{_percent(share)} of these events carry a userId"
    return Finding(
        about="ids",
        state=State.OK if share >= ENOUGH else State.ATTENTION,
        sentence=f"{sentence}; {anonymous:,} carry an anonymousId alone." if anonymous else f"{sentence}.",
        advice=""
        if share >= ENOUGH
        else "Call identify with a userId: a person known by anonymousId alone may be asked once on each device.",
    )


def _ages(draft: Draft, told: Sequence[Incoming]) -> Finding:
    ages = [incoming.arrived_at - incoming.timestamp for incoming in told]
    limit = draft.rules.max_event_age
    stale = sum(1 for age in ages if limit and age > limit)
    sentence = f"Half of these events arrive within {lasting(statistics.median_low(ages))} of their time."
    if stale:
        oldest = span(draft.rules.max_event_age_hours, "hour")
        sentence += f" {stale:,} came more than {oldest} late and start nothing."
    is_fine = stale <= FEW * len(ages)
    return Finding(
        about="age",
        state=State.OK if is_fine else State.ATTENTION,
        sentence=sentence,
        advice="" if is_fine else "Look for a replay or an import, or for a sender whose clock is wrong.",
    )


def _rejected(events: Sequence[RecordedEvent]) -> Finding:
    rejected = [event for event in events if event.outcome == Outcome.REJECTED]
    is_fine = len(rejected) <= FEW * len(events)
    without_id = sum(1 for event in rejected if event.reason == Reason.NO_IDENTITY)
    sentence = f"{counted(len(rejected), 'event')} could not be used" if rejected else "Every event could be used."
    if rejected:
        sentence += f", {without_id:,} of them for want of any id." if without_id else "."
    return Finding(
        about="rejected",
        state=State.OK if is_fine else State.ATTENTION,
        sentence=sentence,
        advice="" if is_fine else "Look at the rejected ones under Events; each says what is wrong with it.",
    )


def _duplicates(connection: Connection) -> Finding:
    counts = {key[1:]: number for key, number in tallies.read(connection).items() if key[0] == "event"}
    total, again = sum(counts.values()), counts.get((Outcome.IGNORED, Reason.DUPLICATE), 0)
    share = again / total if total else 0.0
    is_fine = share <= FEW
    return Finding(
        about="duplicates",
        state=State.OK if is_fine else State.ATTENTION,
        sentence=f"{_percent(share)} of all events this hub ever got were copies, which it drops.",
        advice=""
        if is_fine
        else "See whether two senders are set up for one source: copies cost time, and nothing else.",
    )


def _percent(share: float) -> str:
    """Return a share that is said to be all or nothing only when it is."""
    if 0 < share < 0.01:
        return "Less than 1 %"
    return "More than 99 %" if 0.99 < share < 1 else f"{share * 100:.0f} %"
