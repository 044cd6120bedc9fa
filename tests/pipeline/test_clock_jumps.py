"""The clock is set in the middle of the work, as NTP does and a machine that was asleep: nothing is lost or doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from hub.pipeline import claim as claiming
from hub.pipeline import respond, sync
from hub.plugin import CustomerUpdate, Done, Message, NotSent, Sent
from hub.store import leases, outboxes, pauses, tables
from hub.store.configuration import Role
from hub.store.types import new_id
from tests.clock import days
from tests.lab import SETUP, Lab, identify, survey_lines

HOUR = timedelta(hours=1)
STEPS = pytest.mark.parametrize("step", [HOUR, -HOUR, days(1), -days(1)], ids=["+1h", "-1h", "+1d", "-1d"])
BACK = pytest.mark.parametrize("step", [HOUR, days(1)], ids=["-1h", "-1d"])
CUSTOMERS = 20


def mails(lab: Lab) -> Counter[str]:
    """Return how many mails left for each address."""
    return Counter(lab.office.addresses)


def set_back_due_times(lab: Lab) -> None:
    """Have what waits be due by the clock that was set back, as what becomes due from then on."""
    lab.change(tables.invitation, next_attempt_at=lab.clock(), due_at=lab.clock())


@STEPS
@pytest.mark.parametrize("phase", ["before departing", "after departing"])
def test_nobody_is_mailed_twice_or_forgotten_when_it_jumps_while_mails_go_out(lab: Lab, step, phase):
    lab.decide(*(identify(f"u{number}") for number in range(CUSTOMERS)))
    jumps = iter([step])

    def jump() -> None:
        lab.clock.advance(next(jumps, timedelta(0)))
        lab.sweep()  # as other workers do meanwhile

    def send(message: Message, point_of_no_return: Callable[[], None]) -> Sent:
        if phase == "before departing":
            jump()
        point_of_no_return()
        if phase == "after departing":
            jump()
        return Sent()

    lab.office.behaviour["relay"] = send
    lab.deliver()
    lab.clock.advance(abs(step))
    lab.sweep()
    lab.deliver()
    assert set(lab.states()) == {"sent"}
    assert mails(lab) == {f"u{number}@acme.example": 1 for number in range(CUSTOMERS)}


@BACK
def test_what_a_lost_worker_had_in_hand_waits_no_longer_than_the_clock_was_set_back(lab: Lab, step):
    lab.decide(identify())
    claiming.claim(lab.hub, lab.hub.registry.current(), size=200, name=f"w.{new_id()}")
    lab.clock.advance(-step)
    assert lab.sweep() == (0, 0)
    lab.clock.advance(step + leases.CLAIM_LEASE + timedelta(microseconds=1))
    assert lab.sweep() == (1, 0)
    assert lab.deliver() == 1


@BACK
def test_channel_with_a_rate_goes_on_at_its_rate_when_the_clock_was_set_back(lab: Lab, step):
    lab.configure(SETUP.replace("[targets", 'rate = "1/minute"\n[targets') + survey_lines())
    lab.decide(identify("u1"), identify("u2"), identify("u3"))
    assert lab.deliver() == 1
    lab.clock.advance(-step)
    set_back_due_times(lab)
    assert [lab.deliver(), lab.deliver()] == [1, 0]
    lab.clock.advance(timedelta(minutes=1))
    assert [lab.deliver(), lab.deliver()] == [1, 0]


@BACK
def test_paused_channel_is_tried_again_once_the_old_time_has_come(lab: Lab, step):
    lab.decide(identify())
    lab.office.behaviour["relay"] = lambda *_: NotSent(why="busy", pause=True, retry_after_s=60)
    lab.deliver()
    del lab.office.behaviour["relay"]
    lab.clock.advance(-step)
    set_back_due_times(lab)
    assert lab.deliver() == 0
    lab.clock.advance(step + pauses.FIRST_PAUSE)
    assert lab.deliver() == 1


@BACK
def test_customer_who_was_asked_is_not_asked_again_when_the_clock_was_set_back(lab: Lab, step):
    lab.set(min_interval_weeks=0.1)
    lab.decide(identify())
    lab.deliver()
    lab.clock.advance(-step)
    lab.decide(identify())
    lab.decide({**identify(), "message_id": "m1"})
    lab.deliver()
    assert sorted(lab.reasons()) == ["scheduled", "throttled"]
    assert mails(lab) == {"u1@acme.example": 1}


@BACK
def test_invitation_that_waits_is_sent_once_its_time_has_come_again(lab: Lab, step):
    lab.decide(identify())
    lab.clock.advance(-step)
    assert lab.deliver() == 0
    lab.decide(identify())
    assert sorted(lab.reasons()) == ["already_scheduled", "scheduled"]
    lab.clock.advance(step)
    assert [lab.deliver(), lab.deliver()] == [1, 0]


def test_pause_of_a_survey_that_ended_before_it_began_makes_no_invitation_late(lab: Lab):
    lab.set(send_grace_hours=3)
    lab.decide(identify())
    lab.clock.advance(2 * HOUR)
    lab.set(send_grace_hours=3, enabled=False)
    lab.clock.advance(-2 * HOUR)
    lab.set(send_grace_hours=3)
    lab.clock.advance(2 * HOUR)
    assert lab.deliver() == 1


@pytest.fixture
def answered(lab: Lab) -> Lab:
    """One customer who gave a 3."""
    lab.decide(identify())
    lab.deliver()
    answer(lab, 3)
    return lab


def answer(lab: Lab, score: int) -> None:
    """Answer the survey."""
    assert respond.answer(lab.hub, lab.token(), score, None)


@BACK
def test_newest_answer_is_told_when_the_clock_was_set_back(answered: Lab, step):
    answered.sync()
    answered.clock.advance(-step)
    answer(answered, 9)
    answered.sync()
    assert [update.rating for update in answered.crm.updates] == [3, 9]


@STEPS
@pytest.mark.parametrize("phase", ["before the call", "during the call"])
def test_sync_under_way_tells_every_answer_once(answered: Lab, step, phase):
    def jump(updates: Sequence[CustomerUpdate]) -> list[Done]:
        answered.clock.advance(step)
        return [Done() for _ in updates]

    sync.start_now(answered.hub)
    if phase == "before the call":
        answered.clock.advance(step)
    else:
        answered.crm.answer = jump
    sync.drain(answered.hub, until=1e12)
    answered.clock.advance(abs(step) + outboxes.LEASE)
    sync.drain(answered.hub, until=1e12)
    assert [row.state for row in answered.rows(tables.outbox)] == ["done"]
    assert [row.finished_at is not None for row in answered.rows(tables.sync_run)] == [True]
    assert len(answered.crm.updates) == 1


@STEPS
def test_daily_sync_of_one_day_starts_once(lab: Lab, step):
    lab.clock.advance(days(2))
    started = sync.start_daily_runs(lab.hub)
    lab.clock.advance(step)
    started += sync.start_daily_runs(lab.hub)
    lab.clock.advance(-step)
    started += sync.start_daily_runs(lab.hub)
    slots = [row.slot for row in lab.rows(tables.sync_run)]
    assert len(slots) == len(set(slots)) == len(started)
    lab.clock.advance(days(2))
    assert sync.start_daily_runs(lab.hub) == ["crm"]


@STEPS
def test_links_stay_alive(answered: Lab, step):
    answered.clock.advance(step)
    survey = respond.open_survey(answered.hub, answered.token())
    assert survey is not None
    assert (survey.score, survey.can_change) == (3, True)


def test_mail_whose_lease_ran_out_in_the_hands_of_its_channel_is_not_handed_over_again(lab: Lab):
    lab.decide(identify())
    [relay] = lab.hub.registry.current().live(Role.CHANNEL)
    handed: list[str] = []

    def send_many(messages, point_of_no_return):
        for message in messages:
            handed.append(message.id)
            lab.clock.advance(days(1))
            lab.sweep()
            handed.extend(other.id for other in messages)
            gone = point_of_no_return([message])
            yield from ((id, Sent()) for id in gone)

    relay.provider.send_many = send_many
    lab.deliver()
    assert handed == [lab.invitations()[0].id]
    assert lab.states() == ["sent"]
