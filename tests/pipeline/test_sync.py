"""Answers on their way to the targets: the newest of everybody, daily and on demand."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from hub.admin.configuration.connections import resume
from hub.pipeline import sync
from hub.pipeline.respond import answer
from hub.plugin import Done, Parked, Retry
from hub.store import outboxes, tables
from hub.store.configuration import Role
from tests.clock import NOW, days, seconds
from tests.lab import SETUP, Lab, identify, survey_lines


@pytest.fixture
def answered(lab: Lab) -> Lab:
    """A hub with one customer's answer."""
    lab.decide(identify(), {"user_id": "u1", "anonymous_id": "a1", "traits": {}})
    lab.deliver()
    answer(lab.hub, lab.token(), 9, "lovely")
    return lab


def states(lab: Lab) -> list[str]:
    return [row.state for row in lab.rows(tables.outbox, "created_at", "version")]


def test_answer_reaches_the_target_once(answered):
    assert answered.sync() == 1
    assert answered.sync() == 0
    [update] = answered.crm.updates
    assert (update.rating, update.comment, update.rated_at, update.survey) == (9, "lovely", NOW, "onboarding")
    assert (update.person.user_id, update.person.anonymous_ids) == ("u1", ("a1",))
    assert states(answered) == ["done"]


def test_unchanged_answer_is_never_synced_twice(answered):
    answered.sync()
    answer(answered.hub, answered.token(), 9, "lovely")
    answered.sync()
    assert len(answered.crm.updates) == 1


def test_changed_answer_is_synced_again_under_another_message_id(answered):
    answered.sync()
    answered.clock.advance(seconds(1))
    answer(answered.hub, answered.token(), 2, None)
    answered.sync()
    assert [update.rating for update in answered.crm.updates] == [9, 2]
    assert len({update.message_id for update in answered.crm.updates}) == 2


def test_later_comment_is_synced_with_the_time_of_the_rating(answered):
    answered.sync()
    answered.clock.advance(seconds(60))
    answer(answered.hub, answered.token(), 9, "even more")
    answered.sync()
    assert answered.crm.updates[-1].rated_at == NOW


def test_update_says_when_its_version_was_given_and_whether_its_rating_is_news(answered):
    answered.sync()
    answered.clock.advance(seconds(60))
    answer(answered.hub, answered.token(), 9, "even more")
    answered.sync()
    answered.clock.advance(seconds(60))
    answer(answered.hub, answered.token(), 2, "not any more")
    answered.sync()
    updates = answered.crm.updates
    assert [update.is_rating_told for update in updates] == [False, True, False]
    assert [update.given_at for update in updates] == [NOW, NOW + seconds(60), NOW + seconds(120)]
    assert {update.first_rated_at for update in updates} == {NOW}


def test_rating_that_no_target_took_is_still_news(answered):
    answered.crm.answer = lambda updates: [Retry(why="busy") for _ in updates]
    answered.sync()
    answered.clock.advance(days(1))
    answer(answered.hub, answered.token(), 9, "even more")
    answered.sync()
    assert [update.is_rating_told for update in answered.crm.updates] == [False, False]


def test_newest_answer_of_a_person_wins_across_surveys(lab):
    lab.configure(SETUP + survey_lines() + second_survey())
    lab.decide(identify())
    lab.deliver()
    answer(lab.hub, lab.token(0), 1, None)
    lab.clock.advance(seconds(1))
    answer(lab.hub, lab.token(1), 10, None)
    lab.sync()
    assert [update.rating for update in lab.crm.updates] == [10]
    assert states(lab) == ["superseded", "done"]


def second_survey() -> str:
    return '[surveys.later]\nsources = ["product"]\nchannels = ["relay"]\ntargets = ["crm"]\n' + survey_lines()


