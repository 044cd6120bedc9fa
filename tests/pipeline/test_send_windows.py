"""Mails leave on the days and in the hours that a survey names, by the customer's clock or by its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.admin.configuration import planning
from hub.admin.mails import invitations
from hub.admin.mails.invitations import Action, Wanted
from hub.admin.paging import Slice
from hub.admin.people import people
from hub.config import ConfigError
from hub.plugin import NotSent
from hub.work.schedule import due_jobs
from tests.clock import NOW, days, seconds
from tests.lab import SETUP, Lab, identify, survey_lines

WORKDAYS = {"send_days": ["mon", "tue", "wed", "thu", "fri"], "send_from": "09:00", "send_until": "17:00"}
SATURDAY = datetime(2026, 3, 14, 3, tzinfo=UTC)
MONDAY = datetime(2026, 3, 16, 9, tzinfo=UTC)


@pytest.fixture
def office_hours(lab: Lab) -> Lab:
    """A hub whose survey sends in office hours, on a Saturday."""
    lab.set(**WORKDAYS)
    lab.clock.moment = SATURDAY
    return lab


def in_zone(timezone: str, user: str = "u1") -> dict:
    return {**identify(user), "timezone": timezone}


def listed(lab: Lab) -> invitations.SeenInvitation:
    """Return the only invitation as the queue page and the API list it."""
    [seen] = invitations.invitations(lab.hub, Wanted(), Slice()).items
    return seen


def send_at(lab: Lab, moment: datetime) -> list[str]:
    lab.clock.moment = moment
    lab.deliver()
    return lab.states()


def test_mail_that_is_due_at_the_weekend_leaves_on_monday_morning(office_hours):
    office_hours.decide(identify())
    [waiting] = office_hours.invitations()
    assert (waiting.due_at, waiting.next_attempt_at) == (SATURDAY, MONDAY)
    assert send_at(office_hours, MONDAY - seconds(1)) == ["scheduled"]
    assert due_jobs(office_hours.hub) == []
    assert send_at(office_hours, MONDAY) == ["sent"]


def test_mail_leaves_at_once_while_the_window_is_open(office_hours):
    office_hours.clock.moment = MONDAY + timedelta(hours=8) - seconds(1)
    office_hours.decide(identify())
    office_hours.deliver()
    assert office_hours.states() == ["sent"]


@pytest.mark.parametrize(
    ("settings", "timezone", "leaves_at"),
    [
        ({}, "Europe/Berlin", MONDAY - timedelta(hours=1)),
        ({}, "Asia/Tokyo", MONDAY - timedelta(hours=9)),
        ({}, "America/New_York", MONDAY + timedelta(hours=4)),
        ({"send_timezone": "Europe/Berlin"}, "Mars/Olympus", MONDAY - timedelta(hours=1)),
        (
            {"send_timezone": "Europe/Berlin", "send_in_customer_timezone": False},
            "Asia/Tokyo",
            MONDAY - timedelta(hours=1),
        ),
    ],
)
def test_window_goes_by_the_customers_clock_where_it_is_known(office_hours, settings, timezone, leaves_at):
    office_hours.set(**WORKDAYS, **settings)
    office_hours.decide(in_zone(timezone))
    assert send_at(office_hours, leaves_at - seconds(1)) == ["scheduled"]
    assert send_at(office_hours, leaves_at) == ["sent"]


def test_invitation_waits_for_an_opening_that_it_did_not_know_of_when_it_was_decided(lab):
    lab.clock.moment = SATURDAY
    lab.decide(identify())
    lab.set(**WORKDAYS)
    lab.deliver()
    [waiting] = lab.invitations()
    assert (waiting.state, waiting.next_attempt_at) == ("scheduled", MONDAY)
    assert send_at(lab, MONDAY) == ["sent"]


def test_customer_who_moved_is_mailed_by_their_new_clock(office_hours):
    office_hours.decide(in_zone("Asia/Tokyo"))
    office_hours.decide(in_zone("America/New_York"))
    assert send_at(office_hours, MONDAY) == ["scheduled"]
    assert send_at(office_hours, MONDAY + timedelta(hours=4)) == ["sent"]


def test_due_time_that_moves_keeps_to_the_window(office_hours):
    office_hours.set(**WORKDAYS, min_delay_days=1)
    office_hours.decide(identify(createdAt=(SATURDAY - timedelta(hours=2)).isoformat()))
    office_hours.decide(identify(createdAt=(SATURDAY - timedelta(hours=1)).isoformat()))
    [waiting] = office_hours.invitations()
    assert (waiting.due_at, waiting.next_attempt_at) == (SATURDAY + timedelta(hours=23), MONDAY)


def test_closed_hours_do_not_count_as_late(office_hours):
    office_hours.set(**{**WORKDAYS, "send_days": ["mon"]}, send_grace_hours=8)
    office_hours.office.behaviour["relay"] = lambda message, depart: NotSent(why="busy", retry_after_s=3_600)
    office_hours.decide(identify())
    for hours in range(8):
        send_at(office_hours, MONDAY + timedelta(hours=hours))
    assert send_at(office_hours, MONDAY + days(7)) == ["queued"]
    assert send_at(office_hours, MONDAY + days(7) + timedelta(hours=2)) == ["cancelled"]
    assert office_hours.invitations()[0].reason == "window_missed"


def test_retry_that_falls_into_closed_hours_waits_for_the_next_opening(office_hours):
    office_hours.office.behaviour["relay"] = lambda message, depart: NotSent(why="busy", retry_after_s=3_600)
    office_hours.decide(identify())
    evening = MONDAY + timedelta(hours=7, minutes=30)
    assert send_at(office_hours, evening) == ["queued"]
    office_hours.office.behaviour.clear()
    assert send_at(office_hours, evening + timedelta(hours=1)) == ["queued"]
    assert office_hours.invitations()[0].next_attempt_at == MONDAY + days(1)
    assert send_at(office_hours, MONDAY + days(1)) == ["sent"]


def test_customer_too_old_when_the_window_opens_is_not_asked(office_hours):
    office_hours.set(**WORKDAYS, max_delay_days=1, send_grace_hours=24)
    office_hours.decide(identify(createdAt=SATURDAY.isoformat()))
    assert send_at(office_hours, MONDAY) == ["cancelled"]
    assert office_hours.invitations()[0].reason == "too_old"


def test_reminder_keeps_to_the_window(office_hours):
    office_hours.set(**WORKDAYS, reminders=1, reminder_after_days=5)
    office_hours.clock.moment = MONDAY
    office_hours.remind()
    office_hours.decide(identify())
    office_hours.deliver()
    office_hours.clock.advance(days(5))
    office_hours.remind()
    assert send_at(office_hours, MONDAY + days(5)) == ["sent", "scheduled"]
    assert send_at(office_hours, MONDAY + days(7)) == ["sent", "sent"]


def test_person_who_sends_now_does_not_wait_for_the_window(office_hours):
    office_hours.decide(identify())
    invitations.act(office_hours.hub, office_hours.invitations()[0].id, Action.SEND_NOW)
    assert listed(office_hours).sentence is None
    assert send_at(office_hours, SATURDAY) == ["sent"]


def test_released_invitation_waits_for_the_window(office_hours):
    office_hours.decide(identify())
    invitations.act(office_hours.hub, office_hours.invitations()[0].id, Action.HOLD)
    invitations.act(office_hours.hub, office_hours.invitations()[0].id, Action.RELEASE)
    assert send_at(office_hours, SATURDAY) == ["scheduled"]
    assert send_at(office_hours, MONDAY) == ["sent"]


def test_mail_that_waited_leaves_at_once_when_its_window_is_taken_away(office_hours):
    office_hours.decide(identify())
    office_hours.set()
    assert due_jobs(office_hours.hub) == ["deliver"]
    assert send_at(office_hours, SATURDAY) == ["sent"]


def test_saving_something_else_leaves_what_waits_where_it_is(office_hours):
    office_hours.decide(identify())
    revision = office_hours.invitations()[0].revision
    office_hours.set(**WORKDAYS, daily_limit=10)
    assert office_hours.invitations()[0].revision == revision


# What people read


def test_queue_and_story_say_for_which_opening_a_mail_waits(office_hours):
    office_hours.decide(in_zone("Europe/Berlin"))
    seen = listed(office_hours)
    assert seen.next_attempt_at == MONDAY - timedelta(hours=1)
    assert seen.sentence == "Waits for Monday, 16 Mar, 09:00 (Europe/Berlin)."
    [story] = people.why(office_hours.hub, "u1")
    expected = "Mail of survey onboarding: Waits for Monday, 16 Mar, 09:00 (Europe/Berlin)."
    assert expected in [entry.sentence for entry in story.entries]


def test_queue_says_an_honest_time_also_where_the_window_came_later(lab):
    lab.set(min_delay_days=1)
    lab.clock.moment = SATURDAY - days(1)
    lab.decide(identify(createdAt=(SATURDAY - days(1)).isoformat()))
    lab.set(**WORKDAYS, min_delay_days=1)
    seen = listed(lab)
    assert (seen.due_at, seen.next_attempt_at) == (SATURDAY, MONDAY)
    assert seen.sentence == "Waits for Monday, 16 Mar, 09:00 (UTC)."


def test_mail_that_is_due_within_the_window_waits_for_no_opening(office_hours):
    office_hours.set(**WORKDAYS, min_delay_days=1)
    office_hours.clock.moment = NOW
    office_hours.decide(identify(createdAt=NOW.isoformat()))
    assert (listed(office_hours).next_attempt_at, listed(office_hours).sentence) == (NOW + days(1), None)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"send_days": ["monday"]}, "send_days.0: must be one of mon, tue"),
        ({"send_from": "9:00"}, "send_from: write a time of day such as 09:00"),
        ({"send_until": "24:00"}, "send_until: write a time of day such as 09:00"),
        ({"send_timezone": "Mars/Olympus"}, "send_timezone: there is no time zone 'Mars/Olympus'"),
        (
            {"send_from": "22:00", "send_until": "06:00"},
            r"send_until: must be later than send_from \(22:00\)",
        ),
        (
            {"send_from": "09:00", "send_until": "09:00"},
            r"send_until: must be later than send_from \(09:00\)",
        ),
        ({"send_until": "00:00"}, r"send_until: must be later than send_from \(00:00\)"),
    ],
)
def test_window_that_cannot_be_is_refused(lab, settings, said):
    with pytest.raises(ConfigError, match=said):
        planning.plan(lab.hub, SETUP + survey_lines(**settings), environ={})


def test_days_named_twice_are_named_once(lab):
    lab.set(send_days=["mon", "mon"])
    assert lab.hub.registry.current().rules[0].rules.send_window.days == {0}
