"""Requests that are refused for their key leave a trace, and no more than a trace."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from hub.admin import refused_keys
from hub.web.refusals import Refusals
from tests.clock import NOW
from tests.configured import configured_hub
from tests.console.browsing import visitor_of
from tests.lab import Lab


class Watch:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = NOW.timestamp()

    def __call__(self) -> float:
        return self.seconds


def test_the_first_refusal_is_said_at_once_and_the_others_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    refusals, said = Refusals(watch), []
    for seconds in (0, 1, 58, 1, 59, 1):
        watch.seconds += seconds
        said.append(refusals.count("the key was missing or unknown"))
    assert said == [True, False, False, True, False, True]
    assert [record.getMessage() for record in caplog.records] == [
        "Refused 1 request: the key was missing or unknown",
        "Refused 3 requests: the key was missing or unknown",
        "Refused 2 requests: the key was missing or unknown",
    ]


def test_that_a_key_was_refused_is_remembered_for_a_day(lab: Lab) -> None:
    refused_keys.note(lab.hub, "segment")
    at = lab.clock.moment
    assert refused_keys.refused_keys(lab.hub) == [refused_keys.RefusedKey(kind="segment", at=at)]
    lab.clock.advance(timedelta(days=1))
    assert refused_keys.refused_keys(lab.hub) == []


def test_a_key_of_no_source_is_told_in_the_console(tmp_path: Path) -> None:
    with configured_hub(tmp_path, f"sqlite:///{tmp_path}/hub.db") as hub:
        visitor = visitor_of(hub)
        assert "belongs to no source" not in visitor.get("/events").text
        answer = visitor.client.post("/v1/identify", json={"userId": "ada"}, auth=("a-mistyped-key", ""))
        assert answer.status_code == 401
        page = visitor.get("/events").text
        assert "the kind <code>segment</code> came with a key that is missing or belongs to no source" in page
        assert "a-mistyped-key" not in page
        assert "its key belongs to no source" in visitor.get("/surveys/onboarding/readiness").text
