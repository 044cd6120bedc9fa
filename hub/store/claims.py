"""Invitations that fall due, and those that a worker takes in hand under a claim."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Text, Update, bindparam, func, select, update

from hub.domain.reasons import Reason
from hub.domain.states import State
from hub.store.given import as_given, given
from hub.store.leases import CLAIM_LEASE
from hub.store.sql import in_states, is_also
from hub.store.tables import invitation as table
from hub.store.tables import survey_connection
from hub.store.types import Instant

DUE = (State.SCHEDULED, State.QUEUED)
_DUE_COLUMNS = [
    table.c[name] for name in ("id", "survey_id", "person_id", "due_at", "tried", "attempts", "revision", "reminder_of")
]


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """An invitation that this worker has in hand, under its claim."""

    id: str
    survey_id: str
    person_id: str
    mailbox: str
    claim: str
    """The worker's own name, a dot and a number: no two batches are claimed under one."""
    channel_id: str
    tried: tuple[str, ...]
    attempts: int
    revision: int
    """Of the row before it was claimed."""
    texts_version: int | None = None
    """Of what the person is to see, and in which language."""
    language: str = "en"
    reminder_of: str | None = None
    """The invitation that it reminds of."""


def due(connection: Connection, survey_id: str, now: datetime, limit: int) -> Sequence[Any]:
    """Return the invitations of a survey that may be claimed, earliest first. PostgreSQL skips what others hold."""
    statement = (
        select(*_DUE_COLUMNS)
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


def claim(connection: Connection, batch: Iterable[Claimed], now: datetime) -> set[str]:
    """Take invitations in hand; return the ids of those that did not change since they were read."""
    rows = [
        (one.id, one.revision, one.claim, one.channel_id, one.mailbox, one.texts_version, one.language) for one in batch
    ]
    if not rows:
        return set()
    values = {**as_given(rows), "lease": now + CLAIM_LEASE}
    return set(connection.scalars(_claiming(connection.dialect.name), values))


@cache
def _claiming(dialect: str) -> Update:
    columns = {"claim": Text, "channel_id": Text, "mailbox": Text, "texts_version": Integer, "language": Text}
    rows = given(dialect, id=Text, revision=Integer, **columns)
    values = {
        "state": State.CLAIMED,
        **{name: rows.c[name] for name in columns},
        "lease_until": bindparam("lease", type_=Instant()),
        "revision": rows.c.revision + 1,
    }
    unchanged = (table.c.id == rows.c.id, table.c.revision == rows.c.revision)
    return update(table).where(*unchanged).values(**values).returning(table.c.id)


def cancel(connection: Connection, refused: Iterable[tuple[Any, Reason]], now: datetime) -> None:
    """Cancel waiting invitations, each for its reason, unless they changed since they were read."""
    rows = [(row.id, row.revision, reason) for row, reason in refused]
    if rows:
        connection.execute(_cancelling(connection.dialect.name), {**as_given(rows), "now": now})


@cache
def _cancelling(dialect: str) -> Update:
    rows = given(dialect, id=Text, revision=Integer, reason=Text)
    values = {
        "state": State.CANCELLED,
        "reason": rows.c.reason,
        "concluded_at": bindparam("now", type_=Instant()),
        "revision": rows.c.revision + 1,
    }
    return update(table).where(table.c.id == rows.c.id, table.c.revision == rows.c.revision).values(**values)


def postpone(connection: Connection, waiting: Iterable[Any], until: datetime) -> None:
    """Look at invitations again later, when every channel has another turn: none is free, or it is too early."""
    rows = [(row.id, row.revision) for row in waiting]
    if rows:
        connection.execute(_postponing(connection.dialect.name), {**as_given(rows), "until": until})


@cache
def _postponing(dialect: str) -> Update:
    rows = given(dialect, id=Text, revision=Integer)
    values = {
        "next_attempt_at": bindparam("until", type_=Instant()),
        "tried": [],
        "revision": rows.c.revision + 1,
    }
    return update(table).where(table.c.id == rows.c.id, table.c.revision == rows.c.revision).values(**values)


def look_again(connection: Connection, survey_id: str) -> None:
    """Look at everything of a survey that is due anew: what it waited for is no longer what it was."""
    _look_again(connection, table.c.survey_id == survey_id)


def look_again_for_channel(connection: Connection, channel_id: str) -> None:
    """Look at everything that is due anew of the surveys that send by a channel, as their first or as another one."""
    senders = select(survey_connection.c.survey_id).where(survey_connection.c.connection_id == channel_id)
    _look_again(connection, table.c.survey_id.in_(senders))


def _look_again(connection: Connection, whose: ColumnElement[bool]) -> None:
    waiting = (whose, in_states(table.c.state, *DUE), table.c.next_attempt_at > table.c.due_at)
    values = {"next_attempt_at": table.c.due_at, "revision": table.c.revision + 1}
    connection.execute(update(table).where(*waiting).values(**values))


def release(connection: Connection, claimed: Iterable[Claimed], *, tried: bool) -> None:
    """Put back what was claimed and never departed; with `tried`, another channel is next."""
    rows = [(one.id, one.claim, json.dumps([*one.tried, one.channel_id] if tried else one.tried)) for one in claimed]
    if rows:
        connection.execute(_releasing(connection.dialect.name), as_given(rows))


@cache
def _releasing(dialect: str) -> Update:
    rows = given(dialect, id=Text, claim=Text, tried=Text)
    mine = (table.c.id == rows.c.id, table.c.claim == rows.c.claim, is_also(table.c.state, State.CLAIMED))
    values = {
        "state": State.QUEUED,
        "claim": None,
        "lease_until": None,
        "tried": rows.c.tried,
        "revision": table.c.revision + 1,
    }
    return update(table).where(*mine).values(**values)
