"""Invitations on their way: claims, the point of no return, outcomes, leases."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, literal, select, text, update

from hub.domain.identity import fingerprint
from hub.domain.reasons import Reason, Stop
from hub.domain.states import ANSWERABLE, State, sources_of
from hub.failpoints import failpoint
from hub.plugin import NotSent, Outcome, Rejected, Sent, Unknown
from hub.store.pauses import asked_s
from hub.store.sql import in_states, is_among, upsert
from hub.store.tables import attempt, suppression
from hub.store.tables import invitation as table
from hub.store.types import Instant, new_id, note_of, storable

CLAIM_LEASE = timedelta(seconds=90)
SENDING_LEASE = timedelta(seconds=110)
"""A channel's own time limits have to end well before this."""
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=2)
DUE = (State.SCHEDULED, State.QUEUED)
IN_HAND = (State.CLAIMED, State.SENDING)
_DEPARTED = sorted(ANSWERABLE)


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """An invitation that this worker has in hand, under its claim."""

    id: str
    survey_id: str
    person_id: str
    mailbox: str
    claim: str
    channel_id: str
    tried: tuple[str, ...]
    attempts: int


def due(connection: Connection, survey_id: str, now: datetime, limit: int) -> Sequence[Any]:
    """Return the invitations of a survey that may be claimed, earliest first. PostgreSQL skips what others hold."""
    statement = (
        select(table)
        .where(
            table.c.survey_id == survey_id,
            in_states(table.c.state, *DUE),
            table.c.next_attempt_at <= now,
        )
        .order_by(table.c.next_attempt_at, table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(statement).all()


def next_due_at(connection: Connection, survey_ids: Collection[str]) -> datetime | None:
    """Return when the next invitation of some surveys may be claimed."""
    moments = [
        connection.scalar(
            select(table.c.next_attempt_at)
            .where(table.c.survey_id == survey_id, in_states(table.c.state, *DUE))
            .order_by(table.c.next_attempt_at)
            .limit(1)
        )
        for survey_id in survey_ids
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def counts_by_state(connection: Connection) -> dict[tuple[str, str], int]:
    """Return how many invitations of each survey are in each state. Reads every row."""
    statement = select(table.c.survey_id, table.c.state, func.count().label("number"))
    rows = connection.execute(statement.group_by(table.c.survey_id, table.c.state))
    return {(row.survey_id, row.state): row.number for row in rows}


def claim(connection: Connection, claimed: Claimed, revision: int, now: datetime) -> bool:
    """Take an invitation in hand unless it changed since it was read."""
    statement = update(table).where(table.c.id == claimed.id, table.c.revision == revision)
    values = {
        "state": State.CLAIMED,
        "claim": claimed.claim,
        "channel_id": claimed.channel_id,
        "mailbox": claimed.mailbox,
        "lease_until": now + CLAIM_LEASE,
        "revision": revision + 1,
    }
    return connection.execute(statement.values(**values)).rowcount == 1


def cancel(connection: Connection, invitation_id: str, revision: int, reason: Reason, now: datetime) -> bool:
    """Cancel a waiting invitation unless it changed since it was read."""
    statement = update(table).where(table.c.id == invitation_id, table.c.revision == revision)
    values = {"state": State.CANCELLED, "reason": reason, "concluded_at": now, "revision": revision + 1}
    return connection.execute(statement.values(**values)).rowcount == 1


def postpone(connection: Connection, invitation_id: str, revision: int, until: datetime) -> None:
    """Look at an invitation again later, when every channel has another turn: none is free for it now."""
    statement = update(table).where(table.c.id == invitation_id, table.c.revision == revision)
    connection.execute(statement.values(next_attempt_at=until, tried=[], revision=revision + 1))


# The point of no return


def depart(
    connection: Connection, batch: Sequence[Claimed], intervals: Mapping[str, timedelta], now: datetime
) -> set[str]:
    """Move `claimed -> sending` where the claim still holds, the mailbox is not suppressed and the interval allows.

    Return the ids that may go. The interval is guarded by person and by mailbox under locks of the database, so
    that two workers never both find the way free. Refused invitations are cancelled with their reason.
    """
    _lock_guards(connection, batch)
    suppressed = _suppressed_among(connection, batch)
    gone: set[str] = set()
    for group in _without_rivals([one for one in batch if one.mailbox not in suppressed]):
        for survey_id in {one.survey_id for one in group}:
            members = [one for one in group if one.survey_id == survey_id]
            gone |= _depart(connection, members, intervals.get(survey_id, timedelta(0)), now)
    refused = [one for one in batch if one.id not in gone]
    for one in refused:
        reason = Reason.SUPPRESSED if one.mailbox in suppressed else Reason.THROTTLED
        _cancel_refused(connection, one, reason, now)
    return gone


def _suppressed_among(connection: Connection, batch: Sequence[Claimed]) -> set[str]:
    """Return the mailboxes that must not be mailed; those of erased people are known by their fingerprints alone."""
    mailboxes = {fingerprint("mailbox", one.mailbox): one.mailbox for one in batch}
    keys = connection.scalars(select(suppression.c.key).where(is_among(connection, suppression.c.key, mailboxes)))
    return {mailboxes[key] for key in keys}


def _lock_guards(connection: Connection, batch: Sequence[Claimed]) -> None:
    if connection.dialect.name != "postgresql":
        return
    keys = sorted(
        {key for one in batch for key in (f"{one.survey_id}/{one.person_id}", f"{one.survey_id}/{one.mailbox}")}
    )
    lock = text(
        "SELECT count(pg_advisory_xact_lock(key)) FROM (SELECT DISTINCT hashtextextended(name, 1) AS key "
        "FROM unnest(CAST(:names AS text[])) AS name ORDER BY 1) AS keys"
    )
    connection.execute(lock, {"names": keys})


def _without_rivals(batch: Sequence[Claimed]) -> list[list[Claimed]]:
    """Split a batch so that no group holds two invitations of a survey to one person or mailbox."""
    groups: list[tuple[list[Claimed], set[tuple[str, str]]]] = []
    for one in batch:
        guards = {(one.survey_id, one.person_id), (one.survey_id, one.mailbox)}
        for members, taken in groups:
            if not guards & taken:
                members.append(one)
                taken |= guards
                break
        else:
            groups.append(([one], guards))
    return [members for members, _ in groups]


def _depart(connection: Connection, members: Sequence[Claimed], interval: timedelta, now: datetime) -> set[str]:
    conditions = [
        is_among(connection, table.c.id, [one.id for one in members]),
        is_among(connection, table.c.claim, {one.claim for one in members}),
        table.c.state == State.CLAIMED,
    ]
    if interval:
        conditions += [~rival for rival in _rivals(now - interval)]
    statement = update(table).where(*conditions)
    values = {
        "state": State.SENDING,
        "sent_at": now,
        "lease_until": now + SENDING_LEASE,
        "revision": table.c.revision + 1,
    }
    return set(connection.scalars(statement.values(**values).returning(table.c.id)))


def _rivals(since: datetime) -> list[ColumnElement[bool]]:
    """Return the conditions that another invitation of the survey left for the same person or mailbox since then."""
    other = table.alias("other")
    left = and_(
        other.c.survey_id == table.c.survey_id,
        other.c.id != table.c.id,
        other.c.state.in_(_DEPARTED),
        other.c.sent_at > since,
    )
    bounced_elsewhere = and_(other.c.state == State.BOUNCED, other.c.mailbox != table.c.mailbox)
    same_person = and_(other.c.person_id == table.c.person_id, ~bounced_elsewhere)
    return [exists().where(left, same_person), exists().where(left, other.c.mailbox == table.c.mailbox)]


def _cancel_refused(connection: Connection, one: Claimed, reason: Reason, now: datetime) -> None:
    statement = update(table).where(table.c.id == one.id, table.c.claim == one.claim, table.c.state == State.CLAIMED)
    values = {"state": State.CANCELLED, "reason": reason, "concluded_at": now, "lease_until": None, "claim": None}
    connection.execute(statement.values(**values, revision=table.c.revision + 1))


# Outcomes


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
            known = {"sent_at": _first_known(now), "lease_until": None}
            return {"state": State.SENT, "provider_id": provider_id and storable(str(provider_id)), **known}
        case Rejected(why=why):
            return {"state": State.REJECTED, "note": note_of(why), "concluded_at": now, "lease_until": None}
        case Unknown(why=why):
            return {"state": State.UNKNOWN, "note": note_of(why), "lease_until": None, "sent_at": _first_known(now)}
        case NotSent() as not_sent:
            return _retry_values(concluded, not_sent, now)


def _first_known(moment: datetime) -> Any:
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


def release(connection: Connection, claimed: Collection[Claimed], *, tried: bool) -> None:
    """Put back what was claimed and never departed; with `tried`, another channel is next."""
    for one in claimed:
        statement = update(table).where(
            table.c.id == one.id, table.c.claim == one.claim, table.c.state == State.CLAIMED
        )
        values: dict[str, Any] = {"state": State.QUEUED, "claim": None, "lease_until": None}
        if tried:
            values["tried"] = [*one.tried, one.channel_id]
        connection.execute(statement.values(**values, revision=table.c.revision + 1))


def expire_leases(connection: Connection, now: datetime) -> tuple[int, int]:
    """Return how many invitations were put back and how many became unknown because their worker is gone."""
    taken = _take_back(connection, table.c.lease_until < now)
    failpoint("sweep.before_commit")
    return taken


def give_up(connection: Connection, claims: Collection[str]) -> tuple[int, int]:
    """Return how many invitations were put back and how many became unknown because their worker ends now."""
    return _take_back(connection, table.c.claim.in_(claims))


def _take_back(connection: Connection, which: ColumnElement[bool]) -> tuple[int, int]:
    """What never departed is certain not to have left; what departed nobody can know about."""
    in_hand = and_(which, in_states(table.c.state, *IN_HAND))
    back = update(table).where(in_hand, table.c.state == State.CLAIMED)
    values = {"claim": None, "lease_until": None, "revision": table.c.revision + 1}
    requeued = connection.execute(back.values(state=State.QUEUED, **values)).rowcount
    lost = update(table).where(in_hand, table.c.state == State.SENDING)
    note = "the worker ended before the outcome was known"
    unknown = connection.execute(
        lost.values(state=State.UNKNOWN, lease_until=None, revision=table.c.revision + 1, note=note)
    ).rowcount
    return requeued, unknown


def end_leases(connection: Connection, claim: str, now: datetime) -> None:
    """Have the leases of a claim run out now: the process that had it is known to be gone."""
    mine = (table.c.claim == claim, in_states(table.c.state, *IN_HAND), table.c.lease_until > now)
    connection.execute(update(table).where(*mine).values(lease_until=now))


def has_expired_leases(connection: Connection, now: datetime) -> bool:
    """Return whether any worker left something in hand."""
    return bool(
        connection.scalar(select(exists().where(table.c.lease_until < now, in_states(table.c.state, *IN_HAND))))
    )


# Reports


def note_report(
    connection: Connection, invitation_id: str, channel_id: str, what: str, *, at: datetime, detail: str
) -> bool:
    """Keep what a provider reported for people; return False when it was known already."""
    same = (
        attempt.c.invitation_id == invitation_id,
        attempt.c.channel_id == channel_id,
        attempt.c.outcome == what,
        attempt.c.at == at,
    )
    if connection.scalar(select(exists().where(*same))):
        return False
    row = {"id": new_id(), "invitation_id": invitation_id, "channel_id": channel_id, "at": at, "outcome": what}
    connection.execute(insert(attempt), [{**row, "detail": note_of(detail)}])
    return True


def settle(
    connection: Connection, invitation_id: str, state: State, *, at: datetime, now: datetime, note: str = ""
) -> bool:
    """Move an invitation to what a report or a person says of it, from wherever that may be; return whether it moved.

    The mail counts as sent at `at` unless a time is known already; one that was never sent has none.
    """
    statement = update(table).where(table.c.id == invitation_id, table.c.state.in_(sorted(sources_of(state))))
    values: dict[str, Any] = {"state": state, "lease_until": None, "revision": table.c.revision + 1}
    if state is State.REJECTED:
        values |= {"sent_at": None, "concluded_at": now}
    else:
        values["sent_at"] = _first_known(at)
    if note and state is not State.SENT:
        values["note"] = note_of(note)
    return connection.execute(statement.values(**values)).rowcount == 1


def suppress(connection: Connection, mailbox: str, reason: Stop, *, now: datetime, note: str | None = None) -> None:
    """Never mail a mailbox again."""
    row = {"key": fingerprint("mailbox", mailbox), "subject": "mailbox", "mailbox": mailbox, "reason": reason}
    upsert(connection, suppression, [{**row, "created_at": now, "note": note}])


def is_suppressed(connection: Connection, mailbox: str) -> bool:
    """Return whether a mailbox is never mailed."""
    key = fingerprint("mailbox", mailbox)
    return bool(connection.scalar(select(exists().where(suppression.c.key == key))))
