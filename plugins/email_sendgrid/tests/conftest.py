"""A stand-in for SendGrid, and channels that talk to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hub.plugin import Services
from hub.testing.http_server import Answer, RecordedRequest, RecordingServer
from hub_email_sendgrid import SendGridChannel

MINIMAL = {"api_key": "SG.opaque", "from": "Acme <hello@acme.example>"}

MakeChannel = Callable[..., SendGridChannel]


@pytest.fixture
def make_channel(services: Services) -> MakeChannel:
    """Make channels from settings as operators write them."""

    def make(**settings: Any) -> SendGridChannel:
        return SendGridChannel("relay", SendGridChannel.config_schema().load({**MINIMAL, **settings}), services)

    return make


@pytest.fixture
def sendgrid(http_server: RecordingServer) -> RecordingServer:
    """A server that takes every mail, and knows every key."""
    http_server.respond = _respond
    return http_server


@pytest.fixture
def channel(sendgrid: RecordingServer, make_channel: MakeChannel) -> SendGridChannel:
    return make_channel(host=sendgrid.url)


def _respond(request: RecordedRequest) -> Answer:
    if request.path == "/v3/scopes":
        return Answer(body=b'{"scopes": ["mail.send", "sender_verification_eligible"]}')
    return Answer(status=202, body=b"", headers={"X-Message-Id": "sg-1"})
