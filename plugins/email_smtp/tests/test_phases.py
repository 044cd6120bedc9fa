"""Every fault in every phase: what it means, whether the mail departed, and what the server holds afterwards."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from hub.plugin import Abandoned, ChannelPaused, Message, NotSent, Outcome, Rejected, Sent, Unknown
from hub.testing.messages import sample_message
from hub.testing.smtp_server import Act, Drop, Hang, Phase, Say, ScriptedSmtpServer
from hub_email_smtp import SmtpChannel

MakeChannel = Callable[..., SmtpChannel]

LOGIN = {"username": "hub", "password": "opaque"}
HUGE = replace(sample_message(), mime=lambda sender: b"Nobody reads this.\r\n" * 1_000_000)
CHANNEL, MESSAGE = True, False


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


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    ("phase", "expected", "held"),
    [
        ("greeting", ChannelPaused, 0),
        ("ehlo", ChannelPaused, 0),
        ("starttls", ChannelPaused, 0),
        ("auth", ChannelPaused, 0),
        ("mail", NotSent, 0),
        ("rcpt", NotSent, 0),
        ("data", NotSent, 0),
        ("dot", Unknown, 1),
    ],
)
def test_connection_lost_at(
    phase: Phase, expected: type, held: int, reset: bool, server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    server.extensions = ("AUTH PLAIN", "STARTTLS") if phase == "starttls" else ("AUTH PLAIN",)
    server.script(phase, Drop(reset=reset))
    outcome, departures = send(make_channel(port=server.port, **LOGIN), sample_message())
    assert type(outcome) is expected
    assert (departures, len(server.received)) == (held, held)


@pytest.mark.parametrize(
    ("phase", "expected", "departures"),
    [
        ("greeting", ChannelPaused, 0),
        ("ehlo", ChannelPaused, 0),
        ("auth", ChannelPaused, 0),
        ("mail", NotSent, 0),
        ("rcpt", NotSent, 0),
        ("data", NotSent, 0),
        ("body", Unknown, 1),
        ("dot", Unknown, 1),
    ],
)
def test_server_silent_at(
    phase: Phase, expected: type, departures: int, server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    server.extensions = ("AUTH PLAIN",)
    server.script(phase, Hang())
    channel = make_channel(port=server.port, timeout_s=1, **LOGIN)
    outcome, passed = send(channel, sample_message())
    assert type(outcome) is expected
    assert passed == departures


@pytest.mark.parametrize("reset", [False, True])
def test_connection_lost_inside_the_text_is_not_sent(
    reset: bool, server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.script("body", Drop(reset=reset))
    outcome, departures = send(channel, HUGE)
    assert isinstance(outcome, NotSent)
    assert (departures, server.received) == (0, [])


@pytest.mark.parametrize(
    ("phase", "act", "channel_fault"),
    [
        ("greeting", say("421 4.3.2 Too many connections"), CHANNEL),
        ("greeting", say("450 4.7.1 Later"), CHANNEL),
        ("ehlo", say("451 4.3.0 Later"), CHANNEL),
        ("starttls", say("454 4.7.0 TLS not available"), CHANNEL),
        ("auth", say("454 4.7.0 Temporary authentication failure"), CHANNEL),
        ("mail", say("452 4.3.1 Out of storage"), CHANNEL),
        ("mail", say("421 4.3.2 Shutting down"), CHANNEL),
        ("rcpt", say("450 4.7.1 Greylisted"), MESSAGE),
        ("rcpt", say("452 4.2.2 Mailbox full"), MESSAGE),
        ("rcpt", say("421 4.3.2 Shutting down"), CHANNEL),
        ("data", say("451 4.3.0 Later"), CHANNEL),
        ("dot", say("451 4.7.1 Greylisted"), MESSAGE),
        ("dot", say("452 4.3.1 Out of storage"), CHANNEL),
        ("dot", say("421 4.4.2 Timed out"), CHANNEL),
    ],
)
def test_reply_4xx_is_certainly_not_sent(
    phase: Phase, act: Act, channel_fault: bool, server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    server.extensions = ("AUTH PLAIN", "STARTTLS") if phase == "starttls" else ("AUTH PLAIN",)
    server.script(phase, act)
    outcome, departures = send(make_channel(port=server.port, **LOGIN), sample_message())
    assert isinstance(outcome, NotSent)
    assert outcome.channel_fault is channel_fault
    assert (departures, server.received) == (int(phase == "dot"), [])


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        ("greeting", "554 5.7.1 No service for you"),
        ("ehlo", "550 5.7.1 Bad name"),
        ("starttls", "501 5.5.4 No parameters"),
        ("auth", "535 5.7.8 Authentication failed"),
        ("mail", "550 5.7.1 Sender not allowed"),
        ("mail", "530 5.7.0 Authentication required"),
        ("data", "554 5.5.1 No"),
        ("rcpt", "550 5.1.8 Sender's domain does not exist"),
        ("rcpt", "550 5.1.7 Bad sender address"),
        ("rcpt", "530 5.7.0 Authentication required"),
    ],
)
def test_reply_5xx_about_the_channel_pauses_it_and_says_why(
    phase: Phase, text: str, server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    server.extensions = ("AUTH PLAIN", "STARTTLS") if phase == "starttls" else ("AUTH PLAIN",)
    server.script(phase, say(text))
    outcome, departures = send(make_channel(port=server.port, **LOGIN), sample_message())
    assert isinstance(outcome, ChannelPaused)
    assert text in outcome.why
    assert "opaque" not in outcome.why
    assert (departures, server.received) == (0, [])


@pytest.mark.parametrize(
    ("phase", "text", "no_mailbox"),
    [
        ("rcpt", "550 5.1.1 No such user", True),
        ("rcpt", "550 5.1.2 No such domain", True),
        ("rcpt", "550 5.1.10 Recipient has null MX", True),
        ("rcpt", "550-5.1.1 The account\r\n550 5.1.1 does not exist", True),
        ("rcpt", "550 No such user", False),
        ("rcpt", "552 5.2.2 Mailbox full", False),
        ("rcpt", "554 5.7.1 Blocked", False),
        ("dot", "550 5.1.1 No such user", True),
        ("dot", "550 5.1.2 Bad header address", False),
        ("dot", "554 5.7.1 Spam", False),
    ],
)
def test_reply_5xx_about_the_message_rejects_it(
    phase: Phase, text: str, no_mailbox: bool, server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.script(phase, say(text))
    outcome, departures = send(channel, sample_message())
    assert isinstance(outcome, Rejected)
    assert outcome.no_mailbox is no_mailbox
    assert (departures, server.received) == (int(phase == "dot"), [])


@pytest.mark.parametrize(
    ("phase", "text", "expected"),
    [
        ("greeting", "SSH-2.0-OpenSSH_9.2", ChannelPaused),
        ("mail", "354 Go ahead", NotSent),
        ("data", "250 Ok", NotSent),
        ("data", "x" * 10_000, NotSent),
        ("dot", "354 Go ahead", Unknown),
        ("dot", "HTTP/1.1 200 OK", Unknown),
        ("dot", "x" * 10_000, Unknown),
        ("dot", "500 " + "x" * 10_000, Unknown),
    ],
)
def test_answer_that_means_nothing_is_no_answer(
    phase: Phase, text: str, expected: type, server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.script(phase, say(text))
    outcome, _ = send(channel, sample_message())
    assert type(outcome) is expected


def test_reply_cut_off_after_the_dot_is_unknown(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    server.script("dot", Say(text="250-2.0.0 Ok", hang_up=True))
    assert isinstance(send(channel, sample_message())[0], Unknown)


def test_words_of_acceptance_are_kept(channel: SmtpChannel) -> None:
    assert send(channel, sample_message())[0] == Sent(detail="250 2.0.0 Ok: queued as 4XQ")


def test_server_that_speaks_one_byte_at_a_time_is_understood(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    server.one_byte_at_a_time = True
    assert isinstance(send(channel, sample_message())[0], Sent)


def test_server_that_knows_no_ehlo_is_greeted_the_old_way(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    server.script("ehlo", say("502 5.5.1 Not implemented"))
    assert isinstance(send(channel, sample_message())[0], Sent)


def test_unreachable_server_pauses_the_channel_for_a_minute(make_channel: MakeChannel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome, _ = send(make_channel(port=port), sample_message())
    assert isinstance(outcome, ChannelPaused)
    assert outcome.retry_after_s == 60


def test_unknown_host_pauses_the_channel(make_channel: MakeChannel) -> None:
    outcome, _ = send(make_channel(host="nowhere.invalid"), sample_message())
    assert isinstance(outcome, ChannelPaused)


def test_host_that_cannot_be_a_name_pauses_the_channel(make_channel: MakeChannel) -> None:
    outcome, _ = send(make_channel(host="mail..example"), sample_message())
    assert isinstance(outcome, ChannelPaused)


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
