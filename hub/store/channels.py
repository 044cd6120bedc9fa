"""The state of channels: paused or working."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from hub.store.sql import upsert
from hub.store.tables import channel_state as table

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
LONGEST_ASKED_S = 86_400.0
"""A provider that asks for more than a day is asked again after a day."""


def paused(connection: Connection, now: datetime) -> dict[str, tuple[datetime, str]]:
    """Return the channels that are left alone for now: until when, and why."""
    rows = connection.execute(select(table).where(table.c.paused_until > now))
    return {row.channel_id: (row.paused_until, row.why) for row in rows}


def pause(connection: Connection, channel_id: str, *, why: str, after_s: float | None, now: datetime) -> datetime:
    """Leave a channel alone, longer at each failure in a row; return until when."""
    before: int | None = connection.scalar(select(table.c.failures).where(table.c.channel_id == channel_id))
    failures = (before or 0) + 1
    backoff = min(FIRST_PAUSE * (1 << min(failures - 1, 10)), LONGEST_PAUSE)
    until = now + max(backoff, timedelta(seconds=min(after_s or 0, LONGEST_ASKED_S)))
    row = {"channel_id": channel_id, "paused_until": until, "why": why, "failures": failures}
    upsert(connection, table, [row], update=["paused_until", "why", "failures"])
    return until


def worked(connection: Connection, channel_ids: Collection[str]) -> None:
    """Forget the failures of channels that just sent something."""
    if channel_ids:
        condition = table.c.channel_id.in_(list(channel_ids)) & (table.c.failures > 0)
        connection.execute(table.update().where(condition).values(failures=0, paused_until=None, why=None))
