"""Sessions: how long they last, and their end."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, select

from hub.store.keys import hash_key
from hub.store.tables import session as table

IDLE = timedelta(hours=24)
"""A session that nobody uses so long has ended."""
LONGEST = timedelta(days=30)
"""After so long everybody logs in again."""


def is_over(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a session has ended by itself."""
    return or_(table.c.expires_at <= now, table.c.seen_at <= now - IDLE)


def end_all(connection: Connection, account_id: str, *, keep: str | None = None) -> int:
    """End the sessions of an account, but for the one with the secret `keep`; return how many."""
    kept = [] if keep is None else [table.c.key_hash != hash_key(keep)]
    return connection.execute(delete(table).where(table.c.account_id == account_id, *kept)).rowcount


def is_any_over(connection: Connection, now: datetime) -> bool:
    """Return whether any session has ended by itself and is still there."""
    return bool(connection.scalar(select(exists().where(is_over(now)))))


def sweep(connection: Connection, now: datetime) -> int:
    """Delete the sessions that have ended by themselves; return how many."""
    return connection.execute(delete(table).where(is_over(now))).rowcount