def test_older_answer_never_goes_out_after_a_newer(answered):
    answered.crm.answer = lambda updates: [Retry(why="busy") for _ in updates]
    answered.sync()
    answered.clock.advance(seconds(1))
    answer(answered.hub, answered.token(), 2, None)
    answered.crm.answer = lambda updates: [Done() for _ in updates]
    answered.clock.advance(days(1))
    answered.sync()
    assert [update.rating for update in answered.crm.updates] == [9, 2]
    assert states(answered) == ["superseded", "done"]


def test_answer_that_changes_while_the_older_is_in_hand_goes_out_last(answered):
    def change_meanwhile(updates):
        if len(answered.crm.updates) == 1:
            answered.clock.advance(seconds(1))
            answer(answered.hub, answered.token(), 2, None)
            raise OSError("cut off")
        return [Done() for _ in updates]

    answered.crm.answer = change_meanwhile
    answered.sync()
    answered.clock.advance(days(1))
    answered.sync()
    assert [update.rating for update in answered.crm.updates] == [9, 2]
    assert states(answered) == ["superseded", "done"]


@pytest.mark.parametrize(
    "behaviour",
    [
        lambda updates: [Retry(why="busy") for _ in updates],
        lambda updates: [],
        lambda updates: [Done(), Done()],
        lambda updates: None,
        lambda updates: [None for _ in updates],
        lambda updates: ["done" for _ in updates],
        lambda updates: 1 / 0,
    ],
)
def test_update_that_was_not_taken_is_tried_again(answered, behaviour):
    answered.crm.answer = behaviour
    assert answered.sync() == 0
    assert states(answered) == ["pending"]
    assert answered.rows(tables.outbox)[0].next_attempt_at == NOW + seconds(60)
    answered.crm.answer = lambda updates: (Done() for _ in updates)
    answered.clock.advance(seconds(60))
    assert answered.sync() == 1


def test_waits_grow_to_six_hours(answered):
    answered.crm.answer = lambda updates: [Retry(why="busy") for _ in updates]
    waits = []
    for _ in range(12):
        answered.sync()
        waits.append((answered.rows(tables.outbox)[0].next_attempt_at - answered.clock()).total_seconds())
        answered.clock.advance(seconds(waits[-1]))
    assert waits[:4] == [60, 120, 240, 480]
    assert waits[-1] == 6 * 3600


def test_target_says_how_long_to_wait(answered):
    answered.crm.answer = lambda updates: [Retry(why="429", after_s=7200) for _ in updates]
    answered.sync()
    assert answered.rows(tables.outbox)[0].next_attempt_at == NOW + timedelta(hours=2)


def test_refused_update_is_parked_for_a_person_and_the_run_ends(answered):
    answered.crm.answer = lambda updates: [Parked(why="no id", code="no_segment_id") for _ in updates]
    answered.sync()
    [row] = answered.rows(tables.outbox)
    [run] = answered.rows(tables.sync_run)
    assert (row.state, row.code) == ("parked", "no_segment_id")
    assert (run.finished_at, run.counts["parked"]) == (NOW, 1)
    answered.clock.advance(days(1))
    answered.sync()
    assert len(answered.crm.updates) == 1


def test_worker_that_vanished_leaves_its_updates_to_the_next(answered):
    target_id = answered.id_of(Role.TARGET, "crm")
    lease = {"before": NOW, "claim": "gone", "limit": 10, "now": NOW}
    answered.hub.store.transact(lambda connection: outboxes.lease(connection, target_id, **lease))
    answered.clock.advance(outboxes.LEASE)
    assert answered.sync() == 0
    answered.clock.advance(seconds(1))
    assert answered.sync() == 1


def test_run_stays_open_until_nothing_is_to_be_tried_again(answered):
    answered.crm.answer = lambda updates: [Retry(why="busy") for _ in updates]
    answered.sync()
    assert answered.rows(tables.sync_run)[0].finished_at is None
    answered.crm.answer = lambda updates: [Done() for _ in updates]
    answered.clock.advance(seconds(60))
    sync.drain(answered.hub, until=float("inf"))
    assert [(run.counts["done"], run.finished_at) for run in answered.rows(tables.sync_run)] == [(1, answered.clock())]


