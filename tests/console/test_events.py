"""The page of events: what comes in and what was decided, for whoever connects a sender."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import Client

from hub.admin.events import Wanted, events
from hub.admin.paging import Slice
from hub.pipeline.hub import Hub
from hub.web.app import create_app
from hub.web.console.events import pretty
from tests.configured import API_KEY, configured_hub
from tests.console.browsing import Visitor, visitor_of
from tests.lab import SETUP, Lab, identify, survey_lines

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def page(lab: Lab) -> Iterator[Visitor]:
    with visitor_of(lab.hub) as page:
        yield page


def ids(hub: Hub) -> list[str]:
    return [one.id for one in events(hub, Wanted(), Slice()).items]


def test_an_event_is_told_with_whom_it_is_about_and_what_each_survey_decided(lab: Lab, page: Visitor) -> None:
    lab.decide({**identify("u1"), "anonymous_id": "a1"})
    text = page.text("/events")
    for told in (
        "identify",
        "product",
        "u1@acme.example",
        "userId u1",
        "anonymousId a1",
        "Will be asked. Due",
        "scheduled",
    ):
        assert told in text


def test_copies_are_told_by_their_number(lab: Lab, page: Visitor) -> None:
    lab.decide({**identify("u1"), "message_id": "m-1"})
    assert "had come before" not in page.text("/events")
    for number in ("1 copy", "2 copies"):
        lab.decide({**identify("u1"), "message_id": "m-1"})
        assert f"{number} of events that had come before" in page.text("/events")


def test_surveys_that_were_off_take_one_line_unless_they_are_looked_for(lab: Lab, page: Visitor) -> None:
    more = "".join(f'[surveys.{name}]\nsources = ["product"]\n' for name in ("second", "third"))
    lab.configure(SETUP + survey_lines() + more)
    lab.decide(identify("u1"))
    text = page.text("/events")
    assert "2 surveys were off." in text
    assert "the survey is a draft or paused" not in text
    assert page.text("/events", reason="survey_paused").count("the survey is a draft or paused") == 2
    assert page.text(f"/events/{ids(lab.hub)[0]}").count("the survey is a draft or paused") == 2


def test_what_a_rejected_event_lacks_is_told(lab: Lab, page: Visitor) -> None:
    lab.decide({"traits": {"email": "ada@acme.example"}})
    text = page.text("/events")
    assert "The event carries neither a userId nor an anonymousId." in text
    assert "nobody known" in text


def test_the_newest_event_comes_first_and_a_page_has_fifty(lab: Lab, page: Visitor) -> None:
    lab.decide(*(identify(f"u{number}") for number in range(51)))
    first = page.get("/events").text
    assert [f"event-{id}" in first for id in (ids(lab.hub)[0], ids(lab.hub)[49])] == [True, True]
    assert first.count("<tr id=") == 50
    second = page.get(page.link("/events", "Next page"))
    assert second.text.count("<tr id=") == 1
    assert "hx-trigger" not in second.text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"outcome": "scheduled"}, "u1"),
        ({"outcome": "skipped"}, "u2"),
        ({"reason": "no_email"}, "u2"),
        ({"outcome": "ignored"}, "u3"),
        ({"since": "2020-01-01T00:00", "outcome": "rejected"}, ""),
        ({"until": "2020-01-01T00:00"}, ""),
    ],
)
def test_events_are_filtered(lab: Lab, page: Visitor, query: dict[str, str], shown: str) -> None:
    lab.decide(identify("u1"), {"user_id": "u2"}, {**identify("u3"), "type": "track"})
    text = page.text("/events", **query)
    assert [user for user in ("u1", "u2", "u3") if f"userId {user}" in text] == ([shown] if shown else [])
    if not shown:
        assert "No event is like that" in text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"cursor": "nonsense"}, "cursor: is none that this list gave"),
        ({"since": "yesterday"}, "since: 'yesterday' is no time"),
        ({"outcome": HOSTILE}, "outcome: &lt;script&gt;alert(1)&lt;/script&gt; is none of"),
        ({"reason": "boredom"}, "reason: boredom is none of"),
        ({"outcome": "rejected", "reason": "too_old"}, "reason: no event is rejected for the reason too_old"),
        ({"since": "2026-03-02T00:00", "until": "2026-03-01T00:00"}, "until: is not after since"),
    ],
)
def test_what_cannot_be_asked_for_is_said(page: Visitor, query: dict[str, str], said: str) -> None:
    answer = page.get("/events", **query)
    assert answer.status_code == 422
    assert said in answer.text.replace("&#39;", "'")


def test_only_the_rows_are_fetched_again(lab: Lab, page: Visitor) -> None:
    lab.decide(identify())
    part = page.get("/events", headers={"HX-Request": "true"}).text
    assert "<table" in part
    assert "<html" not in part
    assert 'hx-get="/events"' in page.get("/events").text


def test_a_tail_that_is_paused_has_an_address(lab: Lab, page: Visitor) -> None:
    lab.decide(identify())
    assert 'href="/events?live=no"' in page.get("/events").text
    paused = page.get("/events", live="no").text
    assert "hx-trigger" not in paused
    assert ">Follow live</a>" in paused


def test_the_first_event_opens_the_page_that_waits_for_it(lab: Lab, page: Visitor) -> None:
    waiting = {"headers": {"HX-Request": "true"}, "first": "awaited"}
    assert page.get("/events", **waiting).status_code == 204
    lab.decide(identify())
    assert page.get("/events", **waiting).headers["HX-Refresh"] == "true"


def test_before_the_first_event_the_page_says_where_to_send(tmp_path: Path) -> None:
    with configured_hub(tmp_path, f"sqlite:///{tmp_path}/hub.db") as hub, visitor_of(hub) as page:
        text = page.text("/events")
    assert "https://hub.acme.example/v1" in text
    assert "curl https://hub.acme.example/v1/identify -u KEY:" in text
    assert API_KEY not in text


def test_the_command_that_is_shown_works(tmp_path: Path) -> None:
    with configured_hub(tmp_path, f"sqlite:///{tmp_path}/hub.db") as hub:
        app = create_app(hub)
        sent = Client(app).post("/v1/identify", json={"userId": "test-1"}, auth=(API_KEY, ""))
        app.close()
    assert sent.status_code == 200


def test_a_source_of_a_kind_without_a_command_is_shown_by_its_address(page: Visitor) -> None:
    text = page.text("/events")
    assert "https://hub.example/sources/product" in text
    assert "curl" not in text


def test_without_a_source_the_next_step_is_to_connect_one(lab: Lab, page: Visitor) -> None:
    lab.configure("[channels.relay]\nkind = 'fake'\n")
    assert "Connect a source" in page.text("/events")


# One event


def test_an_event_is_shown_as_it_came_with_what_it_was_decided_by(lab: Lab, page: Visitor) -> None:
    lab.decide(identify(createdAt=HOSTILE))
    answer = page.get(f"/events/{ids(lab.hub)[0]}")
    assert HOSTILE not in answer.text
    text = page.text(f"/events/{ids(lab.hub)[0]}")
    for told in (
        "Not asked: createdAt is there but cannot be read as a time.",
        "createdAt is written",
        '"u1@acme.example"',
    ):
        assert told in text


def test_half_a_surrogate_pair_in_a_payload_is_written_out() -> None:
    assert pretty({"name": "\ud800"}) == '{\n  "name": "\\ud800"\n}'
    assert pretty("\ud800") == "\\ud800"


def test_a_payload_that_is_nested_too_deeply_is_no_error() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert pretty(deep) == "It is nested too deeply to be shown."


def test_an_event_that_is_not_there_is_said_so(page: Visitor) -> None:
    answer = page.get("/events/nothing")
    assert answer.status_code == 404
    assert "There is no event nothing" in answer.text
