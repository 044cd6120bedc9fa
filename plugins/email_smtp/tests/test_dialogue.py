"""Who watches a channel reads what it and its server say, but no credentials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from hub.plugin import CheckFailed, Sent
from hub.testing.messages import sample_message
from hub.testing.smtp_server import Drop, Say, ScriptedSmtpServer
from hub_email_smtp import SmtpChannel
from hub_email_smtp.settings import SmtpSchema
from plugins.email_smtp.tests.conftest import SERVICES


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def server() -> Iterator[ScriptedSmtpServer]:
    with ScriptedSmtpServer(extensions=("PIPELINING", "AUTH LOGIN PLAIN")) as server:
        yield server


def watched(server: ScriptedSmtpServer, lines: list[str], **settings: Any) -> SmtpChannel:
    """Return a channel whose conversation goes into `lines`."""
    written = {
        "host": "127.0.0.1",
        "port": server.port,
        "from": "hello@acme.example",
        "helo": "hub.example",
        **settings,
    }
    return SmtpChannel("relay", SmtpSchema().load(written), replace(SERVICES, tell=lines.append))


def test_whole_dialogue_of_a_mail_is_told(server: ScriptedSmtpServer, lines: list[str]) -> None:
    channel = watched(server, lines)
    message = sample_message()
    assert isinstance(channel.send(message, lambda: None), Sent)
    channel.close()
    assert [line if "bytes" not in line else "C: (the mail)" for line in lines] == [
        f"*  connected to 127.0.0.1:{server.port}",
        "S: 220 scripted.example ESMTP",
        "C: ehlo hub.example",
        "S: 250-scripted.example",
        "S: 250-PIPELINING",
        "S: 250 AUTH LOGIN PLAIN",
        "C: MAIL FROM:<hello@acme.example>",
        f"C: RCPT TO:<{message.to}>",
        "C: DATA",
        "S: 250 2.1.0 Ok",
        "S: 250 2.1.5 Ok",
        "S: 354 Go ahead",
        "C: (the mail)",
        "C: .",
        "S: 250 2.0.0 Ok: queued as 4XQ",
        "C: QUIT",
        "S: 221 2.0.0 Bye",
    ]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_credentials_are_hidden_in_every_step_of_a_login(mechanism: str, lines: list[str]) -> None:
    with ScriptedSmtpServer(extensions=(f"AUTH {mechanism}",)) as server:
        if mechanism == "LOGIN":
            server.script("auth", Say(text="334 UGFzc3dvcmQ6\r\n235 2.7.0 Welcome"))
        with suppress(CheckFailed):  # the script knows no second step
            watched(server, lines, username="hub", password="opaque-password").check()
    begun = lines.index(f"C: AUTH {mechanism} (hidden)")
    assert "S: 235 2.7.0 " in "".join(lines[begun:])
    told = [line for line in lines if line.startswith("C: ")]
    assert set(told) - {"C: ehlo hub.example", "C: NOOP", "C: QUIT"} <= {
        f"C: AUTH {mechanism} (hidden)",
        "C: (hidden)",
    }
    assert ("C: (hidden)" in told) is (mechanism == "LOGIN")


def test_what_was_said_before_a_failure_is_told(server: ScriptedSmtpServer, lines: list[str]) -> None:
    server.script("ehlo", Say(text="421 4.3.2 Not now"))
    with pytest.raises(CheckFailed):
        watched(server, lines).check()
    assert lines[-1] == "S: 421 4.3.2 Not now"


def test_unwatched_channel_tells_nothing_and_works(server: ScriptedSmtpServer) -> None:
    server.script("greeting", Say(text="220 scripted.example ESMTP"))
    channel = SmtpChannel(
        "relay", SmtpSchema().load({"host": "127.0.0.1", "port": server.port, "from": "a@acme.example"}), SERVICES
    )
    assert isinstance(channel.send(sample_message(), lambda: None), Sent)
    channel.close()


def test_dropped_connection_ends_the_dialogue(server: ScriptedSmtpServer, lines: list[str]) -> None:
    server.script("rcpt", Drop())
    watched(server, lines).send(sample_message(), lambda: None)
    assert "C: ." not in lines
