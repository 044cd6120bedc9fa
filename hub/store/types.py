"""Column types that mean the same on SQLite and PostgreSQL, and the ids of rows."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from hub.logs import masked

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_NOTE = 500
"""Characters."""
_SCANNED_NOTE = 20_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment, aware and in UTC: timestamptz on PostgreSQL, microseconds since 1970 on SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the dialect's own type."""
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return what the database stores."""
        if value is None or dialect.name == "postgresql":
            return value
        return (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the moment."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return EPOCH + timedelta(microseconds=value)


class Json(TypeDecorator[Any]):
    """A JSON value as ASCII text: every character JSON can name survives, NUL and lone surrogates included."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return JSON text."""
        return None if value is None else json.dumps(value, separators=(",", ":"), default=_plain)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return the value."""
        return None if value is None else json.loads(value)


BigId = BigInteger().with_variant(Integer, "sqlite")
"""An automatic number: SQLite counts only plain INTEGER keys."""


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no JSON form")


def new_id() -> str:
    """Return an id of 28 hexadecimal digits: later ones sort later, 64 random bits keep machines apart."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(8).hex()}"


def storable(text: str) -> str:
    """Return `text` without what PostgreSQL cannot store: NUL and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def note_of(said: object) -> str:
    """Return what a plugin or a stranger's server said as it is kept: without addresses and secrets, and not long."""
    return storable(masked(str(said)[:_SCANNED_NOTE]))[:LONGEST_NOTE]


def is_storable(text: str) -> bool:
    """Return whether both databases can keep `text` as it is."""
    return _UNSTORABLE.search(text) is None
