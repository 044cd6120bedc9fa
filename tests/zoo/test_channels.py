"""Bad channels: nobody is mailed twice, nothing is lost, the good channel goes on, and the bad one is named."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest

from hub.admin.operations.channels import channels
from hub.domain.reasons import Stop
from hub.plugin import SurveyChannel
from hub.store import suppressions, tables
from hub.store.configuration import Role
from tests.clock import seconds
from tests.zoo.keeper import Zoo

USERS = ["u0", "u1", "u2", "u3", "u4", "u5"]
NOBODY: list[str] = []


@pytest.mark.parametrize(
    ("kind", "states", "left", "words"),
    [
        ("exits_before", ["queued"] * 6, NOBODY, "messages in a row failed, the last one: SystemExit: 3"),
        ("passes_twice", ["unknown"] * 6, USERS, "passed the point of no return twice"),
        ("never_passes", ["sent"] * 6, USERS, "sent a mail without passing the point of no return"),
        ("passes_with_strangers", ["sent"] * 6, USERS, "with a message that it was not given"),
        ("talks_nonsense", ["sent"] * 6, USERS, "gave an outcome for a message that it was not given"),
        ("yields_no_pairs", ["unknown"] + ["queued"] * 5, ["u0"], "TypeError"),
        ("asks_for_nonsense", ["queued"] * 6, NOBODY, "None"),
        ("tells_addresses", ["queued"] * 6, NOBODY, "cannot write to (address)"),
        ("has_no_name", ["sent"] * 6, USERS, "could not say in whose name it sends"),
    ],
)
def test_bad_channel_harms_itself_alone(zoo, kind, states, left, words):
    zoo.let_in_channel(kind)
    zoo.identify(*USERS)
    zoo.lab.deliver()
    assert (zoo.states("good"), zoo.left("good")) == (["sent"] * 6, USERS)
    assert sorted(zoo.states("bad")) == sorted(states)
    assert (len(zoo.left("bad")), max(Counter(zoo.left("bad")).values(), default=1)) == (len(left), 1)
    assert words in zoo.said()
    assert "@" not in "".join(channel.sentence for channel in channels(zoo.lab.hub))
    assert zoo.broken() == []


def test_what_one_mail_of_a_channel_ends_leaves_the_others_as_they_are(zoo):
    zoo.let_in_channel("exits_after")
    zoo.identify(*USERS)
    zoo.lab.deliver()
    assert zoo.states("bad") == ["sent", "sent", "sent", "unknown", "sent", "sent"]
    assert [row.detail for row in zoo.lab.rows(tables.attempt) if row.outcome == "unknown"] == ["SystemExit: 3"]
    assert zoo.left("bad") == zoo.left("good") == USERS


def test_channel_that_swallows_abandoned_is_stopped_and_named(zoo):
    zoo.let_in_channel("swallows")
    zoo.identify("u0")
    bad(zoo).before = lambda message: zoo.lab.hub.store.transact(
        lambda connection: suppressions.suppress(connection, message.to, Stop.UNSUBSCRIBED, now=zoo.lab.clock())
    )
    zoo.lab.deliver()
    assert zoo.states("bad") == ["cancelled"]
    assert zoo.left("bad") == []
    assert "sent a mail that must not be sent any more" in zoo.said()
    assert "channels.bad is left alone until" in zoo.said()


def test_channel_that_hangs_is_left_behind_and_cannot_send_any_more(zoo, impatient):
    impatient("DONE_WITHIN_S")
    zoo.let_in_channel("hangs_sending_many")
    zoo.identify(*USERS)
    zoo.deliver_impatiently()
    assert sorted(zoo.states("bad")) == ["queued"] * 4 + ["sent", "unknown"]
    assert (zoo.states("good"), zoo.left("good")) == (["sent"] * 6, USERS)
    assert "channels.bad is left alone until" in zoo.said()
    assert "its plugin did not come back from send within" in zoo.said()
    hanging = bad(zoo)
    with suppress(Exception):
        assert hanging.kept.id not in hanging.ask([hanging.kept])  # it comes back after all
    assert "sending" not in zoo.states("bad")
    assert len(zoo.left("bad")) == 1


def test_channel_on_trial_holds_one_worker_and_not_all(zoo, impatient):
    impatient("DONE_WITHIN_S")
    zoo.let_in_channel("hangs_sending_many")
    zoo.identify(*USERS)
    zoo.deliver_impatiently()
    zoo.lab.clock.advance(seconds(61))
    tried: list[int] = []
    bad(zoo).send_many = lambda messages, point_of_no_return: iter(tried.append(another_worker(zoo)) or ())
    zoo.lab.deliver()
    assert tried == [0]


def another_worker(zoo: Zoo) -> int:
    """Return how many mails another worker would send meanwhile."""
    return zoo.lab.deliver()


def test_worker_that_sleeps_past_its_claim_is_refused(zoo):
    zoo.let_in_channel("honest")
    zoo.identify("u0")
    channel = bad(zoo)

    def oversleep(message):
        channel.before = lambda message: None
        zoo.lab.clock.advance(seconds(121))
        zoo.lab.sweep()
        another_worker(zoo)

    channel.before = oversleep
    zoo.lab.deliver()
    assert (zoo.states("bad"), zoo.left("bad")) == (["sent"], ["u0"])
    assert zoo.broken() == []


def test_worker_that_sleeps_past_its_departure_is_believed_late_and_nobody_is_mailed_again(zoo):
    zoo.let_in_channel("honest")
    zoo.identify("u0")
    seen: list[str] = []

    def oversleep(message):
        zoo.lab.clock.advance(seconds(181))
        zoo.lab.sweep()
        another_worker(zoo)
        seen.extend(zoo.states("bad"))

    bad(zoo).after = oversleep
    zoo.lab.deliver()
    zoo.lab.deliver()
    assert seen == ["unknown"]
    assert (zoo.states("bad"), zoo.left("bad")) == (["sent"], ["u0"])


def bad(zoo: Zoo) -> SurveyChannel:
    """Return the bad channel, of which a test may change what it does."""
    channel = zoo.bad(Role.CHANNEL)
    assert isinstance(channel, SurveyChannel)
    return channel
