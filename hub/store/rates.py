"""The buckets of channels with a rate, shared by all workers on all machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, update

from hub.domain.rates import Bucket, Rate, full
from hub.store.engine import Stale
from hub.store.sql import insert_missing
from hub.store.tables import connection_state as table


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A bucket as it is now, and as it was stored when it was looked at."""

    now: Bucket
    stored: Bucket | None = None


def look(connection: Connection, limits: Mapping[str, Rate], now: datetime) -> dict[str, Seen]:
    """Return the buckets of channels as they are now."""
    return _seen(connection, _statement(limits), limits, now)


def look_to_take(connection: Connection, limits: Mapping[str, Rate], now: datetime) -> dict[str, Seen]:
    """Return the buckets of channels, to take something out of them.

    PostgreSQL locks them until the transaction ends; on SQLite `take` finds out when somebody else was faster.
    """
    return _seen(connection, _statement(limits).with_for_update(), limits, now)


def _statement(limits: Mapping[str, Rate]) -> Select[Any]:
    found = select(table).where(table.c.connection_id.in_(sorted(limits)), table.c.tokens.is_not(None))
    return found.order_by(table.c.connection_id)


def _seen(connection: Connection, statement: Select[Any], limits: Mapping[str, Rate], now: datetime) -> dict[str, Seen]:
    rows = connection.execute(statement) if limits else ()
    stored = {row.connection_id: Bucket(tokens=row.tokens, refilled_at=row.refilled_at) for row in rows}
    return {
        channel_id: Seen(now=stored[channel_id].at(now, rate), stored=stored[channel_id])
        if channel_id in stored
        else Seen(now=full(rate, now))
        for channel_id, rate in limits.items()
    }


def take(connection: Connection, channel_id: str, seen: Seen, count: int) -> None:
    """Take tokens out of a bucket. Raises Stale when another worker took some since it was looked at."""
    insert_missing(connection, table, {"connection_id": channel_id})
    tokens, refilled_at = (seen.stored.tokens, seen.stored.refilled_at) if seen.stored else (None, None)
    statement = update(table).where(
        table.c.connection_id == channel_id,
        table.c.tokens.is_not_distinct_from(tokens),
        table.c.refilled_at.is_not_distinct_from(refilled_at),
    )
    values = {"tokens": seen.now.tokens - count, "refilled_at": seen.now.refilled_at}
    if connection.execute(statement.values(**values)).rowcount != 1:
        raise Stale
