"""What every channel promises, kept by this one."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from hub.testing.channels import ChannelContract, FakeProvider
from hub.testing.http_server import Answer, RecordedRequest, RecordingServer
from hub_email_sendgrid import SendGridChannel

REFUSAL = Answer(status=400, body=b'{"errors": [{"message": "No.", "field": "subject", "help": null}]}')
BREAK = Answer(fault="reset")


class FakeSendGrid:
    """SendGrid in the words of the contract."""

    def __init__(self, server: RecordingServer) -> None:
        self._server = server
        self._refuses = False

    def recipients(self) -> Sequence[str]:
        if self._refuses:
            return []
        whole = [json.loads(request.body) for request in self._server.requests if is_whole_mail(request)]
        return [mail["personalizations"][0]["to"][0]["email"] for mail in whole]

    def fail_before_departure(self) -> None:
        self._server.__exit__(None, None, None)

    def fail_after_departure(self) -> None:
        self._server.respond = lambda request: BREAK

    def refuse(self) -> None:
        self._refuses = True
        self._server.respond = lambda request: REFUSAL


def is_whole_mail(request: RecordedRequest) -> bool:
    return request.method == "POST" and len(request.body) == int(request.headers["content-length"])


class TestSendGridChannel(ChannelContract):
    @pytest.fixture
    def provider(self, sendgrid: RecordingServer) -> FakeProvider:
        return FakeSendGrid(sendgrid)

    @pytest.fixture
    def channel(self, provider: FakeProvider, channel: SendGridChannel) -> SendGridChannel:
        return channel
