"""A channel that sends is given more while it does, as long as nothing else comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hub.pipeline import supply
from hub.plugin import Sent
from hub.store import tables
from tests.lab import SETUP, Lab, identify, survey_lines

MANY = supply.FIRST + 50


@pytest.fixture
def waiting(lab: Lab) -> Lab:
    """A hub with more due than is claimed at first."""
    lab.decide(*[identify(f"u{number}") for number in range(MANY)])
    return lab


@pytest.fixture
def calls(waiting: Lab) -> Iterator[list[str]]:
    """What `send_many` was called by, one name a call."""
    channels = waiting.hub.registry.current().connections.values()
    channel = next(type(one.provider) for one in channels if one.stored.name == "relay")
    honest = channel.send_many
    seen: list[str] = []

    def send_many(self, messages, point_of_no_return):
        seen.append(self.name)
        return honest(self, messages, point_of_no_return)

    channel.send_many = send_many
    yield seen
    channel.send_many = honest


def at_the_first_mail(act: Callable[[], None]) -> Callable[..., Sent]:
    """Return how a channel sends that does something else first, once."""
    acts = [act]

    def send(message, point_of_no_return):
        point_of_no_return()
        if acts:
            acts.pop()()
        return Sent()

    return send


def test_channel_keeps_sending_from_batch_to_batch(waiting, calls):
    assert waiting.deliver() == MANY
    assert calls == ["relay"]
    assert waiting.states() == ["sent"] * MANY
    claims = {row.claim for row in waiting.invitations()}
    assert len(claims) == 2
    assert len({claim.partition(".")[0] for claim in claims}) == 1, "one worker"


def test_nothing_more_is_claimed_once_the_survey_is_switched_off(waiting):
    waiting.office.behaviour["relay"] = at_the_first_mail(lambda: waiting.set(enabled=False))
    assert waiting.deliver() == supply.FIRST
    assert waiting.states().count("scheduled") == MANY - supply.FIRST


def test_other_channels_have_their_turn_between_two_batches(lab, calls):
    second = '[channels.spare]\nkind = "fake"\n[surveys.later]\nsources = ["product"]\nchannels = ["spare"]\n'
    lab.configure(SETUP + survey_lines() + second + survey_lines())
    lab.decide(*[identify(f"v{number}") for number in range(MANY)])
    lab.deliver()
    names = [name for name, _ in lab.office.mails]
    assert names.index("spare") < len(names) - 1 - names[::-1].index("relay")
    assert set(lab.states()) == {"sent"}


def test_trouble_while_more_is_claimed_is_not_the_channels_fault(waiting):
    def lose_a_table() -> None:
        with waiting.hub.store.write() as connection:
            connection.execute(text("ALTER TABLE identity RENAME TO lost"))

    waiting.office.behaviour["relay"] = at_the_first_mail(lose_a_table)
    with pytest.raises(DBAPIError):
        waiting.deliver()
    assert waiting.states().count("sent") == supply.FIRST
    assert [row.failures for row in waiting.rows(tables.connection_state)] in ([], [0])
