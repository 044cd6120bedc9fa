"""Many messages over many connections: who goes when, and what one trouble means for the others."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from threading import Event, Thread

import pytest

from hub.plugin import ChannelPaused, Message, NotSent, Outcome, Rejected, Sent, Unknown
from hub.testing.channels import deliver
from hub.testing.messages import sample_message
from hub.testing.smtp_server import LINGER_RESET, Act, Drop, Hang, Phase, Say, ScriptedSmtpServer
from hub_email_smtp import SmtpChannel

MakeChannel = Callable[..., SmtpChannel]

PATIENCE_S = 30


@pytest.fixture(params=["step by step", "pipelined"])
def server(request: pytest.FixtureRequest, server: ScriptedSmtpServer) -> ScriptedSmtpServer:
    if request.param == "pipelined":
        server.extensions = ("PIPELINING",)
    return server


def messages(count: int) -> list[Message]:
    return [sample_message(id=f"inv-{number}") for number in range(count)]


def all_may_go(batch: Sequence[Message]) -> Collection[str]:
    return [message.id for message in batch]


def held(server: ScriptedSmtpServer) -> list[str]:
    """The ids of the mails that the server holds."""
    return sorted(mail.recipients[0].partition("@")[0] for mail in server.received)


def acting(phase: Phase, acts: dict[str, Act]) -> Callable[[Phase, str], Act | None]:
    """What a server does at a phase for some messages."""
    return lambda at, recipient: acts.get(recipient.partition("@")[0]) if at == phase else None


def test_all_that_wait_pass_the_point_of_no_return_together(make_channel: MakeChannel) -> None:
    first_waits, others_may = Event(), Event()
    batches: list[int] = []

    def serve() -> None:
        connections = [listener.accept()[0] for _ in range(4)]
        for connection in connections:
            for line in ("220 x", "250-x\r\n250 PIPELINING"):
                connection.sendall(f"{line}\r\n".encode())
        for connection in connections:
            until(connection, b"DATA\r\n")
        say_go(connections[0])
        first_waits.wait(PATIENCE_S)
        for connection in connections[1:]:
            say_go(connection)
        others_may.set()
        for connection in connections:
            until(connection, b"\r\n.\r\n")
            connection.sendall(b"250 Ok\r\n")
        for connection in connections:
            until(connection, b"QUIT\r\n")
            connection.close()

    def say_go(connection: socket.socket) -> None:
        connection.sendall(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")

    def point_of_no_return(batch: Sequence[Message]) -> Collection[str]:
        batches.append(len(batch))
        first_waits.set()
        assert others_may.wait(PATIENCE_S)
        return all_may_go(batch)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        channel = make_channel(port=listener.getsockname()[1], connections=4)
        told = list(channel.send_many(iter(messages(4)), point_of_no_return))
        channel.close()
        thread.join(PATIENCE_S)
    assert [type(outcome) for _, outcome in told] == [Sent] * 4
    assert batches == [1, 3]


def test_words_of_a_server_that_resets_the_connection_while_the_hub_decides_are_heard(
    make_channel: MakeChannel,
) -> None:
    is_reset = Event()

    def serve() -> None:
        connection, _ = listener.accept()
        connection.sendall(b"220 x\r\n250-x\r\n250 PIPELINING\r\n")
        until(connection, b"DATA\r\n")
        connection.sendall(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
        until(connection, b"end\r\n")
        connection.sendall(b"421 4.3.2 Shutting down\r\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        connection.close()
        is_reset.set()

    def point_of_no_return(batch: Sequence[Message]) -> Collection[str]:
        assert is_reset.wait(PATIENCE_S)
        return all_may_go(batch)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        message = replace(sample_message(), mime=lambda sender: b"Subject: x\r\n\r\nend\r\n")
        channel = make_channel(port=listener.getsockname()[1], connections=1)
        told = list(channel.send_many(iter([message]), point_of_no_return))
        thread.join(PATIENCE_S)
    assert told == [(message.id, NotSent(why="the end of the mail: 421 4.3.2 Shutting down", channel_fault=True))]


def until(connection: socket.socket, end: bytes) -> None:
    """Read until a connection has said `end`."""
    octets = b""
    while not octets.endswith(end):
        octets += connection.recv(65_536)


def test_message_that_may_not_go_costs_its_connection_and_nothing_else(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    channel = make_channel(port=server.port, connections=1)
    deliveries = deliver(channel, messages(6), refused=["inv-1", "inv-2"])
    assert sorted(id for id, outcome in deliveries.outcomes if isinstance(outcome, Sent)) == held(server)
    assert held(server) == ["inv-0", "inv-3", "inv-4", "inv-5"]
    assert server.connections == 3


def test_outcome_is_given_as_soon_as_it_is_known(server: ScriptedSmtpServer, make_channel: MakeChannel) -> None:
    server.respond = acting("dot", {"inv-0": Hang()})
    channel = make_channel(port=server.port, connections=2)
    outcomes = channel.send_many(iter(messages(2)), all_may_go)
    assert next(outcomes) == ("inv-1", Sent(detail="250 2.0.0 Ok: queued as 4XQ"))
    outcomes.close()


def test_delivery_that_is_given_up_leaves_no_connection(server: ScriptedSmtpServer, make_channel: MakeChannel) -> None:
    is_given_up = Event()
    greeted: list[None] = []

    def slow_after_the_first(phase: Phase, recipient: str) -> Act | None:
        if phase == "greeting":
            greeted.append(None)
            if len(greeted) > 1:
                is_given_up.wait(PATIENCE_S)
        return None

    server.respond = slow_after_the_first
    channel = make_channel(port=server.port, connections=3)
    outcomes = channel.send_many(iter(messages(30)), all_may_go)
    next(outcomes)
    outcomes.close()
    is_given_up.set()
    server.wait_until_all_closed()


def test_messages_are_taken_when_there_is_a_place_for_them_and_outcomes_given_before_more_may_go(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    taken: list[str] = []
    told: list[tuple[str, Outcome]] = []
    at_the_point: list[tuple[int, int]] = []

    def noting() -> Iterator[Message]:
        for message in messages(6):
            taken.append(message.id)
            yield message

    def point_of_no_return(batch: Sequence[Message]) -> Collection[str]:
        at_the_point.append((len(taken), len(told)))
        return all_may_go(batch)

    channel = make_channel(port=server.port, connections=1)
    for outcome in channel.send_many(noting(), point_of_no_return):
        told.append(outcome)
    assert at_the_point == [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4), (6, 5)]


@pytest.mark.parametrize(
    ("phase", "expected"), [("mail", NotSent), ("rcpt", NotSent), ("data", NotSent), ("dot", Unknown)]
)
def test_connection_that_falls_silent_does_not_hold_up_the_others(
    phase: Phase, expected: type, server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    silent: list[str] = []

    def once(at: Phase, recipient: str) -> Act | None:
        if at != phase or silent:
            return None
        silent.append(recipient)
        return Hang()

    server.respond = once
    channel = make_channel(port=server.port, connections=2, timeout_s=0.5)
    told = dict(deliver(channel, messages(20)).outcomes)
    assert len(told) == 20
    assert [type(outcome) for outcome in told.values() if not isinstance(outcome, Sent)] == [expected]


def test_paused_channel_hears_the_answers_to_what_departed_and_lets_go_of_the_rest(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    has_departed, is_refused = Event(), Event()

    def respond(phase: Phase, recipient: str) -> Act | None:
        if phase == "dot":
            has_departed.set()
            is_refused.wait(PATIENCE_S)
        if phase == "rcpt" and recipient.startswith("inv-1@"):
            has_departed.wait(PATIENCE_S)
            return Say(text="530 5.7.0 Authentication required")
        return None

    server.respond = respond
    taken: list[str] = []

    def noting() -> Iterator[Message]:
        for message in messages(9):
            taken.append(message.id)
            yield message

    channel = make_channel(port=server.port, connections=2)
    told: dict[str, Outcome] = {}
    with pytest.raises(ChannelPaused, match="530"):  # noqa: PT012  outcomes come first
        for id, outcome in channel.send_many(noting(), all_may_go):
            told[id] = outcome
            is_refused.set()
    assert isinstance(told.pop("inv-0"), Sent)
    assert {type(outcome) for outcome in told.values()} == {NotSent}
    assert {"inv-0", *told} == set(taken)
    assert held(server) == ["inv-0"]


def test_error_of_the_messages_is_raised_after_the_outcomes_of_those_under_way(
    server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    def broken() -> Iterator[Message]:
        yield from messages(2)
        raise LookupError("cannot render")

    told: list[tuple[str, Outcome]] = []
    with pytest.raises(LookupError):
        told.extend(channel.send_many(broken(), all_may_go))
    assert sorted(id for id, _ in told) == held(server) == ["inv-0", "inv-1"]


def test_mail_that_cannot_be_made_stops_no_other(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    def broken(sender: str) -> bytes:
        raise LookupError("no template")

    odd = replace(sample_message(id="odd"), mime=broken)
    told = dict(deliver(channel, [odd, *messages(2)]).outcomes)
    assert told["odd"] == NotSent(why="LookupError: no template", channel_fault=True)
    assert held(server) == ["inv-0", "inv-1"]


def test_error_at_the_point_of_no_return_is_not_the_channels_fault(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    calls: list[int] = []

    def away_at_first(batch: Sequence[Message]) -> Collection[str]:
        calls.append(len(batch))
        if len(calls) == 1:
            raise ConnectionError("database away")
        return all_may_go(batch)

    channel = make_channel(port=server.port, connections=1)
    told = list(channel.send_many(iter(messages(2)), away_at_first))
    assert told[0] == ("inv-0", NotSent(why="ConnectionError: database away"))
    assert isinstance(told[1][1], Sent)
    assert held(server) == ["inv-1"]


@pytest.mark.parametrize("act", [Say(text="421 4.7.0 Too many connections", hang_up=True), Drop()])
def test_server_that_takes_fewer_connections_gets_everything_over_those(
    act: Act, server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    usual = Say(text="220 x")
    server.script("greeting", usual, usual)
    server.always("greeting", act)
    channel = make_channel(port=server.port, connections=6)
    deliveries = deliver(channel, messages(30))
    assert [type(outcome) for _, outcome in deliveries.outcomes] == [Sent] * 30
    assert len(held(server)) == 30
    assert server.connections == 6
    deliver(channel, [sample_message(id=f"again-{number}") for number in range(10)])
    assert server.connections == 6, "asked for more at once"


def test_server_that_takes_no_connection_is_judged_once_for_each_message(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    server.always("greeting", Say(text="421 4.7.0 Too many connections", hang_up=True))
    deliveries = deliver(make_channel(port=server.port, connections=3), messages(4))
    assert [type(outcome) for _, outcome in deliveries.outcomes] == [NotSent] * 4
    assert deliveries.paused is None
    assert server.connections == 4


def test_address_that_one_server_cannot_carry_makes_room_for_the_next(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    odd = [sample_message(id=f"odd-{number}", to=f"jürgen{number}@customers.example") for number in range(3)]
    channel = make_channel(port=server.port, connections=1)
    server.extensions = tuple({*server.extensions} - {"SMTPUTF8"})
    told = dict(deliver(channel, [odd[0], *messages(2), *odd[1:]]).outcomes)
    assert [type(told[message.id]) for message in odd] == [Rejected] * 3
    assert held(server) == ["inv-0", "inv-1"]


def test_idle_connections_that_were_all_closed_are_replaced_side_by_side(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    channel = make_channel(port=server.port, connections=3)
    server.always("dot", Say(text="250 2.0.0 Ok", hang_up=True))
    deliver(channel, messages(3))
    server.wait_until_all_closed()
    server.always("dot", Say(text="250 2.0.0 Ok"))
    again = [sample_message(id=f"again-{number}") for number in range(9)]
    assert {type(outcome) for _, outcome in deliver(channel, again).outcomes} == {Sent}
    assert server.connections == 6


def test_answer_that_came_while_the_hub_was_slow_with_the_next_message_is_heard(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    is_slow = Event()
    channel = make_channel(port=server.port, connections=2, timeout_s=1)

    def once_slow(phase: Phase, recipient: str) -> None:
        if phase == "rcpt" and recipient.startswith("inv-1@"):
            is_slow.wait(PATIENCE_S)

    def slowly_none_more() -> Iterator[Message]:
        yield from messages(2)
        is_slow.set()
        time.sleep(1.5)

    server.respond = once_slow
    told = dict(channel.send_many(slowly_none_more(), all_may_go))
    assert [type(told[f"inv-{number}"]) for number in range(2)] == [Sent, Sent], told


SENDS_ONE = """
import sys
from hub.testing.channels import deliver
from hub.testing.messages import sample_message
from hub_email_smtp import SmtpChannel
from hub_email_smtp.settings import SmtpSchema
from plugins.email_smtp.tests.conftest import SERVICES

settings = {"host": "127.0.0.1", "port": int(sys.argv[1]), "from": "Acme <hello@acme.example>", "timeout_s": 1.5}
channel = SmtpChannel("relay", SmtpSchema().load(settings), SERVICES)
print(deliver(channel, [sample_message(id="inv-0")]).outcomes[0][1])
channel.close()
"""


def test_process_that_was_stopped_for_longer_than_its_patience_hears_what_was_said_meanwhile(
    server: ScriptedSmtpServer,
) -> None:
    is_asked, is_stopped = Event(), Event()

    def once_stopped(phase: Phase, recipient: str) -> None:
        if phase == "rcpt":
            is_asked.set()
            is_stopped.wait(PATIENCE_S)

    server.respond = once_stopped
    command = [sys.executable, "-c", SENDS_ONE, str(server.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sending:
        assert is_asked.wait(PATIENCE_S)
        sending.send_signal(signal.SIGSTOP)
        is_stopped.set()
        time.sleep(2)
        sending.send_signal(signal.SIGCONT)
        said, _ = sending.communicate(timeout=PATIENCE_S)
    assert said.startswith("Sent("), said
