"""Events and what was decided on them, newest first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, exists, select

from hub.admin.decision_facts import Piece, facts_of
from hub.admin.names import connection_name, survey_names
from hub.admin.paging import Page, Slice, newest_first
from hub.admin.trouble import NotThere
from hub.config import ConfigError
from hub.domain.identity import IdKind
from hub.domain.reasons import SENTENCES, Outcome, Reason
from hub.domain.traits import value_of
from hub.domain.world import Person
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import tallies, worlds
from hub.store.sql import is_among
from hub.store.tables import decision, event
from hub.store.types import is_storable

DECIDED = "decided"
REASONS: dict[str, tuple[Reason | None, ...]] = {
    DECIDED: (None,),
    Outcome.IGNORED: (Reason.NOT_A_TRIGGER, Reason.ECHO, Reason.NO_SURVEY),
    Outcome.REJECTED: (Reason.NO_IDENTITY, Reason.UNREADABLE, Reason.POISON),
    Outcome.SCHEDULED: (Reason.SCHEDULED,),
    Outcome.MERGED: (Reason.ALREADY_SCHEDULED,),
    Outcome.SKIPPED: (
        Reason.SURVEY_PAUSED,
        Reason.NO_EMAIL,
        Reason.BAD_EMAIL,
        Reason.SUPPRESSED,
        Reason.RECENTLY_REFUSED,
        Reason.STALE_EVENT,
        Reason.CREATED_AT_INVALID,
        Reason.CREATED_AT_FUTURE,
        Reason.NO_CREATED_AT,
        Reason.TOO_OLD,
        Reason.THROTTLED,
        Reason.QUIET_PERIOD,
        Reason.HOLDOUT,
        Reason.QUOTA,
    ),
}
"""The reasons of every outcome, each of one alone; the first three are an event's, the others a survey's."""
_OF_SURVEYS = (Outcome.SCHEDULED, Outcome.MERGED, Outcome.SKIPPED)
_OF_EVENTS = (DECIDED, Outcome.IGNORED, Outcome.REJECTED)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What one survey made of an event; `facts` are told of an event that is looked at alone."""

    survey: str
    outcome: str
    reason: str
    sentence: str
    decided_at: datetime
    due_at: datetime | None
    eligible_again_at: datetime | None
    invitation_id: str | None
    facts: Sequence[Piece] = ()


@dataclass(frozen=True, kw_only=True)
class SeenEvent:
    """An event as it was taken in, and what became of it."""

    id: str
    source: str
    message_id: str
    type: str
    person_id: str | None
    arrived_at: datetime
    timestamp: datetime
    outcome: str
    reason: str | None
    sentence: str | None
    note: str | None
    decisions: Sequence[Decided]
    payload: Any = field(default=None)


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Whom an event is about, by the ids and the address that are known of them by now."""

    user_ids: Sequence[str]
    anonymous_ids: Sequence[str]
    email: str | None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which events; None is any. `since` is included, `until` is not.

    An outcome or reason is one of an event, or one that a survey gave: then the times are those of its decision.
    """

    person: str | None = None
    outcome: str | None = None
    reason: Reason | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def reasons(self) -> list[Reason | None]:
        """Return the reasons to look for. Raises ConfigError when outcome and reason exclude each other."""
        outcomes = [self.outcome] if self.outcome is not None else list(REASONS if self.reason else _OF_EVENTS)
        found = [reason for outcome in outcomes for reason in REASONS[outcome] if self.reason in (None, reason)]
        if not found:
            raise ConfigError([f"reason: no event is {self.outcome or 'there'} for the reason {self.reason}"])
        return list(dict.fromkeys(found))

    @property
    def is_about_surveys(self) -> bool:
        """Return whether it is decisions that are looked at."""
        return any(self.reasons[0] in REASONS[outcome] for outcome in _OF_SURVEYS)


