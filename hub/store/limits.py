"""Questions that end after a while, whether they were answered or not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

_STEPS = 10_000
"""How many steps of its own SQLite does between two looks at the clock: some hundred microseconds."""
_CANCELLED = "57014"


class TookTooLong(Exception):
    """The database was stopped before it had an answer; its transaction can only be left."""


@contextmanager
def at_most(connection: Connection, seconds: float) -> Iterator[None]:
    """Have what is asked of a connection inside end with TookTooLong after so many seconds."""
    if seconds <= 0:
        raise TookTooLong
    with _sqlite(connection, seconds) if connection.dialect.name == "sqlite" else _postgresql(connection, seconds):
        yield


@contextmanager
def _sqlite(connection: Connection, seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    driver = connection.connection.dbapi_connection
    assert driver is not None
    driver.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    except DBAPIError as error:
        if "interrupted" in str(error.orig):
            raise TookTooLong from error
        raise
    finally:
        driver.set_progress_handler(None, 0)


@contextmanager
def _postgresql(connection: Connection, seconds: float) -> Iterator[None]:
    connection.execute(text(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1_000))}"))
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _CANCELLED:
            raise TookTooLong from error
        raise
    connection.execute(text("SET LOCAL statement_timeout = 0"))
