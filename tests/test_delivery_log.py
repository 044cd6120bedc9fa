"""What channels and targets did lately is listed a page at a time, newest first."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from hub.admin.operations.delivery_log import attempts, sync_runs, syncs
from hub.admin.paging import Slice
from hub.admin.trouble import NotThere
from hub.pipeline.respond import answer
from hub.plugin import Parked, Rejected
from tests.clock import days
from tests.lab import Lab, identify


def test_attempts_of_a_channel_are_listed_newest_first(lab: Lab) -> None:
    lab.decide(identify("u1"))
    lab.deliver()
    lab.office.behaviour["relay"] = lambda message, depart: Rejected(why="550 No such user")
    lab.decide(identify("u2"))
    lab.deliver()
    page = attempts(lab.hub, "relay", Slice())
    assert [(one.outcome, one.email, one.survey, one.detail) for one in page.items] == [
        ("rejected", "u2@acme.example", "onboarding", "550 No such user"),
        ("sent", "u1@acme.example", "onboarding", page.items[1].detail),
    ]
    assert page.items[1].person_id == lab.invitations()[0].person_id


def test_attempts_come_a_page_at_a_time(lab: Lab) -> None:
    for number in range(5):
        lab.decide(identify(f"u{number}"))
        lab.deliver()
    seen, cursor = [], None
    while True:
        page = attempts(lab.hub, "relay", Slice(limit=2, cursor=cursor))
        seen += [one.email for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"u{number}@acme.example" for number in (4, 3, 2, 1, 0)]


def test_attempts_are_found_by_an_index(lab: Lab) -> None:
    if not lab.hub.store.is_sqlite:
        pytest.skip("PostgreSQL plans by the size of the table")
    with lab.hub.store.read() as connection:
        plan = connection.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT * FROM attempt WHERE channel_id = 'c' AND id < 'x' ORDER BY id DESC LIMIT 51"
            )
        ).all()
    assert [row.detail for row in plan] == ["SEARCH attempt USING INDEX attempt_channel (channel_id=? AND id<?)"]


def test_what_a_target_was_told_is_listed_with_its_words(lab: Lab) -> None:
    lab.decide(identify("u1"))
    lab.deliver()
    answer(lab.hub, lab.token(), 9, "good")
    lab.sync()
    lab.clock.advance(days(1))
    lab.crm.answer = lambda updates: [Parked(why="No such person", code="gone") for _ in updates]
    answer(lab.hub, lab.token(), 3, None)
    lab.sync()
    page = syncs(lab.hub, "crm", Slice())
    assert [(one.state, one.score, one.comment, one.code, one.note, one.survey) for one in page.items] == [
        ("parked", 3, "good", "gone", "No such person", "onboarding"),
        ("done", 9, "good", None, page.items[1].note, "onboarding"),
    ]
    runs = sync_runs(lab.hub, "crm", Slice())
    assert [(run.kind, run.counts["done"], run.counts["parked"]) for run in runs.items] == [
        ("manual", 0, 1),
        ("manual", 1, 0),
    ]
    assert len(sync_runs(lab.hub, "crm", Slice(limit=1)).items) == 1


@pytest.mark.parametrize("listed", [attempts, syncs, sync_runs])
def test_unknown_connection_is_not_there(listed: Any, lab: Lab) -> None:
    with pytest.raises(NotThere):
        listed(lab.hub, "gone", Slice())
