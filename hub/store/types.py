"""Column types that mean the same on SQLite and PostgreSQL, and the ids of rows."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
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

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Return what makes a moment of what is stored."""
        return _in_utc if dialect.name == "postgresql" else _from_microseconds


def _in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def _from_microseconds(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + timedelta(microseconds=value)


class Json(TypeDecorator[Any]):
    """A JSON value as text: every character JSON can name survives, NUL and lone surrogates included."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return JSON text."""
        return None if value is None else json_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return the value."""
        return None if value is None else _read_json(value)


def json_text(value: Any) -> str:
    """Return a value as JSON, moments as ISO 8601 in UTC. Raises TypeError for what has no JSON form."""
    try:
        text = msgspec.json.encode(value)
    except (TypeError, UnicodeEncodeError):  # odd keys and classes, half a surrogate pair: json writes more of them
        text = b"null"
    if b"null" in text:  # which stands for NaN, too
        return json.dumps(value, separators=(",", ":"), default=_plain)
    return text.decode()


def _read_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # half a surrogate pair, and NaN
        return json.loads(text)


BigId = BigInteger().with_variant(Integer, "sqlite")
"""An automatic number: SQLite counts only plain INTEGER keys."""


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no JSON form")


def new_id() -> str:
    """Return an id of 28 hexadecimal digits: later ones sort later, 64 random bits keep machines apart."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(8).hex()}"


def ids_for_many() -> Iterator[str]:
    """Yield ids like `new_id`, from random bits taken for many at once: within one transaction, never across a fork."""
    while True:
        bits = os.urandom(8 * _IDS_AT_ONCE)
        for start in range(0, len(bits), 8):
            yield f"{time.time_ns() // 1_000_000:012x}{bits[start : start + 8].hex()}"


_IDS_AT_ONCE = 256


def storable(text: str) -> str:
    """Return `text` without what PostgreSQL cannot store: NUL and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def note_of(said: object) -> str:
    """Return what a plugin or a stranger's server said as it is kept: without addresses and secrets, and not long."""
    return storable(masked(str(said)[:_SCANNED_NOTE]))[:LONGEST_NOTE]


def is_storable(text: str) -> bool:
    """Return whether both databases can keep `text` as it is."""
    return _UNSTORABLE.search(text) is None
