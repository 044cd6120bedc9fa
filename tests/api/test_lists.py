"""Lists: pages that stay in place while rows are added, and no list that reads a whole table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from hub.pipeline import respond
from hub.plugin import Parked
from tests.api.client import Api
from tests.lab import Lab, identify

LISTS = ("/people", "/events", "/invitations", "/responses", "/suppressions", "/sync/parked")


@pytest.fixture
def filled(lab: Lab) -> None:
    """Seven rows in each list, some of them of one moment."""
    lab.crm.answer = lambda updates: [Parked(why="no", code="no") for _ in updates]
    for number in range(7):
        add(lab, number)
        lab.clock.advance(timedelta(minutes=number % 3))
    lab.sync()


def add(lab: Lab, number: int) -> None:
    """Add a row to each list but that of parked answers."""
    lab.decide(identify(f"u{number}"))
    lab.deliver()
    token = next(lab.hub.keys.token_of(row.id) for row in lab.invitations() if row.mailbox == f"u{number}@acme.example")
    respond.answer(lab.hub, token, 9, "")
    respond.unsubscribe(lab.hub, token)


@pytest.mark.usefixtures("filled")
def test_pages_together_are_the_list(lab: Lab, api: Api) -> None:
    for path in LISTS:
        whole = api.get(path, limit=200)
        assert len(whole["items"]) == 7, path
        assert whole["next_cursor"] is None
        for limit in (1, 3, 6, 7):
            assert api.all(path, limit=limit) == whole["items"], (path, limit)


@pytest.mark.usefixtures("filled")
def test_rows_that_are_added_meanwhile_move_nothing(lab: Lab, api: Api) -> None:
    first = {path: api.get(path, limit=3) for path in LISTS}
    before = {path: api.all(path) for path in LISTS}
    lab.clock.advance(timedelta(minutes=1))
    add(lab, 8)
    for path in LISTS:
        rest = api.get(path, limit=200, cursor=first[path]["next_cursor"])
        assert first[path]["items"] + rest["items"] == before[path], path


@pytest.mark.parametrize(
    "cursor", ["x", "!", "", "bnVsbA", "W10", "WzEsMl0", "WyJhIiwiYiJd", "W251bGwsbnVsbF0", "é", "5" * 900]
)
@pytest.mark.parametrize("path", ["/events", "/people"])
def test_cursor_that_no_list_gave_is_refused(still_api: Api, path: str, cursor: str) -> None:
    answer = still_api("GET", path, cursor=cursor)
    assert (answer.status_code, list(answer.json["fields"])) == (422, ["cursor"])


# Indexes

QUERIES: list[tuple[str, dict[str, Any]]] = [
    ("/people", {}),
    ("/people", {"who": "u1"}),
    ("/events", {}),
    ("/events", {"person": "p"}),
    ("/events", {"person": "p", "reason": "too_old"}),
    ("/events", {"since": "2026-01-01", "until": "2026-12-01"}),
    *(("/events", {"outcome": outcome}) for outcome in ("decided", "ignored", "rejected", "scheduled", "skipped")),
    ("/events", {"reason": "poison", "since": "2026-01-01"}),
    ("/events", {"reason": "quota", "until": "2026-12-01"}),
    ("/invitations", {}),
    ("/invitations", {"survey": "onboarding"}),
    ("/invitations", {"state": "unknown"}),
    ("/invitations", {"survey": "onboarding", "state": "sent"}),
    ("/invitations", {"person": "p", "state": "sent"}),
    ("/responses", {}),
    ("/responses", {"survey": "onboarding", "since": "2026-01-01", "until": "2026-12-01"}),
    ("/responses", {"person": "p"}),
    ("/scores", {}),
    ("/scores", {"since": "2026-01-01", "period": "day"}),
    ("/suppressions", {}),
    ("/suppressions", {"reason": "complained", "since": "2026-01-01"}),
    ("/suppressions", {"email": "u1@acme.example"}),
    ("/sync/parked", {}),
    ("/sync/parked", {"target": "crm"}),
    ("/audit", {}),
    ("/audit", {"who": "api:tests", "since": "2026-01-01"}),
    ("/audit", {"action": "person.erased", "until": "2026-12-01"}),
    ("/audit", {"subject": "surveys.onboarding"}),
]
SMALL = ("setting", "survey", "survey_connection", "connection", "channel_state", "api_token", "json_each")


@pytest.mark.parametrize(("path", "query"), QUERIES, ids=str)
def test_no_list_reads_or_sorts_a_whole_table(still_api: Api, path: str, query: dict[str, Any]) -> None:
    engine = still_api.hub.store.hub
    dated = {name: f"{value}T00:00:00Z" if name in ("since", "until") else value for name, value in query.items()}
    first = still_api.get(path, **dated)
    with watched(engine) as statements:
        still_api.get(path, **dated)
        if "next_cursor" in first:
            still_api.get(path, **dated, cursor=CURSORS[path])
    plans = {line for statement in statements for line in plan_of(engine, *statement)}
    assert plans
    may_sort = "person" in query  # the few rows of one person
    assert {line for line in plans if is_slow(line) and not (may_sort and line.startswith("USE TEMP"))} == set()


CURSORS = {
    "/people": "WyJmIl0",
    "/invitations": "WyJmIl0",
    "/events": "WzE3NzM4MDAwMDAwMDAwMDAsImYiXQ",
    "/responses": "WzE3NzM4MDAwMDAwMDAwMDAsImYiXQ",
    "/suppressions": "WzE3NzM4MDAwMDAwMDAwMDAsImYiXQ",
    "/sync/parked": "WzE3NzM4MDAwMDAwMDAwMDAsImYiXQ",
    "/audit": "WzE3NzM4MDAwMDAwMDAwMDAsImYiXQ",
}
"""Somewhere in each list: `["f"]`, and a moment with "f"."""


@contextmanager
def watched(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """Yield the list that every SELECT of the engine is added to."""
    found: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def plan_of(engine: Engine, statement: str, parameters: Any) -> list[str]:
    """Return how SQLite would go about a statement."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row[3] for row in rows]


def is_slow(line: str) -> bool:
    """Tell whether a step reads a whole table that grows, or sorts what it read."""
    scanned = re.match(r"SCAN (\w+)$", line)
    return bool(scanned and scanned[1] not in SMALL) or line == "USE TEMP B-TREE FOR ORDER BY"
