"""How many connections a server is asked for."""

from __future__ import annotations

import logging

import pytest

from hub_email_smtp.phase import Phase, Refused
from hub_email_smtp.pool import SessionPool
from hub_email_smtp.session import SmtpSession

TOO_MANY = Refused(Phase.GREETING, 421, "4.7.0 Too many connections")


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(clock: Clock) -> SessionPool:
    return SessionPool(no_connection, connections=16, clock=clock)


def no_connection() -> SmtpSession:
    raise TOO_MANY


def test_server_that_refused_a_connection_is_asked_for_more_a_minute_later(pool: SessionPool, clock: Clock) -> None:
    pool.took_only(5, TOO_MANY)
    clock.now += 59
    assert pool.room() == 5
    clock.now += 1
    assert pool.room() == 16


def test_limit_of_a_server_is_told_once_for_all_connections_that_it_refused(
    pool: SessionPool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for working in range(10, 4, -1):
        pool.took_only(working, TOO_MANY)
    assert pool.room() == 5
    assert [record.getMessage() for record in caplog.records] == [
        "The server took fewer than 16 connections: the greeting: 421 4.7.0 Too many connections"
    ]
