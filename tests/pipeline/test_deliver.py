"""From a due invitation to a mail that left, once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.plugin import ChannelPaused, NotSent, Rejected, Sent, Unknown
from hub.store import tables
from hub.store.configuration import Role
from tests.clock import days, seconds
from tests.lab import SETUP, Lab, identify, survey_lines

SPARE = """
[channels.spare]
kind = "fake"
"""
TWO_CHANNELS = SPARE + SETUP.replace('["relay"]', '["relay", "spare"]') + survey_lines()


@pytest.fixture
def scheduled(lab: Lab) -> Lab:
    """A hub with one invitation that is due."""
    lab.decide(identify())
    return lab


def raising(error: BaseException, *, departed: bool):
    def send(message, point_of_no_return):
        if departed:
            point_of_no_return()
        raise error

    return send


def returning(outcome: object, *, departed: bool):
    def send(message, point_of_no_return):
        if departed:
            point_of_no_return()
        return outcome

    return send


def test_due_invitation_is_sent_and_recorded(scheduled):
    assert scheduled.deliver() == 1
    [invitation] = scheduled.invitations()
    [(channel, message)] = scheduled.office.mails
    assert (channel, message.to, message.id) == ("relay", "u1@acme.example", invitation.id)
    assert (invitation.state, invitation.sent_at) == ("sent", scheduled.clock())
    assert invitation.provider_id == f"p-{invitation.id}"


def test_invitation_is_not_sent_a_microsecond_before_it_is_due(lab):
    lab.set(min_delay_days=3)
    lab.decide(identify(createdAt=lab.clock().isoformat()))
    lab.clock.advance(days(3) - timedelta(microseconds=1))
    assert lab.deliver() == 0
    lab.clock.advance(timedelta(microseconds=1))
    assert lab.deliver() == 1


def test_nothing_of_a_paused_survey_is_sent_and_its_pause_is_not_lateness(scheduled):
    scheduled.set(enabled=False)
    scheduled.clock.advance(days(30))
    assert scheduled.deliver() == 0
    assert scheduled.states() == ["scheduled"]
    scheduled.set()
    assert scheduled.deliver() == 1


def test_mail_that_is_later_than_its_grace_is_cancelled(scheduled):
    scheduled.clock.advance(timedelta(hours=72))
    late = scheduled
    late.decide(identify("u2"))
    late.clock.advance(timedelta(microseconds=1))
    late.deliver()
    assert [(row.state, row.reason) for row in late.invitations()] == [("cancelled", "window_missed"), ("sent", None)]


@pytest.mark.parametrize(
    ("behaviour", "state"),
    [
        (returning(Sent(), departed=True), "sent"),
        (returning(Sent(), departed=False), "sent"),
        (returning(NotSent(why="busy"), departed=False), "queued"),
        (returning(NotSent(why="busy"), departed=True), "queued"),
        (returning(Rejected(why="no"), departed=False), "rejected"),
        (returning(Rejected(why="no"), departed=True), "rejected"),
        (returning(Unknown(why="cut off"), departed=True), "unknown"),
        (returning(None, departed=True), "unknown"),
        (returning(None, departed=False), "queued"),
        (returning("250 OK", departed=True), "unknown"),
        (returning("250 OK", departed=False), "queued"),
        (raising(OSError("refused"), departed=False), "queued"),
        (raising(OSError("cut off"), departed=True), "unknown"),
        (raising(ChannelPaused("login refused"), departed=False), "queued"),
        (raising(ChannelPaused("cut off"), departed=True), "unknown"),
    ],
)
def test_state_follows_from_the_outcome_and_the_phase(scheduled, behaviour, state):
    scheduled.office.behaviour["relay"] = behaviour
    scheduled.deliver()
    assert scheduled.states() == [state]
    [row] = scheduled.invitations()
    assert (row.sent_at is None) == (state in {"queued", "rejected"} and row.sent_at is None)
    assert row.lease_until is None


def test_outcome_of_a_strange_type_harms_no_other_message(lab):
    lab.decide(*[identify(f"u{number}") for number in range(6)])

    def send(message, point_of_no_return):
        point_of_no_return()
        return True if message.to.startswith("u3") else Sent(provider_id=7)

    lab.office.behaviour["relay"] = send
    lab.deliver()
    assert sorted(lab.states()) == ["sent"] * 5 + ["unknown"]


def test_rejected_for_want_of_a_mailbox_is_a_hard_bounce(scheduled):
    scheduled.office.behaviour["relay"] = returning(Rejected(why="5.1.1", no_mailbox=True), departed=False)
    scheduled.deliver()
    scheduled.decide(identify())
    assert scheduled.reasons() == ["scheduled", "suppressed"]


def test_mailbox_refused_for_good_is_left_alone_for_seven_days(scheduled):
    scheduled.office.behaviour["relay"] = returning(Rejected(why="5.7.1"), departed=False)
    scheduled.deliver()
    scheduled.clock.advance(days(7) - timedelta(microseconds=1))
    scheduled.decide(identify())
    scheduled.clock.advance(timedelta(microseconds=1))
    scheduled.decide(identify())
    assert scheduled.reasons() == ["scheduled", "recently_refused", "scheduled"]


def test_failed_attempts_are_spaced_out_and_end_with_the_grace(scheduled):
    scheduled.office.behaviour["relay"] = returning(NotSent(why="busy"), departed=False)
    waits = []
    while scheduled.states() == ["queued"] or not waits:
        scheduled.deliver()
        [row] = scheduled.invitations()
        if row.state == "queued":
            waits.append((row.next_attempt_at - scheduled.clock()).total_seconds())
            scheduled.clock.advance(seconds(waits[-1]))
    assert waits[:4] == [60, 120, 240, 480]
    assert max(waits) == 7200
    assert scheduled.invitations()[0].reason == "window_missed"


def test_retry_waits_as_long_as_the_provider_says(scheduled):
    scheduled.office.behaviour["relay"] = returning(NotSent(why="429", retry_after_s=3600), departed=False)
    scheduled.deliver()
    assert scheduled.invitations()[0].next_attempt_at == scheduled.clock() + timedelta(hours=1)


@pytest.mark.parametrize("count", [1, 30])
def test_paused_channel_loses_nothing_and_takes_up_again(lab, count):
    lab.decide(*[identify(f"u{number}") for number in range(count)])
    lab.office.behaviour["relay"] = raising(ChannelPaused("login refused", retry_after_s=600), departed=False)
    lab.deliver()
    assert lab.states() == ["queued"] * count
    lab.office.behaviour.clear()
    assert lab.deliver() == 0
    lab.clock.advance(seconds(600))
    assert lab.deliver() == count


def test_paused_channel_is_taken_up_again_by_messages_it_never_saw(lab):
    """A channel that overrides `send_many` may pause before it takes a single message."""
    lab.decide(*[identify(f"u{number}") for number in range(3)])
    channel = type(lab.hub.registry.current().channel(lab.invitations()[0].channel_id or _relay(lab)))
    honest = channel.send_many

    def refuse(self, messages, point_of_no_return):
        raise ChannelPaused("unreachable")
        yield

    channel.send_many = refuse
    lab.deliver()
    channel.send_many = honest
    lab.clock.advance(seconds(60))
    assert lab.deliver() == 3


def _relay(lab: Lab) -> str:
    return next(iter(lab.hub.registry.current().surveys.values())).connections["channel"][0]


def test_channel_that_is_at_fault_hands_over_to_the_next(lab):
    lab.configure(TWO_CHANNELS)
    lab.office.behaviour["relay"] = returning(NotSent(why="login", channel_fault=True), departed=False)
    lab.decide(identify())
    lab.deliver()
    assert [name for name, _ in lab.office.mails] == ["spare"]


def test_paused_channel_hands_over_to_the_next(lab):
    lab.configure(TWO_CHANNELS)
    lab.office.behaviour["relay"] = raising(ChannelPaused("login"), departed=False)
    lab.decide(*[identify(f"u{number}") for number in range(20)])
    lab.deliver()
    assert {name for name, _ in lab.office.mails} == {"spare"}
    assert lab.states() == ["sent"] * 20


def test_channel_that_asks_for_a_pause_after_the_point_of_no_return_gets_one(lab):
    lab.configure(TWO_CHANNELS)
    refused = NotSent(why="401: the key is refused", pause=True)
    lab.office.behaviour["relay"] = returning(refused, departed=True)
    lab.decide(*[identify(f"u{number}") for number in range(20)])
    lab.deliver()
    tried_first = [name for name, _ in lab.office.mails].count("relay")
    assert 1 <= tried_first <= 16, "those in flight, and none after them"
    assert lab.states() == ["sent"] * 20
    assert {row.channel_id for row in lab.rows(tables.channel_state)} == {lab.id_of(Role.CHANNEL, "relay")}


def test_invitation_waits_where_the_one_channel_it_did_not_try_is_away_and_then_goes(lab):
    lab.configure(TWO_CHANNELS)
    lab.office.behaviour["relay"] = raising(ChannelPaused("login"), departed=False)
    lab.office.behaviour["spare"] = raising(ChannelPaused("login", retry_after_s=86_400), departed=False)
    lab.decide(*[identify(f"u{number}") for number in range(20)])
    lab.deliver()
    lab.office.behaviour.clear()
    for _ in range(3):
        lab.clock.advance(seconds(61))
        lab.deliver()
    assert lab.states() == ["sent"] * 20


@pytest.mark.parametrize("outcome", [Rejected(why="no such user"), Unknown(why="cut off"), NotSent(why="greylisted")])
def test_judgement_on_the_message_never_hands_over_to_the_next_channel(lab, outcome):
    lab.configure(TWO_CHANNELS)
    lab.office.behaviour["relay"] = returning(outcome, departed=True)
    lab.decide(identify())
    lab.deliver()
    assert {name for name, _ in lab.office.mails} == {"relay"}


def test_attempts_are_kept_for_people(lab):
    lab.configure(TWO_CHANNELS)
    lab.office.behaviour["relay"] = returning(NotSent(why="login", channel_fault=True), departed=False)
    lab.decide(identify())
    lab.deliver()
    assert sorted(row.outcome for row in lab.rows(tables.attempt)) == ["not_sent", "sent"]


def test_newest_name_and_address_are_read_when_the_mail_is_made(lab):
    lab.set(min_delay_days=1)
    lab.decide(identify(createdAt=lab.clock().isoformat(), firstName="Ada"))
    lab.decide({"user_id": "u1", "traits": {"email": "new@acme.example", "firstName": "Grace"}})
    lab.clock.advance(days(1))
    lab.deliver()
    [(_, message)] = lab.office.mails
    assert message.to == "new@acme.example"
    assert "Grace" in message.text
