"""Fixtures for the tests of plugins. Loaded by pytest wherever the hub is installed, so it imports late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from hub.plugin import Services
    from hub.testing.http_server import RecordingServer

pytest.register_assert_rewrite(
    "hub.testing.sources",
    "hub.testing.targets",
    "hub.testing.listeners",
    "hub.testing.channels",
    "hub.testing.reports",
)


@pytest.fixture
def services() -> Iterator[Services]:
    """What the hub lends to a provider, with a clock that stands still at `hub.testing.values.NOW`."""
    from contextlib import ExitStack
    from threading import local

    import requests

    from hub.plugin import Services
    from hub.testing.values import NOW

    mine, opened = local(), ExitStack()

    def http() -> requests.Session:
        if not hasattr(mine, "session"):
            mine.session = opened.enter_context(requests.Session())
            mine.session.trust_env = False
        return cast("requests.Session", mine.session)

    with opened:
        yield Services(http=http, now=lambda: NOW, hub_id="testhub", base_url="https://hub.example")


@pytest.fixture
def http_server() -> Iterator[RecordingServer]:
    """A server on this machine that records requests and answers as told; 200 until then."""
    from hub.testing.http_server import RecordingServer

    with RecordingServer() as server:
        yield server
