"""Where the server offers PIPELINING a mail costs one round trip, and no mail is in doubt for that."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread

import pytest

from hub.plugin import Message, NotSent, Outcome, Rejected, Sent, Unknown
from hub.testing.channels import deliver
from hub.testing.messages import sample_message
from hub.testing.smtp_server import Act, Drop, Hang, Phase, Say, ScriptedSmtpServer
from hub_email_smtp import SmtpChannel

MakeChannel = Callable[..., SmtpChannel]

MAIL, RCPT, DATA = "MAIL FROM:<hello@acme.example>", "RCPT TO:<inv-{}@customers.example>", "DATA"


@pytest.fixture
def server(server: ScriptedSmtpServer) -> ScriptedSmtpServer:
    server.extensions = ("PIPELINING",)
    return server


@pytest.fixture
def channel(server: ScriptedSmtpServer, make_channel: MakeChannel) -> SmtpChannel:
    return make_channel(port=server.port, connections=1, timeout_s=5)


def messages(count: int) -> list[Message]:
    return [short(sample_message(id=f"inv-{number}")) for number in range(count)]


def short(message: Message) -> Message:
    return replace(message, mime=lambda sender: b"Subject: x\r\n\r\n" + message.id.encode() + b"\r\n")


def outcomes(channel: SmtpChannel, sent: Sequence[Message]) -> list[Outcome]:
    """Deliver messages and return their outcomes, in the order of the messages."""
    told = dict(deliver(channel, sent).outcomes)
    return [told[message.id] for message in sent]


@pytest.mark.parametrize("one_byte_at_a_time", [False, True])
def test_answers_that_come_together_are_told_apart(
    one_byte_at_a_time: bool, server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    def together(phase: Phase, recipient: str) -> Act | None:
        is_last = recipient.startswith("inv-2@")
        answers: dict[Phase, str] = {"mail": "250-2.1.0\r\n250 2.1.0 Ok", "rcpt": "250 2.1.5 Ok"}
        if phase == "dot" and not is_last:
            return Say(text=f"250 2.0.0 Ok: queued for {recipient[:5]}", waits=True)
        return Say(text=answers[phase], waits=True) if phase in answers else None

    server.respond, server.one_byte_at_a_time = together, one_byte_at_a_time
    deliveries = deliver(channel, messages(3))
    assert deliveries.outcomes == [
        ("inv-0", Sent(detail="250 2.0.0 Ok: queued for inv-0")),
        ("inv-1", Sent(detail="250 2.0.0 Ok: queued for inv-1")),
        ("inv-2", Sent(detail="250 2.0.0 Ok: queued as 4XQ")),
    ]
    assert (deliveries.most_in_doubt, server.connections) == (1, 1)


@pytest.mark.parametrize(
    ("extension", "writes"),
    [
        (
            "PIPELINING",
            [
                f"{MAIL}\r\n{RCPT.format(0)}\r\nDATA\r\n",
                "Subject: x\r\n\r\ninv-0\r\n",
                f".\r\n{MAIL}\r\n{RCPT.format(1)}\r\nDATA\r\n",
                "Subject: x\r\n\r\ninv-1\r\n",
                ".\r\n",
            ],
        ),
        (
            "X-NOTHING",
            [
                *[f"{MAIL}\r\n", f"{RCPT.format(0)}\r\n", "DATA\r\n", "Subject: x\r\n\r\ninv-0\r\n", ".\r\n"],
                *[f"{MAIL}\r\n", f"{RCPT.format(1)}\r\n", "DATA\r\n", "Subject: x\r\n\r\ninv-1\r\n", ".\r\n"],
            ],
        ),
    ],
)
def test_commands_go_out_together_only_where_that_is_offered(
    extension: str, writes: list[str], make_channel: MakeChannel
) -> None:
    answers = {
        b"EHLO": f"250-x\r\n250 {extension}",
        b"MAIL": "250",
        b"RCPT": "250",
        b"DATA": "354",
        b".": "250",
        b"QUIT": "221",
    }
    arrived: SimpleQueue[str] = SimpleQueue()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 x\r\n")
            while octets := connection.recv(65_536):
                said = [answers[word] for line in octets.split(b"\r\n") if (word := line[:4].upper()) in answers]
                connection.sendall("".join(f"{one}\r\n" for one in said).encode())
                arrived.put(octets.decode())

    seen: list[str] = []

    def point_of_no_return(batch: Sequence[Message]) -> Collection[str]:
        seen.append(arrived.get(timeout=30))
        while not seen[-1].startswith("Subject"):
            seen.append(arrived.get(timeout=30))
        return [message.id for message in batch]

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        channel = make_channel(port=listener.getsockname()[1], connections=1)
        told = [type(outcome) for _, outcome in channel.send_many(iter(messages(2)), point_of_no_return)]
        channel.close()
        thread.join(30)
    assert told == [Sent, Sent]
    assert [*seen[1:], arrived.get_nowait()] == writes


def test_recipient_refused_while_the_text_is_asked_for_sends_nothing(
    server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.script("rcpt", Say(text="550 5.1.1 No such user"))
    server.script("data", Say(text="354 Go ahead"))
    refused, sent = outcomes(channel, messages(2))
    assert refused == Rejected(why="RCPT TO: 550 5.1.1 No such user", no_mailbox=True)
    assert isinstance(sent, Sent)
    assert server.unfinished == [b""]
    assert [mail.recipients for mail in server.received] == [("inv-1@customers.example",)]
    assert server.connections == 2


@pytest.mark.parametrize(
    ("phase", "act", "expected"),
    [
        (
            "mail",
            Say(text="452 4.3.1 Out of storage"),
            NotSent(why="MAIL FROM: 452 4.3.1 Out of storage", channel_fault=True),
        ),
        ("rcpt", Say(text="450 4.7.1 Greylisted"), NotSent(why="RCPT TO: 450 4.7.1 Greylisted")),
        ("data", Say(text="451 4.3.0 Later"), NotSent(why="DATA: 451 4.3.0 Later", channel_fault=True)),
    ],
)
def test_refused_message_is_reset_together_with_the_beginning_of_the_next(
    phase: Phase, act: Say, expected: Outcome, server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.script(phase, act)
    server.always("rset", Say(text="250 2.0.0 Ok", waits=True))
    refused, sent = outcomes(channel, messages(2))
    assert refused == expected
    assert isinstance(sent, Sent)
    assert (server.connections, server.commands.count("RSET")) == (1, 1)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (Drop(), Unknown),
        (Drop(reset=True), Unknown),
        (Say(text="garbage"), Unknown),
        (Say(text="421 4.3.2 Shutting down"), NotSent),
        (Say(text="554 5.7.1 Spam"), Rejected),
        (Say(text="250 2.0.0 Ok", hang_up=True), Sent),
        (Say(text="250 2.0.0 Ok\r\n421 4.7.0 One mail each", hang_up=True), Sent),
    ],
)
def test_message_whose_beginning_went_out_with_a_dot_is_never_in_doubt(
    act: Act, expected: type, server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.script("dot", act)
    first, second = outcomes(channel, messages(2))
    assert isinstance(first, expected)
    assert isinstance(second, Sent)
    assert [mail.recipients for mail in server.received].count(("inv-1@customers.example",)) == 1


def test_message_behind_a_dot_that_is_never_answered_is_certainly_not_sent(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    server.script("greeting", Say(text="220 x"), Drop())
    server.script("dot", Hang())
    channel = make_channel(port=server.port, connections=1, timeout_s=0.5)
    first, second = outcomes(channel, messages(2))
    assert first == Unknown(why="no answer at the end of the mail: timed out")
    assert isinstance(second, NotSent)
    assert [mail.recipients for mail in server.received] == [("inv-0@customers.example",)]


def test_server_that_takes_one_message_a_connection_gets_them_all(
    server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.always("dot", Say(text="250 2.0.0 Ok", hang_up=True))
    assert {type(outcome) for outcome in outcomes(channel, messages(10))} == {Sent}
    assert (server.connections, len(server.received)) == (10, 10)


def test_connection_is_not_begun_on_beyond_its_share(server: ScriptedSmtpServer, make_channel: MakeChannel) -> None:
    channel = make_channel(port=server.port, connections=1, messages_per_connection=2)
    assert {type(outcome) for outcome in outcomes(channel, messages(5))} == {Sent}
    assert [mail.connection for mail in server.received] == [1, 1, 2, 2, 3]
    assert server.commands.count("QUIT") == 2


def test_mails_larger_than_every_buffer_pass_side_by_side(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    channel = make_channel(port=server.port, connections=2)
    large = [replace(message, mime=lambda sender: b"." * 10 + b"\r\n.\r\n" * 1_000_000) for message in messages(4)]
    assert {type(outcome) for outcome in outcomes(channel, large)} == {Sent}
    assert [mail.data for mail in server.received] == [large[0].mime("")] * 4
