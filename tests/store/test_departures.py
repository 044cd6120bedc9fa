"""What the point of no return costs."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from hub.domain.states import State
from hub.store import tables
from hub.store.claims import Claimed
from hub.store.departures import depart
from hub.store.sql import insert_many
from hub.store.types import new_id
from tests.clock import NOW, days
from tests.store.counted import counted_work

MANY = 20_000
FEW = 25


def invited(id: str, **values: Any) -> dict[str, Any]:
    """Return an invitation of a person of the same id."""
    times = {"due_at": NOW, "next_attempt_at": NOW, "scheduled_at": NOW}
    whom = {"id": id, "person_id": id, "mailbox": f"{id}@acme.example", "survey_id": "s", "tried": []}
    return {**whom, **times, "claim": None, "lease_until": None, **values}


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "known"])
def test_departing_costs_no_look_at_all_that_wait_for_the_same_survey(lab, is_known):
    """Whether or not the database has looked at what the table holds."""
    ids = [new_id() for _ in range(MANY)]
    in_hand = {"state": State.CLAIMED, "claim": "w.1", "lease_until": NOW}
    with lab.hub.store.write() as connection:
        insert_many(connection, tables.invitation, [invited(id, state=State.SCHEDULED) for id in ids[FEW:]])
        insert_many(connection, tables.invitation, [invited(id, **in_hand) for id in ids[:FEW]])
        if is_known:
            connection.execute(text("ANALYZE"))
    batch = [claimed(id) for id in ids[:FEW]]
    with lab.hub.store.write() as connection:
        cost = counted_work(connection, tables.invitation, lambda: depart(connection, batch, {"s": days(180)}, NOW))
    assert cost < MANY / 2
    assert sum(row.state == State.SENDING for row in lab.rows(tables.invitation)) == FEW


def claimed(id: str) -> Claimed:
    """Return what a worker has in hand of an invitation."""
    return Claimed(
        id=id,
        survey_id="s",
        person_id=id,
        mailbox=f"{id}@acme.example",
        claim="w.1",
        channel_id="c",
        tried=(),
        attempts=0,
        revision=0,
    )
