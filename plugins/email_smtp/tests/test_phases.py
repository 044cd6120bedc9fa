"""Beside the fault matrix: what is handed over, and what happens while the hub decides whether it may go."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from hub.plugin import Abandoned, ChannelPaused, Message, NotSent, Outcome, Rejected, Sent, Unknown
from hub.testing.messages import sample_message
from hub.testing.smtp_server import Drop, Say, ScriptedSmtpServer
from hub_email_smtp import SmtpChannel

MakeChannel = Callable[..., SmtpChannel]


def say(text: str) -> Say:
    return Say(text=text)


def send(channel: SmtpChannel, message: Message) -> tuple[Outcome | ChannelPaused, int]:
    """Send one message; return its outcome, or the pause, and how often the point of no return was passed."""
    departures: list[str] = []
    try:
        outcome: Outcome | ChannelPaused = channel.send(message, lambda: departures.append(message.id))
    except ChannelPaused as paused:
        outcome = paused
    return outcome, len(departures)


def test_words_of_acceptance_are_kept(channel: SmtpChannel) -> None:
    assert send(channel, sample_message())[0] == Sent(detail="250 2.0.0 Ok: queued as 4XQ")


def test_unreachable_server_pauses_the_channel_for_a_minute(make_channel: MakeChannel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome, _ = send(make_channel(port=port), sample_message())
    assert isinstance(outcome, ChannelPaused)
    assert outcome.retry_after_s == 60


@pytest.mark.parametrize("reset", [False, True])
def test_server_that_closes_while_the_hub_decides_leaves_it_unknown(
    reset: bool, server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.script("body", Drop(reset=reset))
    outcome = channel.send(sample_message(), server.wait_until_all_closed)
    assert isinstance(outcome, Unknown)
    assert server.received == []


def test_server_that_gives_up_while_the_hub_decides_says_so(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    short = replace(sample_message(), mime=lambda sender: b"Subject: x\r\n")
    server.script("body", Say(text="421 4.4.2 Timed out", hang_up=True))
    outcome = channel.send(short, server.wait_until_all_closed)
    assert isinstance(outcome, NotSent)


def test_abandoned_mail_never_reaches_its_end(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    def refuse() -> None:
        raise Abandoned

    with pytest.raises(Abandoned):
        channel.send(sample_message(), refuse)
    server.wait_until_all_closed()
    assert server.received == []
    assert server.commands[-1] == "DATA"


def test_customers_address_is_kept_out_of_the_reason(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    server.script("rcpt", say("550 5.1.1 <Ada@Customers.example>: no such user"))
    outcome, _ = send(channel, sample_message(to="ada@customers.example"))
    assert isinstance(outcome, Rejected)
    assert outcome.why == "RCPT TO: 550 5.1.1 <recipient>: no such user"


@pytest.mark.parametrize("to", ["a b@x.example", "a@x.example>\r\nDATA", "a\n@x.example", "nobody", "a@x@"])
def test_address_that_smtp_cannot_carry_is_rejected(to: str, server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    outcome, departures = send(channel, replace(sample_message(), to=to))
    assert isinstance(outcome, Rejected)
    assert (departures, server.connections) == (0, 0)


def test_international_address_is_declared_where_the_server_knows_them(
    server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    outcome, _ = send(channel, sample_message(to="jürgen@customers.example"))
    assert isinstance(outcome, Sent)
    assert server.received[0].recipients == ("jürgen@customers.example",)
    assert server.received[0].mail_options == "BODY=8BITMIME SMTPUTF8"


def test_international_address_is_rejected_where_the_server_knows_none(
    server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.extensions = ("8BITMIME",)
    outcome, _ = send(channel, sample_message(to="jürgen@customers.example"))
    assert isinstance(outcome, Rejected)
    assert "SMTPUTF8" in outcome.why


def test_plain_mail_is_not_declared_as_8bit(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    send(channel, sample_message())
    assert server.received[0].mail_options == ""
