"""From a due invitation to a mail that left, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from hub.plugin import ChannelPaused, NotSent, Rejected, Sent, Unknown
from hub.store import pauses, tables
from hub.store.configuration import Role
from hub.work.schedule import due_jobs
from tests.clock import NOW, days, seconds
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
    assert {row.connection_id for row in lab.rows(tables.connection_state)} == {lab.id_of(Role.CHANNEL, "relay")}


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


def test_retry_waits_for_a_due_time_that_moved_meanwhile(lab):
    lab.set(min_delay_days=1)
    lab.decide(identify(createdAt=(NOW - days(1)).isoformat()))
    lab.office.behaviour["relay"] = returning(NotSent(why="450"), departed=False)
    lab.deliver()
    lab.decide(identify(createdAt=(NOW + seconds(3600)).isoformat()))
    lab.office.behaviour.clear()
    lab.clock.advance(seconds(3600))
    assert lab.deliver() == 0
    lab.clock.advance(days(1))
    assert lab.deliver() == 1


def test_time_before_a_pause_counts_as_late_and_the_pause_does_not(lab):
    for wait, state in ((timedelta(hours=71), "sent"), (timedelta(hours=73), "cancelled")):
        lab.set()
        lab.decide(identify(state))
        lab.clock.advance(wait)
        lab.set(enabled=False)
        lab.clock.advance(days(30))
        lab.set()
        lab.deliver()
        assert lab.states()[-1] == state


def test_time_that_a_draft_waited_is_no_time_at_all(lab):
    lab.set(enabled=False)
    lab.clock.advance(days(30))
    lab.set()
    lab.decide(identify())
    lab.clock.advance(timedelta(hours=73))
    lab.deliver()
    assert [row.reason for row in lab.invitations()] == ["window_missed"]


def test_customer_who_grew_too_old_in_a_pause_is_not_asked(lab):
    lab.set(max_delay_days=14)
    lab.decide(identify(createdAt=NOW.isoformat()))
    lab.set(max_delay_days=14, enabled=False)
    lab.clock.advance(days(18))
    lab.set(max_delay_days=14)
    lab.deliver()
    assert [row.reason for row in lab.invitations()] == ["too_old"]


def test_invitation_that_is_cancelled_keeps_no_other_survey_from_asking(lab):
    second = survey_lines(quiet_period_hours=24, send_grace_hours=200)
    lab.configure(
        SETUP
        + survey_lines(send_grace_hours=1)
        + '[surveys.later]\nsources = ["product"]\nchannels = ["relay"]\n'
        + second
    )
    lab.decide(identify())
    lab.clock.advance(timedelta(hours=2))
    lab.change(tables.invitation, state="scheduled", reason=None)
    lab.deliver()
    assert sorted(lab.states()) == ["cancelled", "sent"]


# Failing channels


def test_channel_that_leaves_one_message_after_the_other_in_doubt_is_left_alone(lab):
    lab.configure(TWO_CHANNELS)
    lab.office.behaviour["relay"] = returning(Unknown(why="timeout"), departed=True)
    lab.decide(*[identify(f"u{number}") for number in range(60)])
    lab.deliver()
    in_doubt = lab.states().count("unknown")
    assert 5 <= in_doubt <= 5 + 8, "five, and those in flight by then"
    assert lab.states().count("sent") == 60 - in_doubt


def test_faults_are_counted_across_runs_and_forgotten_once_the_channel_works(lab):
    outcomes = ["doubt"] * 4 + ["fine"] + ["doubt"] * 5

    def send(message, point_of_no_return):
        point_of_no_return()
        return Unknown(why="timeout") if outcomes.pop(0) == "doubt" else Sent()

    lab.office.behaviour["relay"] = send
    for number in range(10):
        assert lab.rows(tables.connection_state) == [] or lab.rows(tables.connection_state)[0].paused_until is None
        lab.decide(identify(f"u{number}"))
        lab.deliver()
    [state] = lab.rows(tables.connection_state)
    assert state.paused_until == lab.clock() + seconds(60)
    assert "5 messages in a row failed" in state.why


def test_channel_that_failed_is_tried_with_one_message(lab):
    lab.office.behaviour["relay"] = raising(ChannelPaused("login refused"), departed=False)
    lab.decide(*[identify(f"u{number}") for number in range(30)])
    lab.deliver()
    lab.clock.advance(seconds(60))
    tried = []

    def send(message, point_of_no_return):
        tried.append(message.id)
        raise ChannelPaused("login refused")

    lab.office.behaviour["relay"] = send
    lab.deliver()
    assert len(tried) == 1
    lab.office.behaviour.clear()
    lab.clock.advance(seconds(120))
    assert lab.deliver() == 30


def test_one_trouble_raises_one_alarm(lab, caplog):
    lab.office.behaviour["relay"] = raising(ChannelPaused("login refused"), departed=False)
    lab.decide(identify())
    for _ in range(4):
        lab.deliver()
        lab.clock.advance(timedelta(hours=1))
    alarms = [record for record in caplog.records if "is paused" in record.message and record.levelname == "ERROR"]
    assert len(alarms) == 1


# Rates


RATED = (
    SETUP.replace('[channels.relay]\nkind = "fake"', '[channels.relay]\nkind = "fake"\nrate = "10/hour"')
    + survey_lines()
)


def test_channel_sends_no_more_than_its_rate(lab):
    lab.configure(RATED)
    lab.decide(*[identify(f"u{number}") for number in range(30)])
    sent_at = []
    for _ in range(60 * 5):
        sent_at += [lab.clock()] * lab.deliver()
        lab.clock.advance(seconds(60))
    assert len(sent_at) == 30
    spans = [sum(1 for at in sent_at if start <= at < start + timedelta(hours=1)) for start in sent_at]
    assert max(spans) == 10


def test_rate_is_kept_by_workers_together(lab):
    lab.configure(RATED.replace("10/hour", "200/day"))
    lab.decide(*[identify(f"u{number}") for number in range(40)])
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda _: lab.deliver(), range(4)))
    assert sum(sent) == 10, "a twentieth of a day's rate at once"
    assert lab.states().count("scheduled") == 30


def test_channel_at_its_rate_is_waited_for_and_not_passed_over(lab):
    lab.configure(RATED + SPARE)
    lab.configure(RATED.replace('channels = ["relay"]', 'channels = ["relay", "spare"]') + SPARE)
    lab.decide(*[identify(f"u{number}") for number in range(3)])
    lab.deliver()
    assert [name for name, _ in lab.office.mails] == ["relay"]


def test_nobody_is_woken_for_a_channel_at_its_rate(lab):
    lab.configure(RATED)
    lab.decide(*[identify(f"u{number}") for number in range(3)])
    assert due_jobs(lab.hub) == ["deliver"]
    lab.deliver()
    assert due_jobs(lab.hub) == []
    lab.clock.advance(timedelta(minutes=6))
    assert due_jobs(lab.hub) == ["deliver"]


@pytest.mark.parametrize("failed_before", [False, True])
def test_pause_that_another_worker_records_meanwhile_outlasts_a_mail_that_worked(scheduled, failed_before):
    relay = scheduled.id_of(Role.CHANNEL, "relay")

    def pause(asked_s: float) -> None:
        scheduled.hub.store.transact(
            lambda connection: pauses.pause(connection, relay, why="slow down", after_s=asked_s, now=scheduled.clock())
        )

    def send(message, point_of_no_return):
        point_of_no_return()
        pause(3_600)
        return Sent()

    if failed_before:
        pause(60)
        scheduled.clock.advance(seconds(61))
    scheduled.office.behaviour["relay"] = send
    scheduled.deliver()
    assert scheduled.states() == ["sent"]
    with scheduled.hub.store.read() as connection:
        assert pauses.paused(connection, scheduled.clock() + seconds(3_599)) == {
            relay: (scheduled.clock() + seconds(3_600), "slow down")
        }
