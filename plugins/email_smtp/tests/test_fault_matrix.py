"""The fault matrix: every fault at every phase, what it means, whether the mail departed, and what the server holds.

Each row runs by `send` and by `send_many`, this step by step and pipelined. The words are those of the table in the
README.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import pytest

from hub.plugin import ChannelPaused, Message, NotSent, Outcome, Rejected, Sent
from hub.testing.channels import deliver
from hub.testing.messages import sample_message
from hub.testing.smtp_server import Act, Drop, Hang, Phase, Say, ScriptedSmtpServer
from hub_email_smtp import SmtpChannel

MakeChannel = Callable[..., SmtpChannel]

SENT = "sent"
LATER = "not sent, later again"
NEXT = "not sent, next channel"
PAUSED = "channel paused"
REJECTED = "rejected"
BOUNCED = "rejected: no such mailbox"
UNKNOWN = "unknown"

CLOSED, RESET, HANGS = Drop(), Drop(reset=True), Hang()
LOGIN = {"username": "hub", "password": "opaque"}
LONG = sample_message()
HUGE = replace(LONG, mime=lambda sender: b"Subject: x\r\n\r\n" + b"Nobody reads this.\r\n" * 1_000_000)


def say(text: str, *, hang_up: bool = False) -> Say:
    return Say(text=text, hang_up=hang_up)


@dataclass(frozen=True)
class Row:
    """What the server does at a phase, what that means, and whether the mail departed and is held."""

    name: str
    phase: Phase | None
    act: Act | None
    meaning: str
    departed: bool = False
    held: bool = False
    message: Message = LONG


MATRIX = [
    # name, phase, what the server does, what it means, departed, held
    Row("greeting: 421", "greeting", say("421 4.3.2 Too many connections"), NEXT),
    Row("greeting: 450", "greeting", say("450 4.7.1 Later"), NEXT),
    Row("greeting: 554", "greeting", say("554 5.7.1 No service for you"), PAUSED),
    Row("greeting: garbage", "greeting", say("SSH-2.0-OpenSSH_9.2"), PAUSED),
    Row("greeting: none", "greeting", HANGS, PAUSED),
    Row("greeting: closed", "greeting", CLOSED, PAUSED),
    Row("greeting: reset", "greeting", RESET, PAUSED),
    Row("EHLO: 451", "ehlo", say("451 4.3.0 Later"), NEXT),
    Row("EHLO: 502, then HELO", "ehlo", say("502 5.5.1 Not implemented"), SENT, True, True),
    Row("EHLO: 550", "ehlo", say("550 5.7.1 Bad name"), PAUSED),
    Row("EHLO: hangs", "ehlo", HANGS, PAUSED),
    Row("EHLO: closed", "ehlo", CLOSED, PAUSED),
    Row("EHLO: reset", "ehlo", RESET, PAUSED),
    Row("STARTTLS: 454", "starttls", say("454 4.7.0 TLS not available"), NEXT),
    Row("STARTTLS: 501", "starttls", say("501 5.5.4 No parameters"), PAUSED),
    Row("STARTTLS: handshake fails", "starttls", say("220 Go ahead", hang_up=True), PAUSED),
    Row("STARTTLS: handshake hangs", "starttls", say("220 Go ahead"), PAUSED),
    Row("STARTTLS: closed", "starttls", CLOSED, PAUSED),
    Row("STARTTLS: reset", "starttls", RESET, PAUSED),
    Row("AUTH: 454", "auth", say("454 4.7.0 Temporary authentication failure"), NEXT),
    Row("AUTH: 535", "auth", say("535 5.7.8 Authentication failed"), PAUSED),
    Row("AUTH: hangs", "auth", HANGS, PAUSED),
    Row("AUTH: closed", "auth", CLOSED, PAUSED),
    Row("AUTH: reset", "auth", RESET, PAUSED),
    Row("MAIL: 421", "mail", say("421 4.3.2 Shutting down"), NEXT),
    Row("MAIL: 452", "mail", say("452 4.3.1 Out of storage"), NEXT),
    Row("MAIL: 530", "mail", say("530 5.7.0 Authentication required"), PAUSED),
    Row("MAIL: 550", "mail", say("550 5.7.1 Sender not allowed"), PAUSED),
    Row("MAIL: garbage", "mail", say("354 Go ahead"), NEXT),
    Row("MAIL: hangs", "mail", HANGS, NEXT),
    Row("MAIL: closed", "mail", CLOSED, NEXT),
    Row("MAIL: reset", "mail", RESET, NEXT),
    Row("RCPT: 421", "rcpt", say("421 4.3.2 Shutting down"), NEXT),
    Row("RCPT: 450, greylisted", "rcpt", say("450 4.7.1 Greylisted"), LATER),
    Row("RCPT: 452, mailbox full", "rcpt", say("452 4.2.2 Mailbox full"), LATER),
    Row("RCPT: 530", "rcpt", say("530 5.7.0 Authentication required"), PAUSED),
    Row("RCPT: 550", "rcpt", say("550 No such user"), REJECTED),
    Row("RCPT: 550 5.1.1", "rcpt", say("550 5.1.1 No such user"), BOUNCED),
    Row("RCPT: 550 5.1.1 on two lines", "rcpt", say("550-5.1.1 The account\r\n550 5.1.1 does not exist"), BOUNCED),
    Row("RCPT: 550 5.1.2", "rcpt", say("550 5.1.2 No such domain"), BOUNCED),
    Row("RCPT: 550 5.1.7, the sender", "rcpt", say("550 5.1.7 Bad sender address"), PAUSED),
    Row("RCPT: 550 5.1.8, the sender", "rcpt", say("550 5.1.8 Sender's domain does not exist"), PAUSED),
    Row("RCPT: 550 5.1.10", "rcpt", say("550 5.1.10 Recipient has null MX"), BOUNCED),
    Row("RCPT: 552", "rcpt", say("552 5.2.2 Mailbox full"), REJECTED),
    Row("RCPT: 554", "rcpt", say("554 5.7.1 Blocked"), REJECTED),
    Row("RCPT: hangs", "rcpt", HANGS, NEXT),
    Row("RCPT: closed", "rcpt", CLOSED, NEXT),
    Row("RCPT: reset", "rcpt", RESET, NEXT),
    Row("DATA: 451", "data", say("451 4.3.0 Later"), NEXT),
    Row("DATA: 554", "data", say("554 5.5.1 No"), PAUSED),
    Row("DATA: 250 means nothing", "data", say("250 Ok"), NEXT),
    Row("DATA: a line without end", "data", say("x" * 10_000), NEXT),
    Row("DATA: hangs", "data", HANGS, NEXT),
    Row("DATA: closed", "data", CLOSED, NEXT),
    Row("DATA: reset", "data", RESET, NEXT),
    Row("before the dot: closed", "body", CLOSED, NEXT, message=HUGE),
    Row("before the dot: reset", "body", RESET, NEXT, message=HUGE),
    Row("after the headers: closed", "head", CLOSED, NEXT, message=HUGE),
    Row("after the headers: reset", "head", RESET, NEXT, message=HUGE),
    Row("before the dot: hangs, and reads on", "body", HANGS, UNKNOWN, True),
    Row("after the dot: 421", "dot", say("421 4.4.2 Timed out"), NEXT, True),
    Row("after the dot: 451, greylisted", "dot", say("451 4.7.1 Greylisted"), LATER, True),
    Row("after the dot: 452, out of storage", "dot", say("452 4.3.1 Out of storage"), NEXT, True),
    Row("after the dot: 550 5.1.1", "dot", say("550 5.1.1 No such user"), BOUNCED, True),
    Row("after the dot: 550 5.1.2", "dot", say("550 5.1.2 Bad header address"), REJECTED, True),
    Row("after the dot: 554", "dot", say("554 5.7.1 Spam"), REJECTED, True),
    Row("after the dot: 354 means nothing", "dot", say("354 Go ahead"), UNKNOWN, True),
    Row("after the dot: garbage", "dot", say("HTTP/1.1 200 OK"), UNKNOWN, True),
    Row("after the dot: a line without end", "dot", say("x" * 10_000), UNKNOWN, True),
    Row("after the dot: 500 and a line without end", "dot", say("500 " + "x" * 10_000), UNKNOWN, True),
    Row("after the dot: half an answer", "dot", say("250-2.0.0 Ok", hang_up=True), UNKNOWN, True, True),
    Row("after the dot: hangs", "dot", HANGS, UNKNOWN, True, True),
    Row("after the dot: closed", "dot", CLOSED, UNKNOWN, True, True),
    Row("after the dot: reset", "dot", RESET, UNKNOWN, True, True),
    Row("QUIT: 451", "quit", say("451 4.3.0 Later"), SENT, True, True),
    Row("QUIT: hangs", "quit", HANGS, SENT, True, True),
    Row("QUIT: reset", "quit", RESET, SENT, True, True),
    Row("no fault", None, None, SENT, True, True),
]
HAS_TIME = {"timeout_s": 10}
HAS_NONE = {"timeout_s": 0.5}


@pytest.fixture(params=["send", "send_many", "send_many, pipelined"])
def by(request: pytest.FixtureRequest, server: ScriptedSmtpServer) -> str:
    if "pipelined" in request.param:
        server.extensions = (*server.extensions, "PIPELINING")
    return str(request.param)


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.name)
def test_fault_at(row: Row, by: str, server: ScriptedSmtpServer, make_channel: MakeChannel) -> None:
    server.extensions = (*server.extensions, "AUTH PLAIN", *(["STARTTLS"] if row.phase == "starttls" else []))
    if row.phase is not None and row.act is not None:
        server.script(row.phase, row.act)
    waits = isinstance(row.act, Hang) or row.name == "STARTTLS: handshake hangs"
    login = {} if row.phase == "ehlo" else LOGIN
    channel = make_channel(port=server.port, **login, **(HAS_NONE if waits else HAS_TIME))
    meaning, why, departed = hand_over(channel, by, row.message)
    channel.close()
    assert (meaning, departed, bool(server.received)) == (row.meaning, row.departed, row.held)
    assert meaning == SENT or why
    if isinstance(row.act, Say) and re.fullmatch(r"[45]\d\d [\x20-\x7e]{1,100}", row.act.text) and meaning != SENT:
        assert row.act.text in why
    assert "opaque" not in why
    assert "@customers.example" not in why


@pytest.mark.parametrize("fault", ["refused", "times out", "unknown host", "no host name"])
def test_no_connection(fault: str, by: str, make_channel: MakeChannel, dead_port: int, full_port: int) -> None:
    settings: dict[str, Any] = {
        "refused": {"port": dead_port},
        "times out": {"port": full_port, "timeout_s": 0.3},
        "unknown host": {"host": "nowhere.invalid"},
        "no host name": {"host": "mail..example"},
    }[fault]
    meaning, why, departed = hand_over(make_channel(**settings), by, LONG)
    assert (meaning, departed) == (PAUSED, False)
    assert "Check host and port" in why


@pytest.mark.parametrize("phase", ["rcpt", "dot"])
def test_greylisted_mail_is_taken_the_next_time_and_held_once(
    phase: Phase, by: str, server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.script(phase, say("450 4.7.1 Greylisted"))
    assert [hand_over(channel, by, LONG)[0] for _ in range(2)] == [LATER, SENT]
    assert [mail.recipients for mail in server.received] == [(LONG.to,)]


def test_server_that_stops_reading_before_the_dot_is_not_sent(
    by: str, server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    is_over = Event()
    server.respond = lambda phase, recipient: CLOSED if phase == "body" and is_over.wait(30) else None
    meaning, _, departed = hand_over(make_channel(port=server.port, **HAS_NONE), by, HUGE)
    is_over.set()
    assert (meaning, departed, server.received) == (NEXT, False, [])


def test_server_that_speaks_one_byte_at_a_time_is_understood(
    by: str, server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.pause_between_bytes_s = 0.001
    assert hand_over(channel, by, LONG)[0] == SENT


def test_the_matrix_has_every_phase_that_the_server_knows() -> None:
    assert {row.phase for row in MATRIX} >= {*Phase.__args__} - {"helo", "noop", "rset"}


def hand_over(channel: SmtpChannel, by: str, message: Message) -> tuple[str, str, bool]:
    """Send one message; return what its outcome means, why, and whether it passed the point of no return."""
    if by != "send":
        seen = deliver(channel, [message])
        [(_, outcome)] = seen.outcomes
        return (*told(seen.paused or outcome), bool(seen.departed))
    departures: list[str] = []
    try:
        said: Outcome | ChannelPaused = channel.send(message, lambda: departures.append(message.id))
    except ChannelPaused as paused:
        said = paused
    assert len(departures) < 2
    return (*told(said), bool(departures))


def told(said: Outcome | ChannelPaused) -> tuple[str, str]:
    match said:
        case Sent():
            return SENT, ""
        case ChannelPaused(why=why):
            return PAUSED, why
        case NotSent(why=why, channel_fault=is_channel_fault):
            return NEXT if is_channel_fault else LATER, why
        case Rejected(why=why, no_mailbox=is_bounce):
            return BOUNCED if is_bounce else REJECTED, why
        case _:
            return UNKNOWN, said.why


@pytest.fixture
def dead_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose queue of connections is full: whoever else connects waits."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])
