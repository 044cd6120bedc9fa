"""What waits for the targets, and what of it a newer answer makes needless."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from sqlalchemy import Connection, text

from hub.store import outboxes, tables
from hub.store.sql import insert_many, is_among
from hub.store.types import new_id
from tests.clock import NOW, seconds

NEWER = {"rated_at": NOW + seconds(1)}
MANY = 20_000


def row(message_id: str, **values: Any) -> dict[str, Any]:
    """Return a row of an answer of the person `p` that waits for the target `t`."""
    return {
        "target_id": "t",
        "message_id": message_id,
        "person_id": "p",
        "response_id": "r",
        "version": 1,
        "state": "pending",
        "next_attempt_at": NOW,
        "rated_at": NOW,
        "created_at": NOW,
        **values,
    }


def when_leased(connection: Connection, ids: Sequence[str] = ("mine",)) -> None:
    taken = is_among(connection, tables.outbox.c.message_id, ids)
    outboxes.supersede(connection, tables.outbox.c.target_id == "t", taken, now=NOW)


def when_answered(connection: Connection) -> None:
    outboxes.supersede_of(connection, "p", now=NOW)


both_ways = pytest.mark.parametrize("supersede", [when_leased, when_answered])
Supersede = Callable[[Connection], None]


def state_after(lab, supersede: Supersede, mine: dict[str, Any], other: dict[str, Any]) -> str:
    """Return what becomes of a row beside another."""
    with lab.hub.store.write() as connection:
        for one in (row("mine", **mine), row("other", **other)):
            insert_many(connection, tables.outbox, [one])
        supersede(connection)
    return {row.message_id: row.state for row in lab.rows(tables.outbox)}["mine"]


@both_ways
@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (NEWER, "superseded"),
        ({"version": 2}, "superseded"),
        *[({**NEWER, "state": state}, "superseded") for state in ("leased", "done", "parked", "superseded")],
        ({"rated_at": NOW - seconds(1), "version": 2}, "pending"),
        ({**NEWER, "target_id": "another"}, "pending"),
        ({**NEWER, "person_id": "another"}, "pending"),
    ],
)
def test_what_waits_is_given_up_for_a_newer_answer_of_its_person_to_its_target(lab, supersede, other, expected):
    assert state_after(lab, supersede, {}, other) == expected


@both_ways
@pytest.mark.parametrize("state", ["leased", "done", "parked"])
def test_what_does_not_wait_is_not_given_up(lab, supersede, state):
    assert state_after(lab, supersede, {"state": state}, NEWER) == state


def told_to_many() -> list[dict[str, Any]]:
    """Return rows of many people: each was told of once, and has an answer that waits."""
    people = [new_id() for _ in range(MANY)]
    told = [row(f"hub-0123456789-{new_id()}-1", person_id=id, state="done") for id in people]
    return told + [row(f"hub-0123456789-{new_id()}-1", person_id=id, version=2) for id in people]


def test_one_persons_answers_are_given_up_without_a_look_at_anybody_elses(lab):
    """Also before the database has looked at what the table holds."""
    with lab.hub.store.write() as connection:
        insert_many(connection, tables.outbox, [*told_to_many(), row("mine"), row("other", **NEWER)])
    with lab.hub.store.write() as connection:
        assert counted_work(connection, lambda: when_answered(connection)) < 1_000
    assert [row.message_id for row in lab.rows(tables.outbox) if row.state == "superseded"] == ["mine"]


def test_nobody_costs_a_look_at_everything_when_many_answers_are_leased(lab):
    """Also before the database has looked at what the table holds."""
    rows = told_to_many()
    with lab.hub.store.write() as connection:
        insert_many(connection, tables.outbox, rows)
    ids = [row["message_id"] for row in rows[-100:]]
    with lab.hub.store.write() as connection:
        assert counted_work(connection, lambda: when_leased(connection, ids)) < 3 * MANY


def counted_work(connection: Connection, work: Callable[[], None]) -> int:
    """Return how many rows of the outbox PostgreSQL read, or how many instructions SQLite ran."""
    if connection.dialect.name == "postgresql":
        before = connection.scalar(_ROWS_READ)
        work()
        return int(connection.scalar(_ROWS_READ) - before)
    steps: list[None] = []
    sqlite = cast("sqlite3.Connection", connection.connection.driver_connection)
    sqlite.set_progress_handler(lambda: steps.append(None), 1)
    work()
    sqlite.set_progress_handler(None, 0)
    return len(steps)


_ROWS_READ = text(
    "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
    " WHERE relname = 'outbox'"
)
