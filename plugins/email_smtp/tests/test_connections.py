"""Connections are kept, replaced and closed."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from hub.plugin import NotSent, Rejected, Sent
from hub.testing.channels import deliver
from hub.testing.messages import sample_message
from hub.testing.smtp_server import Drop, Phase, Say, ScriptedSmtpServer
from hub_email_smtp import SmtpChannel

MakeChannel = Callable[..., SmtpChannel]


def pass_by() -> None:
    """A point of no return that lets everything go."""


def test_one_connection_carries_many_messages(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    for number in range(5):
        assert isinstance(channel.send(sample_message(id=f"inv-{number}"), pass_by), Sent)
    assert (server.connections, len(server.received)) == (1, 5)


def test_each_message_has_a_connection_of_its_own_while_there_may_be_more_and_they_are_kept(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    channel = make_channel(port=server.port, connections=4)
    for run, expected in enumerate([2, 4, 4]):
        messages = [sample_message(id=f"inv-{run}-{number}") for number in range([2, 9, 9][run])]
        assert len(deliver(channel, messages).outcomes) == len(messages)
        assert server.connections == expected


@pytest.mark.parametrize(
    ("phase", "act", "expected"),
    [
        ("rcpt", Say(text="550 5.1.1 No such user"), Rejected),
        ("rcpt", Say(text="450 4.7.1 Greylisted"), NotSent),
        ("data", Say(text="451 4.3.0 Later"), NotSent),
        ("dot", Say(text="554 5.7.1 Spam"), Rejected),
    ],
)
def test_connection_survives_a_refusal(
    phase: Phase, act: Say, expected: type, server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.script(phase, act)
    assert isinstance(channel.send(sample_message(id="refused"), pass_by), expected)
    assert isinstance(channel.send(sample_message(id="next"), pass_by), Sent)
    assert server.connections == 1
    assert [mail.recipients for mail in server.received] == [("next@customers.example",)]


def test_connection_is_given_up_after_421(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    server.script("rcpt", Say(text="421 4.3.2 Shutting down"))
    assert isinstance(channel.send(sample_message(id="one"), pass_by), NotSent)
    server.wait_until_all_closed()
    assert isinstance(channel.send(sample_message(id="two"), pass_by), Sent)


@pytest.mark.parametrize(
    "act",
    [
        Say(text="250 2.0.0 Ok", hang_up=True),
        Say(text="250 2.0.0 Ok\r\n421 4.4.2 Idle for too long", hang_up=True),
    ],
)
def test_idle_connection_that_the_server_dropped_is_replaced_unseen(
    act: Say, server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    server.script("dot", act)
    assert isinstance(channel.send(sample_message(id="one"), pass_by), Sent)
    server.wait_until_all_closed()
    assert isinstance(channel.send(sample_message(id="two"), pass_by), Sent)
    assert (server.connections, len(server.received)) == (2, 2)


def test_replacement_of_a_dropped_connection_is_not_replaced_again(
    server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    channel.send(sample_message(id="one"), pass_by)
    server.always("mail", Drop())
    assert isinstance(channel.send(sample_message(id="two"), pass_by), NotSent)
    assert server.connections == 2


def test_idle_connection_dropped_later_than_mail_is_not_retried(
    server: ScriptedSmtpServer, channel: SmtpChannel
) -> None:
    channel.send(sample_message(id="one"), pass_by)
    server.script("rcpt", Drop())
    assert isinstance(channel.send(sample_message(id="two"), pass_by), NotSent)
    assert server.connections == 1


def test_connection_is_replaced_after_its_share_of_messages(
    server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    channel = make_channel(port=server.port, messages_per_connection=2)
    for number in range(5):
        channel.send(sample_message(id=f"inv-{number}"), pass_by)
    assert [mail.connection for mail in server.received] == [1, 1, 2, 2, 3]
    assert server.commands.count("QUIT") == 2


@pytest.mark.parametrize("act", [Drop(), Say(text="500 5.5.1 No"), Say(text="421 4.3.2 No", hang_up=True)])
def test_trouble_at_quit_changes_nothing(
    act: Say | Drop, server: ScriptedSmtpServer, make_channel: MakeChannel
) -> None:
    server.always("quit", act)
    channel = make_channel(port=server.port, messages_per_connection=1)
    for number in range(2):
        assert isinstance(channel.send(sample_message(id=f"inv-{number}"), pass_by), Sent)
    channel.close()
    assert len(server.received) == 2


def test_close_says_goodbye_and_leaves_no_connection(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    channel.send(sample_message(), pass_by)
    channel.close()
    server.wait_until_all_closed()
    assert server.commands[-1] == "QUIT"


def test_connection_in_use_is_closed_when_its_message_is_done(server: ScriptedSmtpServer, channel: SmtpChannel) -> None:
    assert isinstance(channel.send(sample_message(), channel.close), Sent)
    server.wait_until_all_closed()


def test_logs_hold_no_addresses(channel: SmtpChannel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    channel.send(sample_message(), pass_by)
    assert caplog.records
    assert "@" not in caplog.text
