"""What became of the invitations that workers had in hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, insert, literal, select, update

from hub.domain.reasons import Reason, Stop
from hub.domain.states import State, sources_of
from hub.plugin import NotSent, Outcome, Rejected, Sent, Unknown
from hub.store.claims import Claimed
from hub.store.pauses import asked_s
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
_LEADS_TO = {Sent: State.SENT, NotSent: State.QUEUED, Rejected: State.REJECTED, Unknown: State.UNKNOWN}


def conclude(connection: Connection, concluded: Concluded, now: datetime) -> None:
    """Record an outcome. A claimant that lost its claim meanwhile changes nothing; the attempt is kept for people.

    Nothing is kept about an invitation that was erased meanwhile.
    """
    claimed, outcome = concluded.claimed, concluded.outcome
    values = _values_of(concluded, now)
    statement = update(table).where(
        table.c.id == claimed.id,
        table.c.claim == claimed.claim,
        table.c.state.in_(sorted(sources_of(_LEADS_TO[type(outcome)]) & _UNSETTLED)),
    )
    if values["state"] is State.QUEUED:
        statement = statement.where(~_another_open())
    changed = connection.execute(statement.values(**values, revision=table.c.revision + 1)).rowcount
    if not changed and values["state"] is State.QUEUED:
        _give_way(connection, claimed, now)
    if changed or connection.scalar(select(exists().where(table.c.id == claimed.id))):
        connection.execute(insert(attempt), [_attempt_row(claimed, outcome, now)])
    if changed and isinstance(outcome, Rejected) and outcome.no_mailbox:
        suppress(connection, claimed.mailbox, Stop.HARD_BOUNCED, now=now)


def _values_of(concluded: Concluded, now: datetime) -> dict[str, Any]:
    match concluded.outcome:
        case Sent(provider_id=provider_id):
            known = {"sent_at": first_known(now), "lease_until": None}
            return {"state": State.SENT, "provider_id": provider_id and storable(str(provider_id)), **known}
        case Rejected(why=why):
            return {"state": State.REJECTED, "note": note_of(why), "concluded_at": now, "lease_until": None}
        case Unknown(why=why):
            return {"state": State.UNKNOWN, "note": note_of(why), "lease_until": None, "sent_at": first_known(now)}
        case NotSent() as not_sent:
            return _retry_values(concluded, not_sent, now)


def first_known(moment: datetime) -> Any:
    """Return the moment as `sent_at` where none is known yet."""
    return func.coalesce(table.c.sent_at, literal(moment, Instant))


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
        other.c.state.in_([State.SCHEDULED, State.HELD, State.QUEUED, State.CLAIMED]),
    )


def _give_way(connection: Connection, claimed: Claimed, now: datetime) -> None:
    statement = update(table).where(
        table.c.id == claimed.id, table.c.claim == claimed.claim, table.c.state.in_([State.CLAIMED, State.SENDING])
    )
    values = {"state": State.CANCELLED, "reason": Reason.ALREADY_SCHEDULED, "concluded_at": now, "sent_at": None}
    connection.execute(statement.values(**values, lease_until=None, claim=None, revision=table.c.revision + 1))


def _attempt_row(claimed: Claimed, outcome: Outcome, now: datetime) -> dict[str, Any]:
    detail = outcome.detail if isinstance(outcome, Sent) else outcome.why
    names = {Sent: "sent", NotSent: "not_sent", Rejected: "rejected", Unknown: "unknown"}
    return {
        "id": new_id(),
        "invitation_id": claimed.id,
        "channel_id": claimed.channel_id,
        "at": now,
        "outcome": names[type(outcome)],
        "detail": note_of(detail),
    }
