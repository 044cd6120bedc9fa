"""What is counted in the background: mails and answers by day, people, and earlier answers under a new trait."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from hub.pipeline import count
from hub.pipeline.respond import answer
from hub.plugin import Rejected
from hub.store import asking_counts, holds, tables
from hub.store.asking_counts import Asked, Reach
from hub.store.configuration import raise_revision
from hub.work.jobs import JOBS
from hub.work.schedule import background_jobs
from tests.clock import NOW
from tests.lab import Lab, identify
from tests.pipeline.test_score_counts import counted, is_counted_right


def choose(lab: Lab, *names: str) -> None:
    """Have scores counted by these traits."""
    with lab.hub.store.write() as connection:
        count.choose_traits(connection, names, lab.clock())
        raise_revision(connection)


def run(lab: Lab) -> bool:
    """Count what is due."""
    return count.drain(lab.hub, until=time.monotonic() + 60)


def asked(lab: Lab, days: int = 0) -> Asked | None:
    """Return what is known of the mails of the last days."""
    first = (lab.clock() - timedelta(days=days)).date()
    with lab.hub.store.read() as connection:
        return asking_counts.asked(connection, [lab.survey_id], first, None)


def reach(lab: Lab, survey_id: str | None = None) -> Reach | None:
    """Return how many people are known to have been asked."""
    with lab.hub.store.read() as connection:
        return asking_counts.reach(connection, survey_id)


@pytest.fixture
def at_work(lab: Lab) -> Lab:
    """Three people were asked and one answered; a fourth has no address."""
    lab.decide(*(identify(f"u{n}", plan="pro") for n in range(3)), {"user_id": "u9", "traits": {"plan": "pro"}})
    lab.deliver()
    answer(lab.hub, lab.token(), 9, None)
    return lab


def test_mails_and_their_answers_are_counted_by_day(at_work: Lab) -> None:
    assert asked(at_work) is None
    assert run(at_work)
    assert asked(at_work) == Asked(sent=3, answered=1, counted_at=at_work.clock())


def test_young_day_is_counted_anew_soon_and_an_old_one_later(at_work: Lab) -> None:
    run(at_work)
    answer(at_work.hub, at_work.token(1), 9, None)
    at_work.clock.advance(count.EVERY - timedelta(seconds=1))
    run(at_work)
    before = asked(at_work)
    at_work.clock.advance(timedelta(seconds=1))
    run(at_work)
    after = asked(at_work)
    assert before is not None
    assert after is not None
    assert (before.answered, after.answered) == (1, 2)
    at_work.clock.advance(timedelta(days=100))
    run(at_work)
    old = asked(at_work, 101)
    at_work.clock.advance(timedelta(hours=1))
    run(at_work)
    assert asked(at_work, 101) == old


def test_people_with_an_address_are_counted_and_who_of_them_was_asked(at_work: Lab) -> None:
    assert reach(at_work) is None
    run(at_work)
    assert reach(at_work) == Reach(people=3, asked=3, counted_at=at_work.clock())
    at_work.set(enabled=False)
    at_work.decide(identify("u4"))
    at_work.clock.advance(count.PEOPLE_EVERY)
    run(at_work)
    assert reach(at_work, at_work.survey_id) == Reach(people=4, asked=3, counted_at=at_work.clock())
    assert reach(at_work, "another") == Reach(people=4, asked=0, counted_at=at_work.clock())


def test_who_was_refused_a_mail_or_waits_for_one_after_a_restore_was_not_asked(at_work: Lab) -> None:
    at_work.office.behaviour["relay"] = lambda message, depart: Rejected(why="550 unknown", no_mailbox=True)
    at_work.decide(identify("refused"))
    at_work.deliver()
    at_work.set(min_delay_days=30)
    at_work.decide(identify("waiting", createdAt=NOW.isoformat()))
    now = at_work.clock()
    at_work.hub.store.transact(lambda connection: holds.begin(connection, backup_made_at=now, now=now))
    run(at_work)
    assert reach(at_work) == Reach(people=5, asked=3, counted_at=now)
    assert reach(at_work, at_work.survey_id) == Reach(people=5, asked=3, counted_at=now)


@pytest.mark.parametrize("state", ["unknown", "bounced", "complained"])
def test_who_was_sent_a_mail_was_asked_whatever_became_of_it(at_work: Lab, state: str) -> None:
    at_work.change(tables.invitation, state=state)
    run(at_work)
    assert reach(at_work) == Reach(people=3, asked=3, counted_at=at_work.clock())


def test_people_are_counted_some_at_a_time(at_work: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking_counts, "PEOPLE_AT_ONCE", 1)
    assert not count.drain(at_work.hub, until=time.monotonic())
    assert JOBS["count"](at_work.hub) == []
    assert reach(at_work) == Reach(people=3, asked=3, counted_at=at_work.clock())


def test_counting_is_due_every_few_minutes(at_work: Lab) -> None:
    assert "count" in background_jobs(at_work.hub)
    run(at_work)
    assert "count" not in background_jobs(at_work.hub)
    at_work.clock.advance(count.EVERY)
    assert "count" in background_jobs(at_work.hub)


def test_earlier_answers_are_counted_under_a_trait_that_is_chosen(
    at_work: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count, "ANSWERS_AT_ONCE", 1)
    answer(at_work.hub, at_work.token(1), 3, None)
    run(at_work)
    choose(at_work, "plan")
    assert "count" in background_jobs(at_work.hub)
    answer(at_work.hub, at_work.token(2), 8, None)
    run(at_work)
    assert {key: number for key, number in counted(at_work).items() if key[0] == "plan"} == {
        ("plan", "pro", 9): 1,
        ("plan", "pro", 3): 1,
        ("plan", "pro", 8): 1,
    }
    assert is_counted_right(at_work)


def test_filling_goes_on_until_answers_that_were_on_their_way_have_come(at_work: Lab) -> None:
    run(at_work)
    choose(at_work, "plan")
    run(at_work)
    assert "count" in background_jobs(at_work.hub)
    at_work.clock.advance(count.STRAGGLERS)
    run(at_work)
    assert "count" not in background_jobs(at_work.hub)


def test_trait_that_is_no_longer_chosen_leaves_nothing_behind(at_work: Lab) -> None:
    choose(at_work, "plan")
    run(at_work)
    choose(at_work)
    at_work.clock.advance(count.STRAGGLERS)
    run(at_work)
    assert {row.segment for row in at_work.rows(tables.score_count)} == {"", "language"}
    assert at_work.rows(tables.response)[0].segments == {}
    assert is_counted_right(at_work)


def test_hub_without_a_survey_has_nothing_to_count(lab: Lab) -> None:
    lab.configure("")
    assert run(lab)
    assert reach(lab) == Reach(people=0, asked=0, counted_at=lab.clock())
