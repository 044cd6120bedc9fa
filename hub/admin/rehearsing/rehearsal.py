"""What would have happened: a survey's rules as edited, on the events that were recorded, beside what did happen.

Each event is decided again at the time at which it was decided then. What people had been sent before the first of
them counts as it was, and so does who unsubscribed in between; what only later is known of a person and not of their
events (a trait that came before) is taken as it is known now. Events of the same moment may come in another order, and
the check before a mail is sent is left out.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from hub.admin.configuration.drafts import Draft, draft_of
from hub.admin.rehearsing.history import past_of
from hub.admin.rehearsing.recorded import Recorded, RecordedEvent, recorded
from hub.admin.rehearsing.replay import Outbox
from hub.domain.reasons import SENTENCES, Outcome, Reason
from hub.domain.rules import Ruling, decide
from hub.domain.states import SENT_STATES, WAITING, State
from hub.domain.world import Invitation, Survey, World
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.store import worlds
from hub.store.configuration import Role
from hub.store.sql import is_among
from hub.store.tables import decision
from hub.store.tables import invitation as table

WINDOW = timedelta(days=30)
MOST_EVENTS = 10_000
MOST_EXAMPLES = 20
DUE_ALIKE = timedelta(minutes=1)
"""Due times that differ by less are the same: a decision is made a moment after its event arrived."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What was decided on an event for the survey; without a reason it did not listen."""

    outcome: str = ""
    reason: str = ""
    due_at: datetime | None = None

    @property
    def sentence(self) -> str:
        """Return it in words."""
        return SENTENCES[Reason(self.reason)] if self.reason else "The survey did not listen to this event."


@dataclass(frozen=True, kw_only=True)
class FateCount:
    """How many events met with a fate of this reason: then, and with the rules as edited."""

    reason: str
    sentence: str
    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class MailCount:
    """How many mails the events led to on a UTC day: then, and with the rules as edited."""

    day: date
    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class Example:
    """An event of a person that would have met with another fate."""

    person_id: str
    event_id: str
    at: datetime
    before: Fate
    after: Fate


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """Both runs of the same events. `left_out` are those whose payload was erased or cannot be read again.

    `held` is how many mails the surge brake would have held; `mails` are without them. `first_day` and `first_week`
    are how many would have been due within a day and a week of `since`.
    """

    since: datetime
    until: datetime
    events: int
    left_out: int
    counts: Sequence[FateCount] = ()
    mails: Sequence[MailCount] = ()
    held: int = 0
    first_day: int = 0
    first_week: int = 0
    people_with_another_fate: int = 0
    examples: Sequence[Example] = ()


def rehearse(
    hub: Hub,
    survey_name: str,
    raw_settings: Mapping[str, Any],
    *,
    since: datetime | None = None,
    limit: int = MOST_EVENTS,
) -> Rehearsal:
    """Return what the survey would have decided with these settings, as if it had been on, and what was decided.

    `raw_settings` are those that are edited, typed or as a form's text; the others are as stored. Looked at are the
    newest `limit` events of the survey's sources from `since` on, by default 30 days ago. Nothing is stored. Raises
    ConfigError with the path of every problem.
    """
    draft = draft_of(hub, survey_name, raw_settings)
    with hub.store.read() as connection:
        found = recorded(
            connection,
            hub.registry.current(),
            draft.connections[Role.SOURCE],
            since=since or hub.now() - WINDOW,
            limit=limit,
        )
        return rehearse_on(connection, draft, found, hub.now())


def rehearse_on(connection: Connection, draft: Draft, found: Recorded, until: datetime) -> Rehearsal:
    """Return the rehearsal of a draft on events that were read."""
    then = _Then(connection, draft.id, found.events)
    stage = _Stage(connection, draft, found, then)
    for event in found.events:
        stage.play(event)
    return stage.rehearsal(until)


class _Then:
    """What was decided on the events for this survey, and the mails that came of it."""

    def __init__(self, connection: Connection, survey_id: str, events: Sequence[RecordedEvent]) -> None:
        made = select(decision).where(
            is_among(connection, decision.c.event_id, [event.id for event in events]),
            decision.c.survey_id == survey_id,
        )
        self._decisions = {row.event_id: row for row in connection.execute(made)}
        scheduled = [row.invitation_id for row in self._decisions.values() if row.outcome == Outcome.SCHEDULED]
        mailed = select(table.c.due_at, table.c.sent_at).where(
            is_among(connection, table.c.id, scheduled), table.c.state.in_(sorted(WAITING | SENT_STATES))
        )
        self.mails = [row.sent_at or row.due_at for row in connection.execute(mailed)]

    def decided_at(self, event: RecordedEvent) -> datetime:
        """Return when the event was decided, as far as is known."""
        row = self._decisions.get(event.id)
        return event.arrived_at if row is None else row.decided_at

    def fate(self, event: RecordedEvent) -> Fate:
        """Return what was decided."""
        row = self._decisions.get(event.id)
        if row is not None:
            return Fate(outcome=row.outcome, reason=row.reason, due_at=row.due_at)
        return Fate(outcome=event.outcome, reason=event.reason) if event.reason else Fate()


