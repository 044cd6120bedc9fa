"""Answers: recorded once, changed for a day, and never by looking."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import update

from hub.admin.people import people
from hub.pipeline.respond import answer, is_unsubscribed, open_survey, unsubscribe
from hub.store import tables
from hub.store.configuration import Role
from tests.clock import days
from tests.lab import SETUP, Lab, identify, open_lab, survey_lines

TWO_TARGETS = SETUP.replace('["crm"]', '["crm", "shop"]').replace("[surveys", '[targets.shop]\nkind = "fake"\n[surveys')


@pytest.fixture
def asked(lab: Lab) -> Lab:
    """A hub that asked one customer."""
    lab.decide(identify())
    lab.deliver()
    return lab


def everything(lab: Lab) -> list[Any]:
    """Return every row that an answer could touch."""
    watched = (tables.invitation, tables.response, tables.response_version, tables.outbox, tables.suppression)
    return [[tuple(row) for row in lab.rows(table)] for table in watched]


def test_looking_changes_nothing(asked):
    before = everything(asked)
    view = open_survey(asked.hub, asked.token())
    assert is_unsubscribed(asked.hub, asked.token()) is False
    assert (view.score, view.comment, view.can_change, view.change_until) == (None, "", True, None)
    assert everything(asked) == before


def test_answer_is_kept_and_queued_for_every_target(asked):
    view = answer(asked.hub, asked.token(), 9, None)
    assert (view.score, view.comment) == (9, "")
    [response] = asked.rows(tables.response)
    assert (response.score, response.rated_at, response.version) == (9, asked.clock(), 1)
    [waiting] = asked.rows(tables.outbox)
    assert waiting.state == "pending"
    assert waiting.message_id.endswith(f"{response.id}-1")


def test_change_of_mind_is_kept_with_its_history(asked):
    answer(asked.hub, asked.token(), 3, "slow")
    first = asked.clock()
    asked.clock.advance(timedelta(hours=24))
    assert answer(asked.hub, asked.token(), 8, None).comment == "slow"
    [response] = asked.rows(tables.response)
    assert (response.score, response.first_rated_at, response.rated_at) == (8, first, asked.clock())
    assert [row.score for row in asked.rows(tables.response_version, "version")] == [3, 8]
    assert [row.state for row in asked.rows(tables.outbox, "version")] == ["superseded", "pending"]


def test_answer_is_closed_a_microsecond_after_24_hours(asked):
    answer(asked.hub, asked.token(), 3, None)
    asked.clock.advance(timedelta(hours=24, microseconds=1))
    view = answer(asked.hub, asked.token(), 8, "late")
    assert (view.score, view.comment, view.can_change) == (3, "", False)
    assert len(asked.rows(tables.outbox)) == 1


def test_day_counts_from_the_first_answer_not_from_the_last_change(asked):
    first = asked.clock()
    for score in (1, 2):
        view = answer(asked.hub, asked.token(), score, None)
        assert view.change_until == first + timedelta(hours=24)
        asked.clock.advance(timedelta(hours=13))
    assert answer(asked.hub, asked.token(), 3, None).can_change is False


def test_comment_that_comes_later_keeps_the_time_of_the_rating(asked):
    answer(asked.hub, asked.token(), 9, None)
    rated_at = asked.clock()
    asked.clock.advance(timedelta(hours=1))
    answer(asked.hub, asked.token(), 9, "lovely")
    [response] = asked.rows(tables.response)
    assert (response.comment, response.rated_at, response.version) == ("lovely", rated_at, 2)


def test_same_answer_again_is_nothing_new(asked):
    answer(asked.hub, asked.token(), 9, "lovely")
    before = everything(asked)
    asked.clock.advance(timedelta(hours=1))
    answer(asked.hub, asked.token(), 9, "lovely")
    answer(asked.hub, asked.token(), 9, None)
    assert everything(asked) == before


def test_each_target_is_told_what_it_was_not_told_yet(lab):
    lab.configure(TWO_TARGETS + survey_lines())
    lab.decide(identify())
    lab.deliver()
    answer(lab.hub, lab.token(), 9, "lovely")
    crm, shop = (lab.id_of(Role.TARGET, name) for name in ("crm", "shop"))
    with lab.hub.store.write() as connection:
        connection.execute(update(tables.outbox).where(tables.outbox.c.target_id == crm).values(state="done"))
    answer(lab.hub, lab.token(), 9, "so so")
    answer(lab.hub, lab.token(), 9, "lovely")
    states = {(row.target_id, row.version): row.state for row in lab.rows(tables.outbox)}
    assert [states[crm, version] for version in (1, 2, 3)] == ["done", "superseded", "done"]
    assert [states[shop, version] for version in (1, 2, 3)] == ["superseded", "superseded", "pending"]


def test_answer_reaches_a_target_that_another_process_added_a_moment_ago(asked, database_url, tmp_path):
    answer(asked.hub, asked.token(), 3, None)
    elsewhere = open_lab(database_url, tmp_path)
    elsewhere.configure(TWO_TARGETS + survey_lines())
    elsewhere.hub.close()
    answer(asked.hub, asked.token(), 4, None)
    assert [row.version for row in asked.rows(tables.outbox, "version")] == [1, 2, 2]


def test_comment_holds_what_databases_cannot(asked):
    assert answer(asked.hub, asked.token(), 9, "a\x00b\ud800").comment == "a\ufffdb\ufffd"


@pytest.mark.parametrize("attempt", range(4))
def test_answers_that_come_at_once_are_one_answer(asked, attempt):
    """A double click, or a mail client that opens a link twice."""
    callers = 6
    barrier = Barrier(callers)
    token = asked.token()

    def click(number: int) -> Any:
        barrier.wait()
        return answer(asked.hub, token, number % 2, None)

    with ThreadPoolExecutor(callers) as pool:
        views = list(pool.map(click, range(callers)))
    [response] = asked.rows(tables.response)
    assert all(view is not None for view in views)
    assert len(asked.rows(tables.response_version)) == response.version
    assert [row.state for row in asked.rows(tables.outbox)].count("pending") == 1


def test_link_is_dead_before_the_mail_left(lab):
    lab.set(min_delay_days=1)
    lab.decide(identify(createdAt=lab.clock().isoformat()))
    assert open_survey(lab.hub, lab.token()) is None
    assert answer(lab.hub, lab.token(), 9, None) is None
    assert unsubscribe(lab.hub, lab.token()) is False


@pytest.mark.parametrize("state", ["scheduled", "held", "cancelled", "rejected"])
def test_link_of_a_mail_that_never_left_is_dead(asked, state):
    asked.change(tables.invitation, state=state)
    assert answer(asked.hub, asked.token(), 9, None) is None
    assert is_unsubscribed(asked.hub, asked.token()) is None


def test_forged_link_is_dead(asked):
    token = asked.token()
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert answer(asked.hub, forged, 9, None) is None
    assert open_survey(asked.hub, "") is None


def test_link_of_an_erased_person_is_dead(asked):
    token = asked.token()
    people.erase(asked.hub, "u1")
    assert open_survey(asked.hub, token) is None
    assert answer(asked.hub, token, 9, None) is None


@pytest.mark.parametrize("state", ["queued", "claimed", "sending", "unknown"])
def test_answer_proves_that_the_mail_arrived(asked, state):
    asked.change(tables.invitation, state=state, sent_at=None)
    answer(asked.hub, asked.token(), 9, None)
    [invitation] = asked.invitations()
    assert (invitation.state, invitation.sent_at) == ("sent", asked.clock())


def test_answer_to_a_mail_that_was_thought_queued_ends_its_retries(asked):
    asked.change(tables.invitation, state="queued", sent_at=None)
    answer(asked.hub, asked.token(), 9, None)
    assert asked.deliver() == 0


@pytest.mark.parametrize("state", ["bounced", "complained"])
def test_answer_leaves_bounces_and_complaints_as_they_are(asked, state):
    asked.change(tables.invitation, state=state)
    assert answer(asked.hub, asked.token(), 9, None).score == 9
    assert asked.states() == [state]


def test_who_unsubscribed_is_asked_no_more(asked):
    assert unsubscribe(asked.hub, asked.token()) is True
    assert is_unsubscribed(asked.hub, asked.token()) is True
    asked.clock.advance(days(300))
    asked.decide(identify(), identify("u2"), {"user_id": "u3", "traits": {"email": " U1@Acme.example"}})
    assert asked.reasons() == ["scheduled", "suppressed", "scheduled", "suppressed"]


def test_unsubscribing_stops_what_waits(lab):
    lab.set(min_interval_weeks=0)
    lab.decide(identify())
    lab.deliver()
    lab.decide(identify())
    unsubscribe(lab.hub, lab.token(0))
    assert lab.deliver() == 0
    assert [row.reason for row in lab.invitations()] == [None, "suppressed"]
