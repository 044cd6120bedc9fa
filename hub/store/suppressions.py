"""Who is never mailed again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, exists, select

from hub.domain.identity import fingerprint
from hub.domain.reasons import Stop
from hub.store.sql import is_among, upsert
from hub.store.tables import suppression


def suppress(connection: Connection, mailbox: str, reason: Stop, *, now: datetime) -> None:
    """Never mail a mailbox again."""
    row = {"key": fingerprint("mailbox", mailbox), "subject": "mailbox", "mailbox": mailbox, "reason": reason}
    upsert(connection, suppression, [{**row, "created_at": now, "note": None}])


def is_suppressed(connection: Connection, mailbox: str) -> bool:
    """Return whether a mailbox is never mailed."""
    key = fingerprint("mailbox", mailbox)
    return bool(connection.scalar(select(exists().where(suppression.c.key == key))))


def suppressed_among(connection: Connection, mailboxes: Collection[str]) -> set[str]:
    """Return those mailboxes that are never mailed; of erased people only the fingerprints are known."""
    by_key = {fingerprint("mailbox", mailbox): mailbox for mailbox in mailboxes}
    keys = connection.scalars(select(suppression.c.key).where(is_among(connection, suppression.c.key, by_key)))
    return {by_key[key] for key in keys}