@dataclass(kw_only=True)
class _Differences:
    """People with another fate: how many, and some of them, first those with another reason."""

    people: dict[str, Example] = field(default_factory=dict)

    def note(self, event: RecordedEvent, before: Fate, after: Fate) -> None:
        """Keep the first event of a person that shows the difference best."""
        if event.person_id is None or not _is_another(before, after):
            return
        known = self.people.get(event.person_id)
        if known is None or (_is_about_time(known) and before.reason != after.reason):
            self.people[event.person_id] = Example(
                person_id=event.person_id, event_id=event.id, at=event.arrived_at, before=before, after=after
            )

    def examples(self) -> list[Example]:
        """Return some of them, the newest first."""
        newest = sorted(self.people.values(), key=lambda one: (one.at, one.event_id), reverse=True)
        return sorted(newest, key=_is_about_time)[:MOST_EXAMPLES]


def _is_another(before: Fate, after: Fate) -> bool:
    if before.reason != after.reason:
        return True
    both = before.due_at is not None and after.due_at is not None
    return both and abs(before.due_at - after.due_at) >= DUE_ALIKE  # type: ignore[operator]


def _is_about_time(example: Example) -> bool:
    return example.before.reason == example.after.reason


class _Stage:
    """The world in which the events happen once more."""

    def __init__(self, connection: Connection, draft: Draft, found: Recorded, then: _Then) -> None:
        numbers = itertools.count()
        self._world = World(
            new_id=lambda: f"{next(numbers):020x}",
            check_address=check_address,
            busiest_hour=worlds.BusiestHours(connection, found.since),
        )
        sources = frozenset(draft.connections[Role.SOURCE])
        self._survey = Survey(id=draft.id, name=draft.name, rules=draft.rules, enabled=True, sources=sources)
        self._found = found
        self._then = then
        self._outbox = Outbox()
        self._clock = found.since
        self._past = past_of(connection, self._world, self._survey, found)
        self._made: list[Invitation] = []
        self._left_out = 0
        self._before: Counter[str] = Counter()
        self._after: Counter[str] = Counter()
        self._differences = _Differences()

    def play(self, event: RecordedEvent) -> None:
        """Decide an event again and note how it went both times."""
        before = self._then.fate(event)
        if event.outcome == Outcome.REJECTED:
            after = before
        elif event.incoming is None:
            self._left_out += 1
            return
        else:
            after = self._decide(event)
        self._before[before.reason] += 1
        self._after[after.reason] += 1
        self._differences.note(event, before, after)

    def _decide(self, event: RecordedEvent) -> Fate:
        incoming = event.incoming
        assert incoming is not None, "those are left out"
        self._clock = max(self._clock, self._then.decided_at(event))
        self._past.happen(self._clock)
        self._outbox.watch(self._world)
        self._outbox.send_before(self._clock)
        ruling = decide(self._world, incoming, [self._survey], self._clock)
        if incoming.type == "delete":
            self._world.forget(incoming.user, incoming.anonymous)
        self._made += [
            self._world.changed[one.invitation_id]
            for one in ruling.decisions
            if one.outcome is Outcome.SCHEDULED and one.invitation_id is not None
        ]
        return _fate(ruling)

    def rehearsal(self, until: datetime) -> Rehearsal:
        """Return how it went."""
        since = self._found.since
        mails = [one.due_at for one in self._made if one.state not in (State.CANCELLED, State.HELD)]
        return Rehearsal(
            since=since,
            until=until,
            events=len(self._found.events) - self._left_out,
            left_out=self._left_out,
            counts=_fate_counts(self._before, self._after),
            mails=_mail_counts(self._then.mails, mails),
            held=sum(1 for one in self._made if one.state is State.HELD),
            first_day=sum(1 for due_at in mails if due_at < since + timedelta(days=1)),
            first_week=sum(1 for due_at in mails if due_at < since + timedelta(days=7)),
            people_with_another_fate=len(self._differences.people),
            examples=self._differences.examples(),
        )


def _fate(ruling: Ruling) -> Fate:
    for one in ruling.decisions:
        return Fate(outcome=str(one.outcome), reason=str(one.reason), due_at=one.due_at)
    return Fate(outcome=str(ruling.outcome or ""), reason=str(ruling.reason or ""))


def _fate_counts(before: Counter[str], after: Counter[str]) -> list[FateCount]:
    found = [
        FateCount(reason=reason, sentence=Fate(reason=reason).sentence, before=before[reason], after=after[reason])
        for reason in {*before, *after}
    ]
    return sorted(found, key=lambda one: (-max(one.before, one.after), one.reason))


def _mail_counts(before: Iterable[datetime], after: Iterable[datetime]) -> list[MailCount]:
    then, now = Counter(moment.date() for moment in before), Counter(moment.date() for moment in after)
    return [MailCount(day=day, before=then[day], after=now[day]) for day in sorted({*then, *now})]
