"""Statements that both databases know in their own words."""

from __future__ import annotations

from datetime import timedelta
from operator import itemgetter

import pytest
from sqlalchemy import select

from hub.store import tables
from hub.store.sql import insert_many, look_up, update_many, upsert
from hub.store.types import new_id
from tests.clock import NOW

ODD = 'it\'s \\ "{a,b}" 100% \n é😀'


def event(**values):
    """Return an event's row."""
    return {
        "id": new_id(),
        "source_id": "s",
        "message_id": new_id(),
        "type": "identify",
        "person_id": None,
        "arrived_at": NOW,
        "timestamp": NOW - timedelta(microseconds=1),
        "outcome": "decided",
        "reason": None,
        "note": None,
        "payload": None,
        **values,
    }


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [event()],
        [event(), event(reason=ODD, payload=b"\x00\xff", person_id="")],
        [event(note=ODD, payload=b""), event(timestamp=NOW), event(message_id=ODD)],
    ],
)
def test_many_rows_are_stored_as_they_are(lab, rows):
    with lab.hub.store.write() as connection:
        insert_many(connection, tables.event, rows)
    assert [dict(row._mapping) for row in lab.rows(tables.event, "id")] == sorted(rows, key=itemgetter("id"))


def test_columns_of_every_type_are_stored(lab):
    survey = {"id": "x", "name": "Later", "enabled": True, "paused_at": None, "pauses": [], "settings": {"a": [1.5]}}
    state = {"connection_id": "c", "failures": 3, "faults": 70_000, "tokens": 0.25, "refilled_at": NOW}
    with lab.hub.store.write() as connection:
        insert_many(connection, tables.survey, [{**survey, "created_at": NOW, "retired_at": None}])
        insert_many(connection, tables.connection_state, [state])
    assert survey.items() <= lab.rows(tables.survey)[-1]._mapping.items()
    assert state.items() <= lab.rows(tables.connection_state)[0]._mapping.items()


def test_row_that_exists_gets_only_what_is_to_be_updated(lab):
    with lab.hub.store.write() as connection:
        upsert(connection, tables.setting, [{"name": "a", "value": 1}, {"name": "b", "value": 2}], update=["value"])
        upsert(connection, tables.setting, [{"name": "a", "value": 3}, {"name": "c", "value": 4}], update=["value"])
        upsert(connection, tables.setting, [{"name": "b", "value": 5}])
        known = dict(connection.execute(select(tables.setting.c.name, tables.setting.c.value)).all())
    assert {name: known[name] for name in "abc"} == {"a": 3, "b": 2, "c": 4}


def test_rows_that_still_are_as_they_were_are_changed_and_counted(lab):
    first, second, third = event(note="a", reason="x"), event(note="b", reason="y"), event(note=None, reason=None)
    changes = [
        {"id": first["id"], "note": "a", "reason": ODD, "payload": b"1", "timestamp": NOW},
        {"id": second["id"], "note": "not b", "reason": ODD, "payload": b"2", "timestamp": NOW},
    ]
    computed = {"outcome": "event.outcome || '!'", "reason": "coalesce(event.reason, '') || {}"}
    with lab.hub.store.write() as connection:
        insert_many(connection, tables.event, [first, second, third])
        assert update_many(connection, tables.event, changes, where=["id", "note"], computed=computed) == 1
        assert update_many(connection, tables.event, [], where=["id"], computed={}) == 0
    changed = {**first, "reason": f"x{ODD}", "payload": b"1", "timestamp": NOW, "outcome": "decided!"}
    found = {row.id: dict(row._mapping) for row in lab.rows(tables.event)}
    assert found == {changed["id"]: changed, second["id"]: second, third["id"]: third}


def test_each_value_is_looked_up(lab):
    of_another = event(source_id="t", message_id="missing", person_id="r")
    rows = [event(message_id="a", person_id="p"), event(message_id=ODD, person_id="q"), of_another]
    table = tables.event
    with lab.hub.store.write() as connection:
        insert_many(connection, table, rows)
        of_source = table.c.source_id == "s"
        found = look_up(connection, table.c.person_id, table.c.message_id, [ODD, "a", "missing"], of_source)
        assert sorted(found) == ["p", "q"]
        assert look_up(connection, table.c.person_id, table.c.message_id, [], of_source) == []
