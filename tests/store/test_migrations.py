"""Schema upgrades: several at once, cut short, and by a hub that is older than the database."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from click.testing import CliRunner
from sqlalchemy import select, text

from hub.admin.health import readiness
from hub.cli import main
from hub.store import migrate, score_counts, tables, wrong_counts
from hub.store.engine import Store, begin_writing
from tests.clock import NOW
from tests.console.answers import give
from tests.lab import Lab, settings_for

UPGRADE = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from hub.store import migrate
from hub.store.engine import Store
from tests.lab import settings_for

url, data_dir, *deadly = sys.argv[1:]

@event.listens_for(Engine, "before_cursor_execute")
def die(connection, cursor, statement, *_):
    if deadly and deadly[0] in statement:
        os.kill(os.getpid(), signal.SIGKILL)

sys.stdin.read()
migrate.upgrade(Store(settings_for(url, Path(data_dir))))
"""


def upgrade(database_url: str, data_dir: Path, *deadly: str) -> subprocess.Popen[str]:
    """Start a process that upgrades once its input ends, and dies right before a statement with these words."""
    line = [sys.executable, "-c", UPGRADE, database_url, str(data_dir), *deadly]
    return subprocess.Popen(line, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.processes
def test_upgrades_at_the_same_time_make_one_schema(empty_database_url: str, tmp_path: Path) -> None:
    processes = [upgrade(empty_database_url, tmp_path) for _ in range(4)]
    for process in processes:
        process.stdin.close()  # type: ignore[union-attr]
    assert [(process.wait(60), process.stderr.read()) for process in processes] == [(0, "")] * 4  # type: ignore[union-attr]
    for process in processes:
        process.stderr.close()  # type: ignore[union-attr]
    is_whole(empty_database_url, tmp_path)


@pytest.mark.processes
@pytest.mark.parametrize(
    "moment",
    [
        "CREATE TABLE invitation",
        "CREATE INDEX",
        "CREATE TABLE forgetting",
        "UPDATE alembic_version",
        "INSERT INTO setting",
    ],
)
def test_upgrade_that_was_killed_is_made_up_for_by_the_next(
    empty_database_url: str, tmp_path: Path, moment: str
) -> None:
    with upgrade(empty_database_url, tmp_path, moment) as killed:
        killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    store = Store(settings_for(empty_database_url, tmp_path))
    migrate.upgrade(store)
    store.dispose()
    is_whole(empty_database_url, tmp_path)


def is_whole(database_url: str, data_dir: Path) -> None:
    """Check that a database has all tables, and what every hub has in them."""
    store = Store(settings_for(database_url, data_dir))
    assert migrate.is_current(store)
    with store.read() as connection:
        for table in tables.metadata.sorted_tables:
            connection.execute(select(table).limit(1))
        names = connection.scalars(select(tables.setting.c.name)).all()
    assert {"hub_id", "revision"} <= set(names)
    store.dispose()


@pytest.mark.parametrize("command", ["web", "worker", "scheduler", "doctor", "db upgrade"])
def test_database_of_a_newer_hub_is_left_alone(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    store = Store(settings_for(database_url, tmp_path))
    put_ahead(store)
    store.dispose()
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    result = CliRunner().invoke(main, command.split())
    said = "The database is one of a newer hub (its schema is 9999); install that version\n"
    assert (result.exit_code, result.output) == (2, said)


def test_upgrade_by_a_newer_hub_is_seen_by_one_that_runs(lab: Lab) -> None:
    put_ahead(lab.hub.store)
    [schema] = [check for check in readiness(lab.hub) if check.name == "schema"]
    assert (schema.ok, schema.sentence) == (
        False,
        "The schema is that of a newer hub; install that version and start it.",
    )


def put_ahead(store: Store) -> None:
    """Have the databases say that a newer hub brought them up to date."""
    for engine in {store.hub, store.intake}:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def test_answers_of_before_scores_were_counted_are_counted(lab: Lab) -> None:
    give(lab, [3, 9, 9], language=None)
    with lab.hub.store.write() as connection:
        before = connection.execute(select(tables.score_count)).all()
        connection.execute(text("DELETE FROM score_count"))
        connection.execute(text(revision("0008_scores").FILL[connection.dialect.name]))
        after = connection.execute(select(tables.score_count)).all()
    assert sorted(after) == sorted(before)


def test_ratings_of_before_they_were_counted_are_counted(lab: Lab) -> None:
    give(lab, [3, 9, 9], language="de", ratings={"support": 4}, plan="pro")
    give(lab, [9], ratings={"support": 5, "value": 1})
    with lab.hub.store.write() as connection:
        before = connection.execute(select(tables.rating_count)).all()
        connection.execute(text("DELETE FROM rating_count"))
        connection.execute(text(revision("0013_ratings").FILL[connection.dialect.name]))
        after = connection.execute(select(tables.rating_count)).all()
    assert len(before) == 7
    assert sorted(after) == sorted(before)


def test_answers_of_before_scores_were_counted_are_counted_by_language(lab: Lab) -> None:
    earlier = give(lab, [3, 9, 9], language="de")
    with lab.hub.store.write() as connection:
        connection.execute(text("DELETE FROM score_count WHERE segment = 'language'"))
    give(lab, [9, 10], language="de")
    give(lab, [7], language=None)
    with lab.hub.store.write() as connection:
        gone = connection.execute(select(*_COUNTED).where(tables.response.c.id == earlier[0])).one()
        connection.execute(tables.response.delete().where(tables.response.c.id == earlier[0]))
        score_counts.take_out(connection, score_counts.keys_of(*gone))  # which counts below nothing
        assert wrong_counts.wrong(connection) > 0
        for statement in revision("0014_languages_and_notices").COUNT_ANEW[connection.dialect.name]:
            connection.execute(text(statement))
        assert wrong_counts.wrong(connection) == 0
        by_language = tables.score_count.c.segment == "language"
        counts = connection.execute(select(tables.score_count.c["score", "number"]).where(by_language)).all()
    assert sorted(tuple(row) for row in counts) == [(9, 3), (10, 1)]


_COUNTED = [tables.response.c[name] for name in ("survey_id", "rated_at", "score", "language", "segments", "ratings")]


def test_answers_of_a_hub_that_did_not_count_are_counted_right(empty_database_url: str, tmp_path: Path) -> None:
    store = Store(settings_for(empty_database_url, tmp_path))
    for engine, parts in migrate._parts(store):
        with engine.connect() as connection, begin_writing(connection):
            command.upgrade(migrate._config(connection, parts), "0007")
    said = {"score": 9, "comment": "", "version": 1, "language": "de"}
    said |= dict.fromkeys(("id", "invitation_id", "survey_id", "person_id"), "one")
    said |= dict.fromkeys(("first_rated_at", "rated_at", "updated_at"), NOW)
    with store.write() as connection:
        connection.execute(tables.response.insert().values(**said))
    migrate.upgrade(store)
    with store.read() as connection:
        assert wrong_counts.wrong(connection) == 0
        assert len(connection.execute(select(tables.score_count)).all()) == 2
    store.dispose()


def revision(name: str) -> Any:
    return import_module(f"hub.store.migrations.versions.{name}")
