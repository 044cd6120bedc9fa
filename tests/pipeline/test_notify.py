"""Notices on their way to listeners: what they hear of, once each, and until it was taken."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from hub.admin.configuration.connections import resume
from hub.admin.operations import undelivered
from hub.admin.people.people import erase
from hub.pipeline.report import record_reports
from hub.pipeline.respond import answer
from hub.plugin import ChannelPaused, DeliveryReport, Done, Parked, Person, Rejected, ReportKind, Retry
from hub.store import notices, tables
from hub.store.configuration import Role
from hub.work import schedule
from tests.clock import NOW, days, seconds
from tests.lab import SETUP, Lab, identify, survey_lines

ALL = ["answered", "detractor", "bounced", "channel_paused", "brake"]


def listen(lab: Lab, events: list[str] = ALL, surveys: list[str] = [], **settings: object) -> None:  # noqa: B006
    options = f"events = {json.dumps(events)}\nsurveys = {json.dumps(surveys)}\n"
    lab.configure(f'{SETUP}{survey_lines(**settings)}[listeners.ops]\nkind = "fake"\n{options}')


@pytest.fixture
def heard(lab: Lab) -> Lab:
    """A hub with a listener, and a customer who was mailed."""
    listen(lab)
    lab.decide(identify(), {"user_id": "u1", "anonymous_id": "a1", "traits": {}})
    lab.deliver()
    return lab


def waiting(lab: Lab) -> list[tuple[str, str, int]]:
    return [(row.kind, row.state, row.attempts) for row in lab.rows(tables.notice, "id")]


# What is told


def test_answer_is_told_with_who_gave_it(heard):
    answer(heard.hub, heard.token(), 9, "lovely")
    assert heard.notify() == 1
    [notice] = heard.ears.notices
    assert (notice.kind, notice.survey, notice.at) == ("answered", "onboarding", NOW)
    assert notice.data == {"rating": 9, "comment": "lovely", "rated_at": "2026-03-11T09:30:00Z", "version": 1}
    assert notice.person == Person(user_id="u1", anonymous_ids=("a1",), email="u1@acme.example")
    assert notice.link == f"https://hub.example/people/{heard.invitations()[0].person_id}"
    assert notice.answer_link == f"https://hub.example/responses/{heard.rows(tables.response)[0].id}"
    assert waiting(heard) == [("answered", "done", 1)]
    assert heard.rows(tables.notice)[0].note == "thanks"


@pytest.mark.parametrize(("score", "kinds"), [(6, ["answered", "detractor"]), (7, ["answered"])])
def test_low_score_is_told_apart(heard, score, kinds):
    answer(heard.hub, heard.token(), score, None)
    heard.notify()
    assert sorted(heard.ears.kinds) == kinds


def test_changed_answer_is_told_again_and_the_same_one_is_not(heard):
    for said in (9, 9, 8):
        answer(heard.hub, heard.token(), said, None)
    heard.notify()
    assert [(notice.data["rating"], notice.data["version"]) for notice in heard.ears.notices] == [(9, 1), (8, 2)]
    assert len({notice.id for notice in heard.ears.notices}) == 2


def test_bounce_is_told_once_however_often_it_is_reported(heard):
    relay = heard.id_of(Role.CHANNEL, "relay")
    said = DeliveryReport(message_id=heard.invitations()[0].id, kind=ReportKind.BOUNCED, at=NOW, detail="550 unknown")
    record_reports(heard.hub, relay, [said, said, replace(said, at=NOW - seconds(1))])
    heard.notify()
    [notice] = heard.ears.notices
    assert (notice.kind, notice.person.user_id) == ("bounced", "u1")
    assert notice.data == {"permanent": True, "detail": "550 unknown", "channel": "relay"}
    assert notice.answer_link == ""


def test_mailbox_that_is_refused_at_once_is_told_like_a_bounce(lab):
    listen(lab)
    lab.office.behaviour["relay"] = lambda message, depart: Rejected(why="550 unknown", no_mailbox=True)
    lab.decide(identify())
    lab.deliver()
    lab.notify()
    [notice] = lab.ears.notices
    assert (notice.kind, notice.data["detail"]) == ("bounced", "550 unknown")


def test_delivered_mail_is_told_to_nobody(heard):
    said = DeliveryReport(message_id=heard.invitations()[0].id, kind=ReportKind.DELIVERED, at=NOW)
    record_reports(heard.hub, heard.id_of(Role.CHANNEL, "relay"), [said])
    assert waiting(heard) == []


def refuse(*_: object) -> None:
    raise ChannelPaused("the login was refused")


def test_paused_channel_is_told_once_until_it_worked_again(lab):
    listen(lab)
    lab.office.behaviour["relay"] = refuse
    lab.decide(identify())
    for _ in range(4):
        lab.deliver()
        lab.clock.advance(timedelta(hours=2))
    lab.notify()
    [notice] = lab.ears.notices
    assert (notice.kind, notice.person, notice.link) == (
        "channel_paused",
        None,
        "https://hub.example/connections/channel/relay",
    )
    assert notice.data == {
        "channel": "relay",
        "why": "the login was refused",
        "until": "2026-03-11T09:31:00Z",
        "surveys": ["onboarding"],
    }
    lab.office.behaviour.clear()
    lab.deliver()
    lab.office.behaviour["relay"] = refuse
    lab.decide(identify("u2"))
    lab.deliver()
    lab.notify()
    assert lab.ears.kinds == ["channel_paused", "channel_paused"]


def test_brake_is_told_once_until_what_it_held_is_gone(lab, monkeypatch):
    monkeypatch.setattr("hub.domain.world.BRAKE_MINIMUM", 2)
    listen(lab, surge_brake=True)
    lab.decide(*[identify(f"u{number}") for number in range(5)])
    lab.decide(*[identify(f"v{number}") for number in range(5)])
    lab.notify()
    [notice] = lab.ears.notices
    assert (notice.kind, notice.survey, notice.data) == ("brake", "onboarding", {"held": 3})
    assert notice.link == "https://hub.example/queue"
    lab.change(tables.invitation, state="cancelled")
    lab.decide(*[identify(f"w{number}") for number in range(5)])
    lab.notify()
    assert lab.ears.kinds == ["brake", "brake"]


# Who hears of what


def test_without_a_listener_nothing_is_written(lab):
    lab.decide(identify())
    lab.deliver()
    answer(lab.hub, lab.token(), 3, None)
    assert waiting(lab) == []


@pytest.mark.parametrize(("events", "kinds"), [(["detractor"], ["detractor"]), (["bounced"], [])])
def test_listener_hears_only_of_what_it_chose(lab, events, kinds):
    listen(lab, events)
    lab.decide(identify())
    lab.deliver()
    answer(lab.hub, lab.token(), 3, None)
    assert [kind for kind, _, _ in waiting(lab)] == kinds


def test_listener_hears_of_all_but_every_answer_unless_told(lab):
    lab.configure(f'{SETUP}{survey_lines()}[listeners.ops]\nkind = "fake"\n')
    [listener] = lab.hub.registry.current().live(Role.LISTENER)
    assert listener.stored.options["events"] == ["detractor", "bounced", "channel_paused", "brake"]


def test_listener_to_one_survey_hears_of_its_channels_and_of_no_other_survey(lab):
    second = '[channels.other]\nkind = "fake"\n[surveys.later]\nsources = ["product"]\nchannels = ["other"]\n'
    listening = '[listeners.ops]\nkind = "fake"\nevents = ["answered", "channel_paused"]\nsurveys = ["later"]\n'
    lab.configure(SETUP + survey_lines() + second + survey_lines() + listening)
    lab.office.behaviour["other"] = refuse
    lab.decide(identify())
    lab.deliver()
    by_survey = {row.survey_id: row for row in lab.invitations()}
    onboarding = next(one.id for one in lab.hub.registry.current().surveys.values() if one.name == "onboarding")
    answer(lab.hub, lab.hub.keys.token_of(by_survey[onboarding].id), 3, None)
    lab.notify()
    assert [notice.data["channel"] for notice in lab.ears.notices] == ["other"]


def test_retired_listener_is_told_nothing(heard):
    answer(heard.hub, heard.token(), 3, None)
    heard.set()
    assert heard.notify() == 0


# Until it was taken


def test_notice_that_was_not_taken_is_told_again_under_the_same_id(heard):
    heard.ears.answer = lambda notice: Retry(why="down")
    answer(heard.hub, heard.token(), 9, None)
    assert heard.notify() == 0
    assert heard.rows(tables.notice)[0].next_attempt_at == NOW + seconds(5)
    heard.clock.advance(seconds(4))
    assert heard.notify() == 0
    assert len(heard.ears.notices) == 1
    heard.ears.answer = lambda notice: Done()
    heard.clock.advance(seconds(1))
    assert heard.notify() == 1
    first, second = heard.ears.notices
    assert first == second
    assert waiting(heard) == [("answered", "done", 2)]


@pytest.mark.parametrize("behaviour", [lambda notice: None, lambda notice: "done", lambda notice: 1 / 0])
def test_listener_that_fails_is_tried_again(heard, behaviour):
    heard.ears.answer = behaviour
    answer(heard.hub, heard.token(), 9, None)
    assert heard.notify() == 0
    assert waiting(heard) == [("answered", "pending", 1)]


def test_notice_is_given_up_after_ten_attempts_in_three_days(heard):
    heard.ears.answer = lambda notice: Retry(why="down")
    answer(heard.hub, heard.token(), 9, None)
    moments = []
    while waiting(heard)[0][1] == "pending":
        heard.notify()
        moments.append(heard.clock() - NOW)
        heard.clock.moment = heard.rows(tables.notice)[0].next_attempt_at
    assert len(moments) == 10
    assert moments[-1] == notices.GIVEN_UP_AFTER == timedelta(hours=75, minutes=35, seconds=5)
    [row] = heard.rows(tables.notice)
    assert (row.state, row.code, row.note) == ("parked", "gave_up", "down")
    heard.notify()
    assert len(heard.ears.notices) == 10


def test_listener_that_fails_is_called_once_and_what_waits_behind_it_too_long_is_given_up(heard):
    heard.decide(*[identify(f"v{number}") for number in range(5)])
    heard.deliver()
    heard.ears.answer = lambda notice: Retry(why="down")
    for invitation in heard.invitations():
        answer(heard.hub, heard.hub.keys.token_of(invitation.id), 9, None)
    heard.notify()
    assert len(heard.ears.notices) == 1
    assert sorted(waiting(heard)) == [("answered", "pending", 0)] * 5 + [("answered", "pending", 1)]
    heard.clock.advance(days(4))
    heard.notify()
    assert len(heard.ears.notices) == 2
    assert {state for _, state, _ in waiting(heard)} == {"parked"}


def test_what_was_set_aside_long_ago_has_all_its_attempts_again(heard):
    heard.decide(*[identify(f"v{number}") for number in range(5)])
    heard.deliver()
    heard.ears.answer = lambda notice: Parked(why="gone")
    for invitation in heard.invitations():
        answer(heard.hub, heard.hub.keys.token_of(invitation.id), 9, None)
    heard.notify()
    heard.clock.advance(days(10))
    heard.ears.answer = lambda notice: Retry(why="down")
    assert undelivered.retry(heard.hub, "ops") == 6
    heard.notify()
    assert {state for _, state, _ in waiting(heard)} == {"pending"}
    heard.clock.advance(notices.GIVEN_UP_AFTER + seconds(1))
    heard.notify()
    assert {(row.state, row.code) for row in heard.rows(tables.notice)} == {("parked", "gave_up")}


def test_listener_says_how_long_to_wait(heard):
    heard.ears.answer = lambda notice: Retry(why="429", after_s=600)
    answer(heard.hub, heard.token(), 9, None)
    heard.notify()
    heard.clock.advance(seconds(599))
    heard.notify()
    assert len(heard.ears.notices) == 1
    heard.clock.advance(seconds(1))
    heard.notify()
    assert len(heard.ears.notices) == 2


def test_what_a_listener_was_not_told_is_told_as_soon_as_it_is_resumed(heard):
    heard.ears.answer = lambda notice: Retry(why="down", after_s=600)
    answer(heard.hub, heard.token(), 9, None)
    heard.notify()
    heard.ears.answer = lambda notice: Done()
    assert heard.notify() == 0
    assert resume(heard.hub, Role.LISTENER, "ops")
    assert heard.notify() == 1


def test_what_was_set_aside_is_told_at_once_also_by_a_listener_that_is_paused(heard):
    for score, said in ((9, Parked(why="gone")), (8, Retry(why="down"))):
        heard.ears.answer = lambda notice, said=said: said
        answer(heard.hub, heard.token(), score, None)
        heard.notify()
    heard.ears.answer = lambda notice: Done()
    assert heard.notify() == 0
    assert undelivered.retry(heard.hub, "ops") == 1
    assert heard.notify() == 2


def test_refused_notice_is_set_aside_and_the_others_go_on(heard):
    heard.ears.answer = lambda notice: Parked(why="gone", code="410") if notice.kind == "answered" else Done()
    answer(heard.hub, heard.token(), 3, None)
    assert heard.notify() == 1
    assert sorted(waiting(heard)) == [("answered", "parked", 1), ("detractor", "done", 1)]


def test_worker_that_vanished_leaves_its_notices_to_the_next(heard):
    answer(heard.hub, heard.token(), 9, None)
    ops = heard.id_of(Role.LISTENER, "ops")
    taken = {"claim": "gone", "limit": 9, "now": NOW}
    heard.hub.store.transact(lambda connection: notices.lease(connection, ops, **taken))
    heard.clock.advance(notices.LEASE)
    assert heard.notify() == 0
    heard.clock.advance(seconds(1))
    assert heard.notify() == 1


def test_notice_that_ends_its_worker_at_every_attempt_is_given_up(heard):
    answer(heard.hub, heard.token(), 9, None)
    ops = heard.id_of(Role.LISTENER, "ops")
    for _ in range(notices.MOST_ATTEMPTS):
        taken = {"claim": "gone", "limit": 9, "now": heard.clock()}
        heard.hub.store.transact(lambda connection, taken=taken: notices.lease(connection, ops, **taken))
        heard.clock.advance(notices.LEASE + seconds(1))
    assert heard.notify() == 0
    assert waiting(heard) == [("answered", "parked", 10)]


def test_schedule_wakes_a_worker_while_there_is_something_to_tell(heard):
    assert "notify" not in schedule.due_jobs(heard.hub)
    answer(heard.hub, heard.token(), 9, None)
    assert "notify" in schedule.due_jobs(heard.hub)
    heard.ears.answer = lambda notice: Retry(why="down")
    heard.notify()
    assert "notify" not in schedule.due_jobs(heard.hub)
    heard.clock.advance(seconds(5))
    assert "notify" in schedule.due_jobs(heard.hub)


def test_notices_are_kept_for_thirty_days(heard):
    answer(heard.hub, heard.token(), 9, None)
    heard.clock.advance(days(30))
    assert not _is_old(heard)
    heard.clock.advance(seconds(1))
    assert "sweep" in schedule.due_jobs(heard.hub)
    heard.hub.store.transact(lambda connection: notices.sweep(connection, heard.clock()))
    assert waiting(heard) == []


def _is_old(lab: Lab) -> bool:
    with lab.hub.store.read() as connection:
        return notices.is_any_old(connection, lab.clock())


def test_erased_person_is_told_of_no_more(heard):
    answer(heard.hub, heard.token(), 3, "call me on 555")
    erase(heard.hub, "u1")
    assert waiting(heard) == []
    assert heard.notify() == 0
