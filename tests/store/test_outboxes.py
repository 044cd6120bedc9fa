"""What waits for the targets, and what of it a newer answer makes needless."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, text

from hub.plugin import Done
from hub.store import outboxes, tables
from hub.store.sql import insert_many, is_among
from hub.store.types import new_id
from tests.clock import NOW, seconds
from tests.store.counted import counted_work

NEWER = {"rated_at": NOW + seconds(1)}
MANY = 20_000
FEW = 25
SURVEY = {"id": "s", "name": "s", "enabled": True, "pauses": [], "settings": {}, "created_at": NOW}


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


def answer(queued: dict[str, Any]) -> dict[str, Any]:
    """Return the answer that a row is about."""
    times = {"first_rated_at": NOW, "rated_at": NOW, "updated_at": NOW}
    said = {"score": 9, "comment": "", "version": queued["version"]}
    whose = {"person_id": queued["person_id"], "invitation_id": new_id(), "survey_id": "s"}
    return {"id": queued["response_id"], **whose, **said, **times}


def told_to_many() -> list[dict[str, Any]]:
    """Return rows of many people: each was told of once, and has an answer that waits."""
    people = [new_id() for _ in range(MANY)]
    told = [row(f"hub-0123456789-{new_id()}-1", person_id=id, state="done") for id in people]
    waiting = [row(f"hub-0123456789-{new_id()}-1", person_id=id, version=2) for id in people]
    return told + [{**one, "response_id": new_id()} for one in waiting]


def test_one_persons_answers_are_given_up_without_a_look_at_anybody_elses(lab):
    """Also before the database has looked at what the table holds."""
    with lab.hub.store.write() as connection:
        insert_many(connection, tables.outbox, [*told_to_many(), row("mine"), row("other", **NEWER)])
    with lab.hub.store.write() as connection:
        assert counted_work(connection, tables.outbox, lambda: when_answered(connection)) < 1_000
    assert [row.message_id for row in lab.rows(tables.outbox) if row.state == "superseded"] == ["mine"]


def lease(connection: Connection) -> list[outboxes.Pending]:
    return outboxes.lease(connection, "t", before=NOW, claim="c", limit=FEW, now=NOW)


def lease_and_conclude(connection: Connection) -> None:
    taken = lease(connection)
    assert outboxes.conclude(connection, "t", "c", [(one, Done()) for one in taken], NOW)["done"] == FEW


def lease_and_release(connection: Connection) -> None:
    lease(connection)
    outboxes.release(connection, "t", "c")


def look_for_what_is_due(connection: Connection) -> None:
    assert not outboxes.is_due(connection, "t", before=NOW, now=NOW - seconds(1))


def look_for_what_is_open(connection: Connection) -> None:
    assert outboxes.is_open(connection, "t", before=NOW)


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "known"])
@pytest.mark.parametrize("work", [lease_and_conclude, lease_and_release, look_for_what_is_due, look_for_what_is_open])
def test_a_few_answers_cost_no_look_at_all_that_wait(lab, work, is_known):
    """Whether or not the database has looked at what the table holds."""
    rows = told_to_many()
    with lab.hub.store.write() as connection:
        insert_many(connection, tables.survey, [SURVEY])
        insert_many(connection, tables.response, [answer(one) for one in rows[MANY:]])
        insert_many(connection, tables.outbox, rows)
        if is_known:
            connection.execute(text("ANALYZE"))
    with lab.hub.store.write() as connection:
        assert counted_work(connection, tables.outbox, lambda: work(connection)) < MANY / 2
