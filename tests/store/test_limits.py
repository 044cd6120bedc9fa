"""Questions to a database that end after a while."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import text

from hub.store.limits import TookTooLong, at_most
from tests.lab import Lab

_ENDLESS = (
    "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 1000000000) "
    "SELECT count(*) FROM number"
)


def test_a_question_that_takes_too_long_is_ended(lab: Lab) -> None:
    started = time.monotonic()
    with pytest.raises(TookTooLong), lab.hub.store.read() as connection, at_most(connection, 0.1):
        connection.execute(text(_ENDLESS)).all()
    assert time.monotonic() - started < 5


def test_what_comes_after_has_all_the_time_it_needs(lab: Lab) -> None:
    with lab.hub.store.read() as connection:
        with at_most(connection, 0.05):
            connection.execute(text("SELECT 1"))
        deadline = time.monotonic() + 0.2
        while time.monotonic() < deadline:
            connection.execute(text(_ENDLESS.replace("1000000000", "100000"))).all()


def test_no_time_left_asks_nothing(lab: Lab) -> None:
    with lab.hub.store.read() as connection, pytest.raises(TookTooLong), at_most(connection, 0):
        pytest.fail("asked")
