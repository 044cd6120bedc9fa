"""Invitations that fall due, and those that a worker takes in hand under a claim."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from hub.domain.reasons import Reason
from hub.domain.states import State
from hub.store.leases import CLAIM_LEASE
from hub.store.sql import in_states
from hub.store.tables import invitation as table

DUE = (State.SCHEDULED, State.QUEUED)


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
