"""What a statement costs, counted instead of timed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import cast

from sqlalchemy import Connection, Table, text


def counted_work(connection: Connection, table: Table, work: Callable[[], object]) -> int:
    """Return how many entries of a table and its indexes PostgreSQL read, or how many instructions SQLite ran."""
    if connection.dialect.name == "postgresql":
        read = {"table": table.name}
        before = connection.scalar(_READ, read)
        work()
        return int(connection.scalar(_READ, read) - before)
    steps: list[None] = []
    sqlite = cast("sqlite3.Connection", connection.connection.driver_connection)
    sqlite.set_progress_handler(lambda: steps.append(None), 1)
    work()
    sqlite.set_progress_handler(None, 0)
    return len(steps)


_READ = text(
    "SELECT pg_stat_get_xact_tuples_returned(CAST(:table AS regclass))"
    " + sum(pg_stat_get_xact_tuples_returned(indexrelid)) FROM pg_index WHERE indrelid = CAST(:table AS regclass)"
)