# The daily run


def set_daily(lab: Lab, at: str, zone: str, *, since: datetime) -> None:
    lab.clock.moment = since
    daily = f'[targets.daily]\nkind = "fake"\nsync_at = "{at}"\nsync_timezone = "{zone}"'
    lab.configure(SETUP.replace('[targets.crm]\nkind = "fake"', daily).replace('["crm"]', '["daily"]') + survey_lines())


def starts(lab: Lab, until: datetime, step: timedelta) -> list[datetime]:
    """Return the moments at which a scheduler that asks every `step` starts a run."""
    found = []
    while lab.clock() < until:
        if sync.start_daily_runs(lab.hub):
            found.append(lab.clock())
        lab.clock.advance(step)
    return found


@pytest.mark.parametrize(
    ("zone", "since", "expected"),
    [
        ("UTC", datetime(2026, 3, 11, tzinfo=UTC), ["11 02:30", "12 02:30", "13 02:30"]),
        # Clocks go from 02:00 to 03:00 on the 29th: 02:30 does not exist, 03:00 is next.
        ("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC), ["28 01:30", "29 01:00", "30 00:30"]),
        # Clocks go from 03:00 back to 02:00 on the 25th: 02:30 comes twice and counts once.
        ("Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC), ["24 00:30", "25 00:30", "26 01:30"]),
        ("America/New_York", datetime(2026, 3, 11, tzinfo=UTC), ["11 06:30", "12 06:30", "13 06:30"]),
    ],
)
def test_daily_run_starts_once_a_day_at_its_local_time(lab, zone, since, expected):
    set_daily(lab, "02:30", zone, since=since)
    found = starts(lab, since + days(3), timedelta(minutes=10))
    assert [f"{moment:%d %H:%M}" for moment in found] == expected


def test_run_missed_while_the_hub_was_away_is_caught_up_once(lab):
    set_daily(lab, "03:00", "UTC", since=NOW)
    lab.clock.advance(days(5))
    assert sync.start_daily_runs(lab.hub) == ["daily"]
    assert sync.start_daily_runs(lab.hub) == []


def test_run_of_before_the_target_was_made_is_not_caught_up(lab):
    set_daily(lab, "03:00", "UTC", since=NOW)
    assert sync.start_daily_runs(lab.hub) == []


def test_two_schedulers_start_one_run(lab):
    set_daily(lab, "03:00", "UTC", since=NOW)
    lab.clock.advance(days(1))
    started = [
        lab.hub.store.transact(
            lambda connection: outboxes.start_run(connection, "crm", "daily", "2026-03-12T03:00:00+00:00", NOW)
        )
        for _ in range(2)
    ]
    assert started == [True, False]


def test_comment_on_an_older_answer_neither_goes_out_nor_overtakes_the_newest(lab):
    lab.configure(SETUP + survey_lines() + second_survey())
    lab.decide(identify())
    lab.deliver()
    answer(lab.hub, lab.token(0), 3, None)
    lab.clock.advance(seconds(60))
    answer(lab.hub, lab.token(1), 9, None)
    lab.clock.advance(seconds(60))
    answer(lab.hub, lab.token(0), 3, "slow support")
    lab.sync()
    assert [update.rating for update in lab.crm.updates] == [9]
    answer(lab.hub, lab.token(0), 3, "very slow support")
    lab.sync()
    assert [update.rating for update in lab.crm.updates] == [9]


def test_answer_that_changed_back_before_the_sync_is_not_synced_again(answered):
    answered.sync()
    answer(answered.hub, answered.token(), 9, "so so")
    answer(answered.hub, answered.token(), 9, "lovely")
    answered.sync()
    assert len(answered.crm.updates) == 1
    assert states(answered) == ["done", "superseded", "done"]


def test_answer_that_changed_back_while_the_first_is_in_hand_is_synced(answered):
    def change_back(updates):
        if len(answered.crm.updates) == 1:
            answer(answered.hub, answered.token(), 9, "so so")
            answer(answered.hub, answered.token(), 9, "lovely")
            raise OSError("cut off")
        return [Done() for _ in updates]

    answered.crm.answer = change_back
    answered.sync()
    answered.clock.advance(days(1))
    answered.sync()
    assert [update.comment for update in answered.crm.updates] == ["lovely", "lovely"]
    assert states(answered).count("done") == 1


def test_target_is_told_only_about_people_whose_ids_it_knows(lab):
    two = SETUP.replace('kind = "fake"\n[channels', 'kind = "fake"\nnamespace = "shop"\n[channels', 1)
    lab.configure(two + survey_lines())
    lab.decide(identify("7"))
    lab.deliver()
    answer(lab.hub, lab.token(), 9, None)
    lab.crm.answer = lambda updates: [Done() if update.person.user_id else Parked(why="no id") for update in updates]
    lab.sync()
    assert [update.person.user_id for update in lab.crm.updates] == [None]
    assert states(lab) == ["parked"]


def test_target_of_a_namespace_knows_its_ids(lab):
    shop = SETUP.replace('kind = "fake"\n[channels', 'kind = "fake"\nnamespace = "shop"\n[channels', 1)
    shop = shop.replace('[targets.crm]\nkind = "fake"', '[targets.crm]\nkind = "fake"\nnamespace = "shop"')
    lab.configure(shop + survey_lines())
    lab.decide(identify("7"))
    lab.deliver()
    answer(lab.hub, lab.token(), 9, None)
    lab.sync()
    assert [update.person.user_id for update in lab.crm.updates] == ["7"]


@pytest.fixture
def many(lab: Lab) -> Lab:
    """A hub with more answers than a target takes in two calls."""
    lab.decide(*[identify(f"u{number:03}") for number in range(250)])
    lab.deliver()
    for invitation in lab.invitations():
        answer(lab.hub, lab.hub.keys.token_of(invitation.id), 9, None)
    return lab


def test_target_that_asks_for_time_is_not_called_again_before_it_is_over(many):
    many.crm.answer = lambda updates: [Retry(why="429", after_s=3600) for _ in updates]
    many.sync()
    assert len(many.crm.updates) == 100
    many.clock.advance(seconds(3599))
    many.sync()
    assert len(many.crm.updates) == 100
    many.crm.answer = lambda updates: [Done() for _ in updates]
    many.clock.advance(seconds(1))
    assert many.sync() == 250


def test_target_that_is_resumed_is_called_again_at_once(many):
    many.crm.answer = lambda updates: [Retry(why="429", after_s=3600) for _ in updates]
    many.sync()
    many.crm.answer = lambda updates: [Done() for _ in updates]
    assert resume(many.hub, Role.TARGET, "crm")
    assert many.sync() == 250


def test_one_update_that_fails_does_not_hold_up_the_others(many):
    many.crm.answer = lambda updates: [
        Retry(why="locked") if update.person.user_id == "u007" else Done() for update in updates
    ]
    assert many.sync() == 249


def test_what_comes_after_a_run_began_waits_for_the_next(answered):
    answered.crm.answer = lambda updates: [Retry(why="busy") for _ in updates]
    answered.sync()
    answered.decide(identify("u2"))
    answered.deliver()
    answered.clock.advance(seconds(1))
    answer(answered.hub, answered.token(1), 3, None)
    answered.crm.answer = lambda updates: [Done() for _ in updates]
    answered.clock.advance(seconds(120))
    sync.drain(answered.hub, until=time.monotonic() + 60)
    assert [update.person.user_id for update in answered.crm.updates] == ["u1", "u1"]
    answered.sync()
    assert answered.crm.updates[-1].person.user_id == "u2"
