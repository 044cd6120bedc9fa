"""The databases: one PostgreSQL, or two SQLite files side by side (the hub's tables, and the intake log)."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from hub.config import Settings

T = TypeVar("T")
P = TypeVar("P")

BUSY_TIMEOUT_S = 10
RETRIES = 5
_PAUSES_S = (1.0, 2.0, 4.0, 8.0)
_RANDOM_PAGE_COST = 1.1
"""As on SSDs: with PostgreSQL's default, made for turning disks, it reads whole tables to find some rows by id."""
_TRANSIENT_STATES = {"40001", "40P01", "55P03"}


class Stale(Exception):
    """What was read has changed meanwhile; the transaction was undone and can be tried again."""


class Store:
    """Access to the databases. Safe to share between threads; after a fork, make a new one."""

    def __init__(self, settings: Settings, *, pool_size: int = 8) -> None:
        self.settings = settings
        if settings.is_sqlite:
            path = sqlite_path(settings)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.hub = _sqlite_engine(path, pool_size)
            self.intake = _sqlite_engine(path.with_name("intake.db"), 2)
            self._lock_dir = path.parent
        else:
            assert settings.database_url is not None
            self.hub = create_engine(
                settings.database_url,
                pool_size=pool_size,
                max_overflow=pool_size,
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args={
                    "connect_timeout": 5,
                    "tcp_user_timeout": 10_000,
                    "application_name": "survey-hub",
                    "options": f"-c timezone=UTC -c random_page_cost={_RANDOM_PAGE_COST}",
                },
            )
            event.listen(self.hub, "connect", _send_lists_in_binary)
            event.listen(self.hub, "handle_error", _hide_row)
            self.intake = self.hub
            self._lock_dir = settings.data_dir
        self.is_sqlite = settings.is_sqlite

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one state of the hub database."""
        with self.hub.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a writing transaction; it commits at the end.

        On SQLite it takes the write lock at once: a transaction that reads first would fail without waiting.
        """
        with self.hub.connect() as connection, begin_writing(connection):
            yield connection

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Return `work(connection)`, run in a writing transaction, again when the database asks for it."""
        for attempt in range(RETRIES):
            try:
                with self.write() as connection:
                    return work(connection)
            except DBAPIError as error:
                if attempt == RETRIES - 1 or not is_transient(error):
                    raise
        raise AssertionError("unreachable")

    def prepare_and_write(self, prepare: Callable[[Connection], P], write: Callable[[Connection, P], T]) -> T:
        """Return `write(connection, prepare(connection))`, tried again when somebody else was faster.

        PostgreSQL does both in one transaction. SQLite reads first and takes its only write lock afterwards, so
        `write` has to check that what it changes is still as it was read, and raise `Stale` otherwise.
        """
        for attempt in range(RETRIES):
            try:
                with self.hub.connect() as connection:
                    return self._prepare_and_write(connection, prepare, write)
            except (Stale, DBAPIError) as error:
                is_passing = isinstance(error, Stale | IntegrityError) or is_transient(error)
                if attempt == RETRIES - 1 or not is_passing:
                    raise
        raise AssertionError("unreachable")

    def _prepare_and_write(
        self, connection: Connection, prepare: Callable[[Connection], P], write: Callable[[Connection, P], T]
    ) -> T:
        if not self.is_sqlite:
            with connection.begin():
                return write(connection, prepare(connection))
        with connection.begin():
            prepared = prepare(connection)
        with begin_writing(connection):
            return write(connection, prepared)

    @contextmanager
    def alone(self, name: str, *, wait: bool = False) -> Iterator[Connection | None]:
        """Yield a connection while no other process holds `name`, else None; with `wait`, wait until none does.

        The lock ends with this process or, on PostgreSQL, with this very connection. What must not happen twice
        even when that connection is cut takes `lock_until_commit` as well.
        """
        with self.hub.connect() as connection:
            if self.is_sqlite:
                with _file_lock(self._lock_dir / f"{name}.lock", wait=wait) as is_mine:
                    yield connection if is_mine else None
                return
            key = {"key": f"survey-hub:{name}"}
            function = "true FROM pg_advisory_lock" if wait else "pg_try_advisory_lock"
            is_mine = connection.scalar(text(f"SELECT {function}(hashtextextended(:key, 0))"), key)
            connection.commit()
            try:
                yield connection if is_mine else None
            finally:
                if is_mine and not connection.invalidated:
                    connection.rollback()
                    connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), key)
                    connection.commit()

    def dispose(self) -> None:
        """Close all connections."""
        self.hub.dispose()
        if self.intake is not self.hub:
            self.intake.dispose()


def lock_until_commit(connection: Connection, name: str) -> None:
    """Wait until no other transaction holds `name`; on SQLite, whose writers are alone anyway, do nothing."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 2))"), {"key": name})


@contextmanager
def begin_writing(connection: Connection) -> Iterator[None]:
    """Run a writing transaction on `connection`."""
    connection.execution_options(hub_write=True)
    try:
        with connection.begin():
            yield
    finally:
        connection.execution_options(hub_write=False)


def patiently(work: Callable[[], T]) -> T:
    """Return `work()`, tried again for a while when the database fails: for what must not be lost with it."""
    for pause_s in _PAUSES_S:
        try:
            return work()
        except SQLAlchemyError:
            time.sleep(pause_s)
    return work()


def is_transient(error: DBAPIError) -> bool:
    """Return whether the same transaction may well succeed when tried again."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in _TRANSIENT_STATES
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


def _send_lists_in_binary(dbapi_connection: Any, _record: Any) -> None:
    """Have lists sent as they are: written as text they take eight times as long."""
    from psycopg.types.array import ListBinaryDumper

    dbapi_connection.adapters.register_dumper(list, ListBinaryDumper)


def _hide_row(context: ExceptionContext) -> None:
    """Take the row that PostgreSQL quotes out of what it says of a refusal: whoever logs it shall log no customer."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\nDETAIL:")[0], *error.args[1:])


def sqlite_path(settings: Settings) -> Path:
    """Return the file of the hub's tables on SQLite; the intake log lies beside it."""
    if settings.database_url is None:
        return settings.data_dir / "hub.db"
    database = make_url(settings.database_url).database
    assert database is not None
    return Path(database)


def _sqlite_engine(path: Path, pool_size: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def configure(dbapi_connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_S}000"):
            dbapi_connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        is_write = connection.get_execution_options().get("hub_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    return engine


@contextmanager
def _file_lock(path: Path, *, wait: bool) -> Iterator[bool]:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