def events(hub: Hub, wanted: Wanted, part: Slice) -> Page[SeenEvent]:
    """Return events, newest first."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        if wanted.person is None and wanted.is_about_surveys:
            page = _by_decision(connection, wanted, part)
        else:
            streams = _by_reason(wanted) if wanted.person is None else [_of_person(wanted)]
            page = newest_first(connection, streams, (event.c.arrived_at, event.c.id), part)
        made = _decisions(connection, [row.id for row in page.items])
        return page.map(lambda row: _event(configuration, row, made.get(row.id, [])))


def copies(hub: Hub) -> int:
    """Return how many copies of events came so far; they are counted, and otherwise left out."""
    with hub.store.read() as connection:
        return tallies.read(connection).get(("event", Outcome.IGNORED, Reason.DUPLICATE), 0)


def event_of(hub: Hub, event_id: str) -> SeenEvent:
    """Return one event, with its payload as it came. Raises NotThere."""
    configuration = hub.registry.current()
    if not is_storable(event_id):
        raise NotThere("There is no event of this id")
    with hub.store.read() as connection:
        row = connection.execute(select(event).where(event.c.id == event_id)).one_or_none()
        if row is None:
            raise NotThere(f"There is no event {event_id}")
        people = worlds.load_people(connection, [row.person_id] if row.person_id else [])
        profile = people[row.person_id].profile if row.person_id in people else {}
        facts = _decisions(connection, [event_id], lambda one: facts_of(one, row.payload, profile))
    return _event(configuration, row, facts.get(event_id, []), payload=readable(row.payload))


def senders(hub: Hub, shown: Iterable[SeenEvent]) -> Mapping[str, Sender]:
    """Return whom events are about, by the ids of the people; who was erased is left out."""
    with hub.store.read() as connection:
        people = worlds.load_people(connection, {one.person_id for one in shown if one.person_id is not None})
    return {id: _sender(person) for id, person in people.items()}


def _sender(person: Person) -> Sender:
    return Sender(
        user_ids=[one.value for one in person.identities if one.kind is IdKind.USER],
        anonymous_ids=[one.value for one in person.identities if one.kind is IdKind.ANONYMOUS],
        email=check_address(value_of(person.profile, "email")),
    )


def _by_reason(wanted: Wanted) -> Iterator[Select[Any]]:
    """Yield a stream a reason: an index gives each in order, however rare or frequent the reason is."""
    for reason in wanted.reasons:
        within = _within(event.c.arrived_at, wanted)
        if reason is None:
            # PostgreSQL takes "is null" for no fixed value: it sorts all there are, unless the order begins with it.
            yield select(*_LISTED).where(event.c.reason.is_(None), *within).order_by(event.c.reason.desc())
        else:
            yield select(*_LISTED).where(event.c.reason == reason, *within)


def _of_person(wanted: Wanted) -> Select[Any]:
    statement = select(*_LISTED).where(event.c.person_id == wanted.person, *_within(event.c.arrived_at, wanted))
    if wanted.outcome is None and wanted.reason is None:
        return statement
    if not wanted.is_about_surveys:
        return statement.where(*_given(event, wanted))
    return statement.where(exists().where(decision.c.event_id == event.c.id, *_given(decision, wanted)))


def _by_decision(connection: Connection, wanted: Wanted, part: Slice) -> Page[Any]:
    keys = (decision.c.decided_at, decision.c.event_id)
    within = _within(decision.c.decided_at, wanted)
    streams = [select(*keys).distinct().where(decision.c.reason == reason, *within) for reason in wanted.reasons]
    page = newest_first(connection, streams, keys, part)
    ids = [row.event_id for row in page.items]
    rows = {row.id: row for row in connection.execute(select(*_LISTED).where(is_among(connection, event.c.id, ids)))}
    return page.map(lambda row: rows[row.event_id])


_LISTED = [column for column in event.c if column is not event.c.payload]


def _given(table: Table, wanted: Wanted) -> list[ColumnElement[bool]]:
    outcome = [table.c.outcome == wanted.outcome] if wanted.outcome is not None else []
    return [*outcome, table.c.reason == wanted.reason] if wanted.reason is not None else outcome


def _within(moment: ColumnElement[Any], wanted: Wanted) -> list[ColumnElement[bool]]:
    since = [moment >= wanted.since] if wanted.since is not None else []
    return [*since, moment < wanted.until] if wanted.until is not None else since


# In words


def _decisions(
    connection: Connection, ids: Sequence[str], facts: Callable[[Any], Sequence[Piece]] = lambda _: ()
) -> dict[str, list[Decided]]:
    found: dict[str, list[Decided]] = {}
    names = survey_names(connection)
    rows = connection.execute(select(decision).where(is_among(connection, decision.c.event_id, ids)))
    for row in sorted(rows, key=lambda one: one.survey_id):
        found.setdefault(row.event_id, []).append(
            Decided(
                survey=names[row.survey_id],
                outcome=row.outcome,
                reason=row.reason,
                sentence=SENTENCES[Reason(row.reason)],
                decided_at=row.decided_at,
                due_at=row.due_at,
                eligible_again_at=row.eligible_again_at,
                invitation_id=row.invitation_id,
                facts=facts(row),
            )
        )
    return found


def _event(configuration: Configuration, row: Any, made: Sequence[Decided], payload: Any = None) -> SeenEvent:
    return SeenEvent(
        id=row.id,
        source=connection_name(configuration, row.source_id),
        message_id=row.message_id,
        type=row.type,
        person_id=row.person_id,
        arrived_at=row.arrived_at,
        timestamp=row.timestamp,
        outcome=row.outcome,
        reason=row.reason,
        sentence=SENTENCES[Reason(row.reason)] if row.reason else None,
        note=row.note,
        decisions=made,
        payload=payload,
    )


def readable(payload: bytes | None) -> Any:
    """Return a payload as JSON, or as the text that it is; None when it was erased."""
    if payload is None:
        return None
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload.decode(errors="replace")
