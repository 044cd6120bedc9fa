"""A scripted server, and channels that talk to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from hub.plugin import Services
from hub.testing.smtp_server import ScriptedSmtpServer
from hub_email_smtp import SmtpChannel
from hub_email_smtp.settings import SmtpSchema

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVICES = Services(http=requests.Session, now=lambda: NOW, hub_id="h1", base_url="https://survey.acme.example")

MakeChannel = Callable[..., SmtpChannel]


@pytest.fixture
def server() -> Iterator[ScriptedSmtpServer]:
    with ScriptedSmtpServer() as server:
        yield server


@pytest.fixture
def make_channel() -> Iterator[MakeChannel]:
    """Make channels from settings as operators write them; all are closed at the end."""
    made: list[SmtpChannel] = []

    def make(**settings: Any) -> SmtpChannel:
        written = {"host": "127.0.0.1", "from": "Acme <hello@acme.example>", **settings}
        made.append(SmtpChannel("relay", SmtpSchema().load(written), SERVICES))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


@pytest.fixture
def channel(server: ScriptedSmtpServer, make_channel: MakeChannel) -> SmtpChannel:
    return make_channel(port=server.port)
