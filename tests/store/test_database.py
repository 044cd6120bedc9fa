"""The databases: schema, types, constraints and locks, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, insert, select
from sqlalchemy.exc import IntegrityError

from hub.store import migrate, tables
from hub.store.engine import Stale, Store
from hub.store.types import ids_for_many, new_id
from tests.clock import NOW
from tests.lab import Lab, settings_for


@pytest.fixture
def store(empty_database_url, tmp_path):
    """An empty database."""
    opened = Store(settings_for(empty_database_url, tmp_path))
    yield opened
    opened.dispose()


def test_migrations_lead_to_the_tables_of_the_code(store):
    assert not migrate.is_current(store)
    migrate.upgrade(store)
    assert migrate.is_current(store)
    for engine, parts in migrate._parts(store):
        expected = MetaData()
        for part, metadata in (("hub", tables.metadata), ("intake", tables.intake_metadata)):
            for table in metadata.tables.values() if part in parts else ():
                table.to_metadata(expected)
        with engine.connect() as connection:
            options = {"compare_type": store.is_sqlite is False, "compare_server_default": False}
            context = MigrationContext.configure(connection, opts=options)
            assert compare_metadata(context, expected) == []


def test_upgrade_twice_changes_nothing(store):
    migrate.upgrade(store)
    with store.read() as connection:
        before = connection.execute(select(tables.setting)).all()
    migrate.upgrade(store)
    with store.read() as connection:
        assert connection.execute(select(tables.setting)).all() == before


@pytest.mark.parametrize(
    "moment",
    [
        NOW + timedelta(microseconds=1),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_moments_survive_to_the_microsecond(lab, moment):
    lab.change(tables.survey, created_at=moment)
    assert lab.rows(tables.survey)[0].created_at == moment


@pytest.mark.parametrize("value", ["\x00", "\ud83d", "ü😀", {"\x00": ["\udc00", None, 1.5, True]}, 10**30, ""])
def test_json_survives_with_every_character_it_can_name(lab, value):
    lab.change(tables.survey, settings=value)
    assert lab.rows(tables.survey)[0].settings == value


def test_number_that_is_none_stays_one(lab):
    lab.change(tables.survey, settings={"delay": math.nan})
    assert math.isnan(lab.rows(tables.survey)[0].settings["delay"])


def test_ids_for_many_are_like_others_and_none_comes_twice():
    made = [new_id(), *islice(ids_for_many(), 1_000), new_id()]
    assert len(set(made)) == len(made)
    assert {len(id) for id in made} == {28}
    assert sorted(id[:12] for id in made) == [id[:12] for id in made]


def row(**values):
    """Return an invitation's row."""
    usual = {"id": new_id(), "survey_id": "s", "person_id": "p", "mailbox": "m", "state": "scheduled", "tried": []}
    return {**usual, "due_at": NOW, "scheduled_at": NOW, "next_attempt_at": NOW, **values}


@pytest.mark.parametrize("state", ["scheduled", "held", "queued", "claimed"])
def test_second_open_invitation_of_a_survey_and_person_is_refused(lab, state):
    with lab.hub.store.write() as connection:
        connection.execute(insert(tables.invitation), [row()])
    with pytest.raises(IntegrityError), lab.hub.store.write() as connection:
        connection.execute(insert(tables.invitation), [row(state=state)])


def test_open_invitations_of_others_and_closed_ones_are_no_second(lab):
    rows = [
        row(),
        row(survey_id="t"),
        row(person_id="q"),
        row(state="sent"),
        row(state="sending"),
        row(state="unknown"),
    ]
    with lab.hub.store.write() as connection:
        connection.execute(insert(tables.invitation), rows)
    assert len(lab.invitations()) == 6


# Transactions


def test_failed_transaction_leaves_nothing(lab):
    def fail(connection):
        connection.execute(insert(tables.invitation), [row()])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lab.hub.store.transact(fail)
    assert lab.invitations() == []


def test_stale_work_is_prepared_anew(lab):
    seen = []

    def write(connection, prepared):
        seen.append(prepared)
        if len(seen) < 3:
            raise Stale
        return prepared

    assert lab.hub.store.prepare_and_write(lambda connection: len(seen), write) == 2
    assert seen == [0, 1, 2]


def test_work_that_stays_stale_is_given_up(lab):
    def write(connection, prepared):
        raise Stale

    with pytest.raises(Stale):
        lab.hub.store.prepare_and_write(lambda connection: None, write)


def test_conflict_of_two_transactions_is_tried_again(lab):
    """On PostgreSQL one of two deadlocked transactions is undone and succeeds when run again, or once more after that.

    It may take its first row again before the other one, which waits for it, has woken up: another deadlock.
    """
    if lab.hub.store.is_sqlite:
        pytest.skip("SQLite has one writer")
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    with lab.hub.store.write() as connection:
        connection.execute(insert(tables.invitation), [row(id="aa"), row(id="bb", person_id="q")])
    barrier, runs = Barrier(2), []
    table = tables.invitation

    def work(first: str, second: str) -> None:
        is_first_run = True

        def change(connection):
            nonlocal is_first_run
            runs.append(first)
            connection.execute(table.update().where(table.c.id == first).values(note=first))
            if is_first_run:
                is_first_run = False
                barrier.wait(20)
            connection.execute(table.update().where(table.c.id == second).values(note=first))

        lab.hub.store.transact(change)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ["aa", "bb"], ["bb", "aa"]))
    assert len(runs) > 2
    assert len({invitation.note for invitation in lab.invitations()}) == 1


# Work that one process does at a time

HOLDER = """
import sys
from pathlib import Path
from hub.store.engine import Store
from tests.lab import settings_for
store = Store(settings_for(sys.argv[1], Path(sys.argv[2])))
with store.alone("decide") as mine:
    print("mine" if mine is not None else "taken", flush=True)
    sys.stdin.read()
"""


def hold(database_url: str, data_dir) -> subprocess.Popen[str]:
    """Start a process that takes the lock and keeps it until its input ends."""
    command = [sys.executable, "-c", HOLDER, database_url, str(data_dir)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_one_of_two_threads_has_the_lock(lab):
    with lab.hub.store.alone("decide") as first, lab.hub.store.alone("decide") as second:
        assert first is not None
        assert second is None
    with lab.hub.store.alone("decide") as third, lab.hub.store.alone("sync") as other:
        assert third is not None
        assert other is not None


@pytest.mark.processes
def test_one_of_two_processes_has_the_lock_and_a_killed_one_gives_it_back(lab: Lab, database_url, tmp_path):
    with hold(database_url, tmp_path) as process:
        assert process.stdout.readline() == "mine\n"
        with lab.hub.store.alone("decide") as mine:
            assert mine is None
        process.kill()
        process.wait()
        with lab.hub.store.alone("decide", wait=True) as mine:
            assert mine is not None
