"""Bringing the databases to the schema of this version (alembic)."""

from __future__ import annotations

import functools
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from hub.store import configuration
from hub.store.engine import Store, begin_writing

_SCRIPTS = Path(__file__).with_name("migrations")
_LOCK = 7_310_589_201


def upgrade(store: Store) -> None:
    """Bring the databases up to date; safe to run from several machines at once."""
    for engine, parts in _parts(store):
        with engine.connect() as connection, begin_writing(connection):
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            command.upgrade(_config(connection, parts), "head")
    with store.write() as connection:
        configuration.initialise(connection)


def is_current(store: Store) -> bool:
    """Return whether the databases have the schema of this version."""
    wanted = head()
    return all(found == wanted for found in revisions(store))


@functools.cache
def head() -> str:
    """Return the version of the schema that this version of the hub brings."""
    return str(_scripts().get_current_head())


def revisions(store: Store) -> list[str | None]:
    """Return the version of the schema that each database has; None for one that has none."""
    found = []
    for engine, _ in _parts(store):
        with engine.connect() as connection:
            found.append(revision(connection))
    return found


def newer(store: Store) -> str | None:
    """Return the version of the schema of a database that a newer hub has brought up to date, else None."""
    for engine, _ in _parts(store):
        with engine.connect() as connection:
            found = revision(connection)
        if found is not None and not is_known(found):
            return found
    return None


def revision(connection: Connection) -> str | None:
    """Return the version of the schema that a database has; None when it has none."""
    return MigrationContext.configure(connection).get_current_revision()


def is_known(wanted: str) -> bool:
    """Return whether this version knows a schema, and can bring it up to date."""
    return wanted in {script.revision for script in _scripts().walk_revisions()}


def stamp(connection: Connection, current: str) -> None:
    """Write down which version of the schema a database has."""
    MigrationContext.configure(connection).stamp(_scripts(), current)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_SCRIPTS))


def _parts(store: Store) -> list[tuple[Engine, frozenset[str]]]:
    """Return each database with the parts of the schema it holds."""
    if store.intake is store.hub:
        return [(store.hub, frozenset({"hub", "intake"}))]
    return [(store.intake, frozenset({"intake"})), (store.hub, frozenset({"hub"}))]


def _config(connection: Connection, parts: frozenset[str]) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["parts"] = parts
    return config
