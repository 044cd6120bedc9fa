"""Requests that are refused for their key leave a trace, and no more than a trace."""

from __future__ import annotations

import pytest

from hub.web.refusals import Refusals
from tests.clock import NOW


class Watch:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = NOW.timestamp()

    def __call__(self) -> float:
        return self.seconds


def test_the_first_refusal_is_said_at_once_and_the_others_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    refusals = Refusals(watch)
    for seconds in (0, 1, 58, 1, 59, 1):
        watch.seconds += seconds
        refusals.count("the key was missing or unknown")
    assert [record.getMessage() for record in caplog.records] == [
        "Refused 1 request: the key was missing or unknown",
        "Refused 3 requests: the key was missing or unknown",
        "Refused 2 requests: the key was missing or unknown",
    ]
