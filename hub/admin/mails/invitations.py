"""Invitations: seen, held, released, cancelled, sent now, and settled when nobody can know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, select, update

from hub.admin import audit
from hub.admin.mails.departure_times import leaves, rules_by_survey, timezones
from hub.admin.names import connection_name, survey_named, survey_names
from hub.admin.paging import Page, Slice, newest_first, soonest_first
from hub.admin.responses.responses import survey_ids
from hub.admin.trouble import Conflict, NotThere
from hub.domain.reasons import SENTENCES, Reason
from hub.domain.states import IN_HAND, MOVABLE, State
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store.sql import in_states
from hub.store.tables import attempt
from hub.store.tables import invitation as table
from hub.store.types import is_storable

Values = Mapping[str, Any]


class Action(StrEnum):
    """What a person can do with an invitation."""

    HOLD = "hold"
    RELEASE = "release"
    CANCEL = "cancel"
    SEND_NOW = "send-now"
    ARRIVED = "arrived"
    NEVER_LEFT = "never-left"


FROM: Mapping[Action, frozenset[State]] = {
    Action.HOLD: frozenset({State.SCHEDULED}),
    Action.RELEASE: frozenset({State.HELD}),
    Action.CANCEL: MOVABLE,
    Action.SEND_NOW: MOVABLE,
    Action.ARRIVED: frozenset({State.UNKNOWN}),
    Action.NEVER_LEFT: frozenset({State.UNKNOWN}),
}
"""In which states an action is possible."""
LEAVES_BY_ITSELF = in_states(table.c.state, State.SCHEDULED, State.QUEUED)
"""As the index of what is due has it."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One time that a channel had the mail."""

    at: datetime
    channel: str
    outcome: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class SeenInvitation:
    """An invitation as it stands; `revision` changes with everything that happens to it.

    `next_attempt_at` keeps to the survey's send window. `reminder_of` is the invitation that a reminder is about.
    """

    id: str
    survey: str
    person_id: str
    email: str
    state: State
    reason: str | None
    sentence: str | None
    revision: int
    due_at: datetime
    scheduled_at: datetime
    next_attempt_at: datetime
    attempts: int
    channel: str | None
    sent_at: datetime | None
    concluded_at: datetime | None
    reminder_of: str | None = None
    reminder_number: int = 0
    history: Sequence[Attempt] = ()


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which invitations; None is any."""

    survey: str | None = None
    person: str | None = None
    state: State | None = None


def invitations(hub: Hub, wanted: Wanted, part: Slice) -> Page[SeenInvitation]:
    """Return invitations, the newest first. Raises NotThere for an unknown survey."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        page = newest_first(connection, _streams(connection, configuration, wanted), (table.c.id,), part)
        see = _Seer(connection, configuration, page.items)
    return page.map(see)


def next_to_leave(hub: Hub, part: Slice, *, survey: str | None = None) -> Page[SeenInvitation]:
    """Return what leaves by itself, the soonest first. Raises NotThere for an unknown survey."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        ids = survey_ids(connection, configuration, survey)
        streams = [select(table).where(table.c.survey_id == id, LEAVES_BY_ITSELF) for id in ids]
        page = soonest_first(connection, streams, (table.c.next_attempt_at, table.c.id), part)
        see = _Seer(connection, configuration, page.items)
    return page.map(see)


def invitation_of(hub: Hub, invitation_id: str) -> SeenInvitation:
    """Return one invitation with its attempts. Raises NotThere."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        row = _row(connection, invitation_id)
        tries = connection.execute(
            select(attempt).where(attempt.c.invitation_id == invitation_id).order_by(attempt.c.at, attempt.c.id)
        ).all()
        see = _Seer(connection, configuration, [row])
    return see(row, [_attempt(configuration, one) for one in tries])


def act(hub: Hub, invitation_id: str, action: Action, *, revision: int | None = None) -> SeenInvitation:
    """Do something with an invitation and return it as it then stands.

    Raises NotThere, and Conflict when its state does not allow it or it is no longer at `revision`.
    """

    def work(connection: Connection) -> None:
        row = _row(connection, invitation_id, lock=True)
        _check(row, action, revision)
        values = _CHANGES[action](row, hub.now())
        statement = update(table).where(table.c.id == row.id, table.c.revision == row.revision)
        if connection.execute(statement.values(**values, revision=row.revision + 1)).rowcount != 1:
            raise Conflict("The invitation changed in this very moment; look at it again")
        audit.note(hub, connection, audit.Action(f"invitation.{action}"), invitation_id, before=row.state)

    hub.store.transact(work)
    return invitation_of(hub, invitation_id)


