"""Long lists, a page at a time, in one order: stable while rows are added, the last page as quick as the first.

A list may be put together from *streams*: selections of which each is given in the list's order by an index.
"""

from __future__ import annotations

import base64
import json
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, asc, desc, literal, tuple_

from hub.config import ConfigError
from hub.store.types import EPOCH, Instant, is_storable

LARGEST_PAGE = 200
_MICROSECOND = timedelta(microseconds=1)

Item = TypeVar("Item")
Other = TypeVar("Other")
Keys = Sequence[ColumnElement[Any]]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """How much of a list is wanted, and after which page; a cursor is what the page before gave."""

    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Item]):
    """A part of a list; `next_cursor` asks for the next one and is None at the end."""

    items: Sequence[Item]
    next_cursor: str | None = None

    def map(self, change: Callable[[Item], Other]) -> Page[Other]:
        """Return the page with every item changed."""
        return Page(items=[change(item) for item in self.items], next_cursor=self.next_cursor)


def newest_first(connection: Connection, streams: Iterable[Select[Any]], keys: Keys, wanted: Slice) -> Page[Any]:
    """Return the next rows of all streams together, by descending `keys`, which tell rows apart.

    The keys are columns of the selections: moments, then texts. Raises ConfigError for a cursor that is none.
    """
    return _page(connection, streams, keys, wanted, desc, operator.lt)


def soonest_first(connection: Connection, streams: Iterable[Select[Any]], keys: Keys, wanted: Slice) -> Page[Any]:
    """Return what `newest_first` does, by ascending `keys`."""
    return _page(connection, streams, keys, wanted, asc, operator.gt)


def _page(
    connection: Connection,
    streams: Iterable[Select[Any]],
    keys: Keys,
    wanted: Slice,
    direction: Callable[[ColumnElement[Any]], ColumnElement[Any]],
    is_past: Callable[[Any, Any], ColumnElement[bool]],
) -> Page[Any]:
    after = None if wanted.cursor is None else position(wanted.cursor, keys)
    found: dict[tuple[Any, ...], Any] = {}
    for stream in streams:
        if after is not None:
            bound = tuple_(*(literal(value, key.type) for value, key in zip(after, keys, strict=True)))
            stream = stream.where(is_past(tuple_(*keys), bound))
        ordered = stream.order_by(*(direction(key) for key in keys)).limit(wanted.limit + 1)
        for row in connection.execute(ordered):
            found[tuple(row._mapping[key] for key in keys)] = row
    positions = sorted(found, reverse=direction is desc)
    shown = positions[: wanted.limit]
    is_more = len(positions) > len(shown)
    return Page(items=[found[key] for key in shown], next_cursor=cursor_at(shown[-1]) if is_more and shown else None)


def cursor_at(position: Sequence[Any]) -> str:
    """Return the cursor of what comes after a row, given the values of its keys."""
    plain = [(value - EPOCH) // _MICROSECOND if isinstance(value, datetime) else value for value in position]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).rstrip(b"=").decode()


def position(cursor: str, keys: Keys) -> list[Any]:
    """Return the values of the keys that a cursor stands for. Raises ConfigError for a cursor that is none."""
    try:
        plain = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        return [_read(value, key) for value, key in zip(plain, keys, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise ConfigError(["cursor: is none that this list gave; leave it out to begin anew"]) from None


def _read(value: Any, key: ColumnElement[Any]) -> Any:
    if isinstance(key.type, Instant):
        return EPOCH + timedelta(microseconds=int(value))
    if not isinstance(value, str) or not is_storable(value):
        raise ValueError
    return value
