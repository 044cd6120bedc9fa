"""Hubs whose surroundings fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.breakable import BreakableRedis, breakable_redis
from tests.servers import SmtpSink, find_valkey, smtp


@pytest.fixture(scope="module")
def breakable() -> Iterator[BreakableRedis]:
    """A Valkey that the tests of a module may break."""
    if find_valkey() is None:
        pytest.skip("Valkey is not installed")
    with breakable_redis() as server:
        yield server


@pytest.fixture(scope="module")
def sink() -> Iterator[SmtpSink]:
    """An SMTP server that the tests of a module share."""
    with smtp() as server:
        yield server
