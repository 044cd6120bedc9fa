"""What every channel promises, kept by this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from hub.testing.channels import ChannelContract, FakeProvider
from hub.testing.smtp_server import Act, Drop, Phase, Say, ScriptedSmtpServer
from hub_email_smtp import SmtpChannel


class FakeMailServer:
    """A mail server in the words of the contract."""

    def __init__(self, server: ScriptedSmtpServer, *, before: tuple[Phase, Act], refusal: tuple[Phase, Act]) -> None:
        self._server = server
        self._before = before
        self._refusal = refusal

    def recipients(self) -> Sequence[str]:
        return [recipient for mail in self._server.received for recipient in mail.recipients]

    def fail_before_departure(self) -> None:
        self._server.always(*self._before)

    def fail_after_departure(self) -> None:
        self._server.always("dot", Drop())

    def refuse(self) -> None:
        self._server.always(*self._refusal)


class TestWithAServerThatHangsUp(ChannelContract):
    @pytest.fixture
    def provider(self, server: ScriptedSmtpServer) -> FakeProvider:
        refusal = Say(text="550 5.1.1 No such user")
        return FakeMailServer(server, before=("greeting", Drop()), refusal=("rcpt", refusal))

    @pytest.fixture
    def channel(
        self, provider: FakeProvider, server: ScriptedSmtpServer, make_channel: Callable[..., SmtpChannel]
    ) -> SmtpChannel:
        return make_channel(port=server.port)


class TestWithAServerThatSaysNo(ChannelContract):
    @pytest.fixture
    def provider(self, server: ScriptedSmtpServer) -> FakeProvider:
        busy, spam = Say(text="421 4.3.2 Busy", hang_up=True), Say(text="554 5.7.1 Spam")
        return FakeMailServer(server, before=("ehlo", busy), refusal=("dot", spam))

    @pytest.fixture
    def channel(
        self, provider: FakeProvider, server: ScriptedSmtpServer, make_channel: Callable[..., SmtpChannel]
    ) -> SmtpChannel:
        return make_channel(port=server.port)


class TestWithAServerThatPipelines(TestWithAServerThatHangsUp):
    @pytest.fixture
    def channel(
        self, provider: FakeProvider, server: ScriptedSmtpServer, make_channel: Callable[..., SmtpChannel]
    ) -> SmtpChannel:
        server.extensions = ("PIPELINING",)
        return make_channel(port=server.port, connections=5)