def cause_of(invitation: Any) -> str | None:
    """Return in words why an invitation stands where it does; who cancelled it may have left a note."""
    note: str | None = invitation.note
    if invitation.reason == "surge":
        return "Far more than usual fall due within the hour."
    if invitation.reason in set(Reason) and not (invitation.reason == Reason.CANCELLED and note):
        return SENTENCES[Reason(invitation.reason)]
    return note


def released(now: datetime) -> dict[str, Any]:
    """Return what releasing changes: due now, and no longer late. It is checked again before it leaves."""
    return {"state": State.SCHEDULED, "reason": None, "due_at": now, "next_attempt_at": now, "late_from": now}


def cancelled(now: datetime) -> dict[str, Any]:
    """Return what cancelling changes."""
    return {"state": State.CANCELLED, "reason": Reason.CANCELLED, "note": None, "concluded_at": now}


def _held(_row: Any, _now: datetime) -> Values:
    return {"state": State.HELD, "reason": None, "note": "A person holds it."}


def _sent_now(row: Any, now: datetime) -> Values:
    state = State.QUEUED if row.state == State.QUEUED else State.SCHEDULED
    return {**released(now), "state": state, "tried": [], "at_once": True}


def _arrived(row: Any, now: datetime) -> Values:
    return {"state": State.SENT, "sent_at": row.sent_at or now, "note": "A person said that it arrived."}


def _never_left(_row: Any, now: datetime) -> Values:
    return {**cancelled(now), "sent_at": None, "note": "A person said that it never left."}


_CHANGES: Mapping[Action, Callable[[Any, datetime], Values]] = {
    Action.HOLD: _held,
    Action.RELEASE: lambda _row, now: released(now),
    Action.CANCEL: lambda _row, now: cancelled(now),
    Action.SEND_NOW: _sent_now,
    Action.ARRIVED: _arrived,
    Action.NEVER_LEFT: _never_left,
}


def _check(row: Any, action: Action, revision: int | None) -> None:
    if revision is not None and row.revision != revision:
        raise Conflict(f"The invitation changed since revision {revision}: it is {row.state} now")
    if row.state in FROM[action]:
        return
    if row.state in IN_HAND:
        raise Conflict(f"The invitation is {row.state}: a worker has it in hand right now; wait for the outcome")
    possible = " or ".join(sorted(FROM[action]))
    raise Conflict(f"The invitation is {row.state}; {action} is possible while one is {possible}")


def _row(connection: Connection, invitation_id: str, *, lock: bool = False) -> Any:
    missing = NotThere(f"There is no invitation {invitation_id}")
    if not is_storable(invitation_id):
        raise missing
    statement = select(table).where(table.c.id == invitation_id)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    if row is None:
        raise missing
    return row


def _streams(connection: Connection, configuration: Configuration, wanted: Wanted) -> list[Select[Any]]:
    """Return a stream a survey and state, which an index gives in order; all there are is the order of the table."""
    if wanted.person is not None:
        surveys = [table.c.survey_id == survey_named(configuration, wanted.survey).id] if wanted.survey else []
        states = [table.c.state == wanted.state] if wanted.state is not None else []
        return [select(table).where(table.c.person_id == wanted.person, *surveys, *states)]
    if wanted.survey is None and wanted.state is None:
        return [select(table)]
    chosen = list(State) if wanted.state is None else [wanted.state]
    ids = survey_ids(connection, configuration, wanted.survey)
    return [select(table).where(table.c.survey_id == id, table.c.state == state) for id in ids for state in chosen]


class _Seer:
    """Shows rows of one page, with what is known about their surveys and people."""

    def __init__(self, connection: Connection, configuration: Configuration, rows: Sequence[Any]) -> None:
        self._configuration = configuration
        self._names = survey_names(connection)
        self._rules = rules_by_survey(configuration)
        self._timezones = timezones(connection, self._rules, rows)

    def __call__(self, row: Any, history: Sequence[Attempt] = ()) -> SeenInvitation:
        leave = leaves(self._rules.get(row.survey_id), row, self._timezones.get(row.person_id))
        return SeenInvitation(
            id=row.id,
            survey=self._names[row.survey_id],
            person_id=row.person_id,
            email=row.mailbox,
            state=State(row.state),
            reason=row.reason,
            sentence=leave.sentence or cause_of(row),
            revision=row.revision,
            due_at=row.due_at,
            scheduled_at=row.scheduled_at,
            next_attempt_at=leave.at,
            attempts=row.attempts,
            channel=connection_name(self._configuration, row.channel_id) if row.channel_id else None,
            sent_at=row.sent_at,
            concluded_at=row.concluded_at,
            reminder_of=row.reminder_of,
            reminder_number=row.reminder_number,
            history=history,
        )


def _attempt(configuration: Configuration, row: Any) -> Attempt:
    return Attempt(
        at=row.at, channel=connection_name(configuration, row.channel_id), outcome=row.outcome, detail=row.detail
    )
