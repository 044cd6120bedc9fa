"""Heartbeats of processes that leave no other sign of life."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select

from hub.store.sql import upsert
from hub.store.tables import process

FORGET_AFTER = timedelta(days=1)


def beat(
    connection: Connection, *, process_id: str, role: str, host: str, pid: int, started_at: datetime, now: datetime
) -> None:
    """Say that a process is alive."""
    row = {"id": process_id, "role": role, "host": host, "pid": pid, "started_at": started_at, "seen_at": now}
    upsert(connection, process, [row], update=["seen_at"])
    connection.execute(delete(process).where(process.c.seen_at < now - FORGET_AFTER))


def last_seen(connection: Connection, role: str) -> datetime | None:
    """Return when any process of a role was last seen."""
    statement = select(process.c.seen_at).where(process.c.role == role).order_by(process.c.seen_at.desc()).limit(1)
    return connection.scalar(statement)


def of_role(connection: Connection, role: str) -> Sequence[Any]:
    """Return the heartbeats of the processes of a role, the newest first; those of the last day at most."""
    return connection.execute(select(process).where(process.c.role == role).order_by(process.c.seen_at.desc())).all()
