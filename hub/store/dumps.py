"""Whole databases as files: SQLite's online copy, PostgreSQL's own programs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url

from hub.config import ConfigError


def copy_sqlite(source: Path, copy: Path) -> None:
    """Write one state of a SQLite database to a new file, while others go on reading and writing it."""
    address = f"{source.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True)) as original, closing(sqlite3.connect(copy)) as target:
        original.backup(target)


def dump_postgresql(url: str, file: Path) -> None:
    """Write one state of a PostgreSQL database to a file, with pg_dump. Raises ConfigError when that fails."""
    _run("pg_dump", ["--format=custom", *_AS_ANYBODY, "--file", str(file)], url)


def load_postgresql(url: str, file: Path) -> None:
    """Fill an empty PostgreSQL database from a dump, wholly or not at all, with pg_restore.

    The version of its schema is left out, so that no process uses the database before the caller has written it.
    """
    listed = _run("pg_restore", ["--list", str(file)], None)
    wanted = [line for line in listed.splitlines() if not (" TABLE DATA " in line and " alembic_version " in line)]
    with tempfile.NamedTemporaryFile("w", suffix=".list") as list_file:
        list_file.write("\n".join(wanted) + "\n")
        list_file.flush()
        options = ["--single-transaction", "--exit-on-error", *_AS_ANYBODY, "--use-list", list_file.name]
        _run("pg_restore", [*options, str(file)], url)


_AS_ANYBODY = ("--no-owner", "--no-privileges")


def _run(program: str, arguments: Sequence[str], url: str | None) -> str:
    """Return what one of PostgreSQL's programs printed. The password is in its environment: all can see arguments."""
    if shutil.which(program) is None:
        problem = f"{program} is not on the PATH; install PostgreSQL's client programs (Debian: postgresql-client)"
        raise ConfigError([f"{problem}, as new as the server or newer"])
    environ = dict(os.environ)
    target: list[str] = []
    if url is not None:
        bare, password = _without_password(make_url(url))
        target = ["--no-password", "--dbname", bare]
        environ |= {"PGPASSWORD": password} if password else {}
    done = subprocess.run(
        [program, *target, *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ConfigError([f"{program} failed: {said[0].removeprefix(f'{program}: ')}"])
    return done.stdout


def _without_password(url: URL) -> tuple[str, str | None]:
    query = dict(url.query)
    hidden = query.pop("password", None)
    bare = URL.create(
        "postgresql", username=url.username, host=url.host, port=url.port, database=url.database, query=query
    )
    return bare.render_as_string(), url.password or (str(hidden) if hidden else None)
