"""What became of the invitations that workers had in hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Text, Update, bindparam, exists, func, insert, select, update

from hub.domain.reasons import Reason, Stop
from hub.domain.states import State, sources_of
from hub.plugin import NotSent, Outcome, Rejected, Sent, Unknown
from hub.store.claims import Claimed
from hub.store.given import as_given, given
from hub.store.pauses import asked_s
from hub.store.sql import in_states
from hub.store.suppressions import suppress
from hub.store.tables import attempt
from hub.store.tables import invitation as table
from hub.store.types import Instant, new_id, note_of, storable

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=2)


@dataclass(frozen=True, kw_only=True)
class Concluded:
    """What became of a claimed invitation."""

    claimed: Claimed
    outcome: Outcome
    channels: Sequence[str]
    """The survey's channels: after a channel's fault the next one that was not tried takes over."""


_UNSETTLED = frozenset({State.CLAIMED, State.SENDING, State.UNKNOWN})
"""What a claimant may still conclude; anything else was settled by an answer, a report or a person meanwhile."""
_SETTLED = {Sent: State.SENT, Rejected: State.REJECTED, Unknown: State.UNKNOWN}
_NAMES = {Sent: "sent", NotSent: "not_sent", Rejected: "rejected", Unknown: "unknown"}


def conclude(connection: Connection, batch: Sequence[Concluded], now: datetime) -> list[Concluded]:
    """Record outcomes; return those by which a mailbox is known not to exist.

    A claimant that lost its claim meanwhile changes nothing; the attempt is kept for people. Nothing is kept about an
    invitation that was erased meanwhile.
    """
    bounced: list[Concluded] = []
    for kind, state in _SETTLED.items():
        bounced += _settle(connection, [one for one in batch if isinstance(one.outcome, kind)], state, now)
    for one in batch:
        if isinstance(one.outcome, NotSent):
            _put_back(connection, one, one.outcome, now)
    _keep_attempts(connection, batch, now)
    return bounced


def _settle(connection: Connection, members: Sequence[Concluded], state: State, now: datetime) -> list[Concluded]:
    if not members:
        return []
    rows = [(one.claimed.id, one.claimed.claim, _told(one.outcome)) for one in members]
    values = {**as_given(rows), "now": now}
    settled = set(connection.scalars(_settling(connection.dialect.name, state), values))
    bounced = [
        one
        for one in members
        if isinstance(one.outcome, Rejected) and one.outcome.no_mailbox and one.claimed.id in settled
    ]
    for one in bounced:
        suppress(connection, one.claimed.mailbox, Stop.HARD_BOUNCED, now=now)
    return bounced


def _told(outcome: Outcome) -> str | None:
    """Return what an invitation keeps of its outcome: the provider's id of the mail, or why it has none."""
    if isinstance(outcome, Sent):
        return outcome.provider_id and storable(str(outcome.provider_id))
    return note_of(outcome.why)


@cache
def _settling(dialect: str, state: State) -> Update:
    rows = given(dialect, id=Text, claim=Text, told=Text)
    now = bindparam("now", type_=Instant())
    mine = (table.c.id == rows.c.id, table.c.claim == rows.c.claim, _may_become(state))
    told = "provider_id" if state is State.SENT else "note"
    when = {"concluded_at": now} if state is State.REJECTED else {"sent_at": first_known(now)}
    values = {"state": state, told: rows.c.told, **when, "lease_until": None, "revision": table.c.revision + 1}
    return update(table).where(*mine).values(**values).returning(table.c.id)


def _may_become(state: State) -> ColumnElement[bool]:
    return in_states(table.c.state, *sorted(sources_of(state) & _UNSETTLED))


def first_known(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the moment as `sent_at` where none is known yet."""
    return func.coalesce(table.c.sent_at, moment)


def _put_back(connection: Connection, concluded: Concluded, outcome: NotSent, now: datetime) -> None:
    claimed = concluded.claimed
    mine = (table.c.id == claimed.id, table.c.claim == claimed.claim, _may_become(State.QUEUED))
    statement = update(table).where(*mine, ~_another_open())
    values = _retry_values(concluded, outcome, now)
    if not connection.execute(statement.values(**values, revision=table.c.revision + 1)).rowcount:
        _give_way(connection, claimed, now)


def _retry_values(concluded: Concluded, outcome: NotSent, now: datetime) -> dict[str, Any]:
    claimed = concluded.claimed
    is_channel_fault = outcome.channel_fault or outcome.pause
    tried = [*claimed.tried, claimed.channel_id] if is_channel_fault else list(claimed.tried)
    has_next = is_channel_fault and any(channel not in tried for channel in concluded.channels)
    delay = min(FIRST_RETRY * 2 ** min(claimed.attempts, 10), LONGEST_RETRY)
    delay = max(delay, timedelta(seconds=asked_s(outcome.retry_after_s)))
    return {
        "state": State.QUEUED,
        "note": note_of(outcome.why),
        "tried": tried if has_next else [],
        "attempts": claimed.attempts + 1,
        "next_attempt_at": now if has_next else now + delay,
        "sent_at": None,
        "claim": None,
        "lease_until": None,
    }


def _another_open() -> ColumnElement[bool]:
    other = table.alias("other")
    return exists().where(
        other.c.survey_id == table.c.survey_id,
        other.c.person_id == table.c.person_id,
        other.c.id != table.c.id,
        in_states(other.c.state, State.SCHEDULED, State.HELD, State.QUEUED, State.CLAIMED),
    )


def _give_way(connection: Connection, claimed: Claimed, now: datetime) -> None:
    statement = update(table).where(
        table.c.id == claimed.id, table.c.claim == claimed.claim, table.c.state.in_([State.CLAIMED, State.SENDING])
    )
    values = {"state": State.CANCELLED, "reason": Reason.ALREADY_SCHEDULED, "concluded_at": now, "sent_at": None}
    connection.execute(statement.values(**values, lease_until=None, claim=None, revision=table.c.revision + 1))


def _keep_attempts(connection: Connection, batch: Iterable[Concluded], now: datetime) -> None:
    rows = [
        (new_id(), one.claimed.id, one.claimed.channel_id, _NAMES[type(one.outcome)], _detail(one.outcome))
        for one in batch
    ]
    if rows:
        connection.execute(_keeping_attempts(connection.dialect.name), {**as_given(rows), "now": now})


def _detail(outcome: Outcome) -> str:
    return note_of(outcome.detail if isinstance(outcome, Sent) else outcome.why)


@cache
def _keeping_attempts(dialect: str) -> Insert:
    rows = given(dialect, id=Text, invitation_id=Text, channel_id=Text, outcome=Text, detail=Text)
    known = select(*rows.c, bindparam("now", type_=Instant())).where(rows.c.invitation_id == table.c.id)
    return insert(attempt).from_select([*rows.c.keys(), "at"], known)
