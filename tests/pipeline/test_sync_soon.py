"""Targets that are told of answers soon: each once it has settled, without a run of its own."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from hub.pipeline import sync
from hub.pipeline.respond import answer
from hub.plugin import Done, Retry
from hub.store import tables
from hub.work.schedule import due_jobs
from tests.clock import NOW, days, seconds
from tests.lab import SETUP, Lab, identify, survey_lines

MINUTES = 60


@pytest.fixture
def soon(lab: Lab) -> Lab:
    """A hub with two customers asked, whose target is told soon."""
    configure(lab, 'sync = "soon"')
    lab.decide(identify("u1"), identify("u2"))
    lab.deliver()
    return lab


def configure(lab: Lab, target: str) -> None:
    lab.configure(
        SETUP.replace('[targets.crm]\nkind = "fake"', f'[targets.crm]\nkind = "fake"\n{target}') + survey_lines()
    )


def tick(lab: Lab) -> bool:
    """Do what the scheduler does, and the work that it asks for; return whether it asked."""
    sync.start_daily_runs(lab.hub)
    sync.start_soon_runs(lab.hub)
    is_asked = "sync" in due_jobs(lab.hub)
    if is_asked:
        sync.drain(lab.hub, until=time.monotonic() + 60)
    return is_asked


def ticks(lab: Lab, span_s: float, *, every_s: float = 30) -> int:
    """Tick for so long; return how often work was asked for."""
    end, asked = lab.clock() + timedelta(seconds=span_s), 0
    while lab.clock() < end:
        lab.clock.advance(seconds(every_s))
        asked += tick(lab)
    return asked


def scores(lab: Lab) -> list[int]:
    return [update.rating for update in lab.crm.updates]


def runs(lab: Lab) -> list[tuple[str, str, int, bool]]:
    found = lab.rows(tables.sync_run, "slot")
    return [(run.kind, run.slot, run.counts.get("done", 0), run.finished_at is not None) for run in found]


def test_answer_goes_out_once_it_has_settled(soon):
    answer(soon.hub, soon.token(), 9, None)
    assert ticks(soon, 4 * MINUTES) == 0
    assert ticks(soon, 1 * MINUTES) == 1
    assert scores(soon) == [9]


def test_score_and_the_comment_that_follows_go_out_once(soon):
    answer(soon.hub, soon.token(), 9, None)
    ticks(soon, 3 * MINUTES)
    answer(soon.hub, soon.token(), 9, "lovely")
    ticks(soon, 60 * MINUTES)
    assert [update.comment for update in soon.crm.updates] == ["lovely"]


def test_comment_after_the_score_was_told_goes_out_by_itself(soon):
    answer(soon.hub, soon.token(), 9, None)
    ticks(soon, 6 * MINUTES)
    answer(soon.hub, soon.token(), 9, "lovely")
    ticks(soon, 6 * MINUTES)
    assert [update.comment for update in soon.crm.updates] == ["", "lovely"]


def test_nothing_is_asked_for_and_nothing_told_again_while_there_is_no_answer(soon):
    answer(soon.hub, soon.token(), 9, None)
    assert ticks(soon, 6 * 60 * MINUTES, every_s=60) == 1
    assert scores(soon) == [9]


def test_one_run_a_day_counts_all_of_it(soon):
    answer(soon.hub, soon.token(0), 9, None)
    ticks(soon, 6 * MINUTES)
    answer(soon.hub, soon.token(1), 3, None)
    ticks(soon, 6 * MINUTES)
    assert runs(soon) == [("soon", f"{NOW:%Y-%m-%d}", 2, True)]


def test_each_day_with_answers_has_its_run(soon):
    answer(soon.hub, soon.token(0), 9, None)
    ticks(soon, 6 * MINUTES)
    soon.clock.advance(days(2))
    answer(soon.hub, soon.token(1), 3, None)
    ticks(soon, 6 * MINUTES)
    assert runs(soon) == [
        ("soon", f"{NOW:%Y-%m-%d}", 1, True),
        ("soon", f"{NOW + days(2):%Y-%m-%d}", 1, True),
    ]


def test_answers_given_while_the_hub_was_away_are_told_at_once_when_it_is_back(soon):
    answer(soon.hub, soon.token(), 9, None)
    soon.clock.advance(days(3))
    assert tick(soon)
    assert scores(soon) == [9]


def test_target_that_asks_for_time_is_left_alone_and_then_told_of_all(soon):
    soon.crm.answer = lambda updates: [Retry(why="429", after_s=3600) for _ in updates]
    answer(soon.hub, soon.token(0), 9, None)
    ticks(soon, 5 * MINUTES)
    soon.crm.answer = lambda updates: [Done() for _ in updates]
    answer(soon.hub, soon.token(1), 3, None)
    assert ticks(soon, 59 * MINUTES) == 0
    ticks(soon, 2 * MINUTES)
    assert scores(soon) == [9, 3, 9] or scores(soon) == [9, 9, 3]


def test_one_update_that_is_tried_again_later_does_not_hold_up_new_answers(soon):
    soon.crm.answer = lambda updates: [
        Retry(why="locked", after_s=6 * 3600) if update.rating == 9 and len(updates) > 1 else Done()
        for update in updates
    ]
    answer(soon.hub, soon.token(0), 9, None)
    answer(soon.hub, soon.token(1), 3, None)
    ticks(soon, 6 * MINUTES)
    soon.decide(identify("u3"))
    soon.deliver()
    answer(soon.hub, soon.token(2), 5, None)
    ticks(soon, 6 * MINUTES)
    assert sorted(scores(soon)) == [3, 5, 9]


def test_sync_now_waits_for_nothing_to_settle(soon):
    answer(soon.hub, soon.token(), 9, None)
    assert soon.sync() == 1
    ticks(soon, 10 * MINUTES)
    assert scores(soon) == [9]


def test_target_told_soon_has_no_daily_run(soon):
    soon.clock.advance(days(2))
    assert sync.start_daily_runs(soon.hub) == []


def test_two_schedulers_take_up_one_run(soon):
    answer(soon.hub, soon.token(), 9, None)
    soon.clock.advance(seconds(5 * MINUTES))
    assert (sync.start_soon_runs(soon.hub), sync.start_soon_runs(soon.hub)) == (["crm"], [])


def test_run_ends_when_the_target_is_told_daily_again(soon):
    soon.crm.answer = lambda updates: [Retry(why="busy") for _ in updates]
    answer(soon.hub, soon.token(0), 9, None)
    ticks(soon, 5 * MINUTES)
    configure(soon, 'sync = "daily"')
    soon.crm.answer = lambda updates: [Done() for _ in updates]
    soon.clock.advance(seconds(1))
    answer(soon.hub, soon.token(1), 3, None)
    ticks(soon, 20 * MINUTES)
    assert scores(soon)[1:] == [9]
    assert [finished for *_, finished in runs(soon)] == [True]


@pytest.mark.parametrize("minutes", [0, 0.5, 30])
def test_time_to_settle_can_be_set(lab, minutes):
    configure(lab, f'sync = "soon"\nsettle_minutes = {minutes}')
    lab.decide(identify())
    lab.deliver()
    answer(lab.hub, lab.token(), 9, None)
    lab.clock.advance(seconds(minutes * MINUTES - 1))
    assert not tick(lab)
    lab.clock.advance(seconds(1))
    assert tick(lab)
