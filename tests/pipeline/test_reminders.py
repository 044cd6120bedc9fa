"""Who was mailed and does not answer is reminded, as often as the survey says, and never after an answer."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from hub.admin.configuration import planning, surveys
from hub.admin.mails import invitations
from hub.admin.mails.invitations import Action
from hub.admin.operations import doctor
from hub.admin.people import people
from hub.admin.people.person_export import export_person
from hub.domain.reasons import Stop
from hub.pipeline import count
from hub.pipeline import remind as reminding
from hub.pipeline.respond import answer, is_unsubscribed, open_survey, unsubscribe
from hub.plugin import Rejected, Unknown
from hub.store import asking_counts, holds, suppressions, tables
from hub.store.types import new_id
from hub.work import jobs
from hub.work.schedule import due_jobs
from tests.clock import NOW, days, seconds
from tests.lab import SETUP, Lab, identify, survey_lines
from tests.pipeline.test_departure import claim, depart

PAID = '[surveys.paid]\nsources = ["product"]\nchannels = ["relay"]\n' + survey_lines(trigger_event="Paid")


@pytest.fixture
def mailed(lab: Lab) -> Lab:
    """A hub that asked one customer, and reminds once."""
    lab.set(reminders=1)
    lab.remind()
    lab.decide(identify())
    lab.deliver()
    return lab


A_WEEK = days(7)


def remind(lab: Lab, *, after: timedelta = A_WEEK) -> None:
    """Let a week pass and send the reminders that are due."""
    lab.clock.advance(after)
    lab.remind()
    lab.deliver()


def reminders(lab: Lab) -> list[Any]:
    return [row for row in lab.invitations() if row.reminder_of is not None]


def stands(lab: Lab) -> list[tuple[str, str | None]]:
    """Return state and reason of the reminders."""
    return [(row.state, row.reason) for row in reminders(lab)]


def broken(lab: Lab) -> list[str]:
    return [one.sentence for one in doctor.examine(lab.hub) if not one.ok and not one.is_note]


def wait(lab: Lab) -> None:
    """Schedule a reminder that is not sent yet."""
    lab.clock.advance(days(7))
    lab.remind()
    assert stands(lab) == [("scheduled", None)]


# When


def test_customer_without_an_answer_is_reminded_once_after_a_week(mailed):
    remind(mailed, after=days(7) - seconds(1))
    assert reminders(mailed) == []
    remind(mailed, after=seconds(1))
    first, reminder = mailed.invitations()
    assert (reminder.state, reminder.due_at, reminder.sent_at) == ("sent", NOW + days(7), mailed.clock())
    assert (reminder.reminder_of, reminder.reminder_number) == (first.id, 1)
    remind(mailed, after=days(7))
    assert (len(mailed.office.mails), len(mailed.invitations())) == (2, 2)
    assert broken(mailed) == []


def test_reminder_is_the_same_mail_with_another_subject(mailed):
    remind(mailed)
    (_, first), (_, reminder) = mailed.office.mails
    assert reminder.subject == f"Reminder: {first.subject}"
    assert reminder.to == first.to
    assert reminder.headers["Message-ID"] != first.headers["Message-ID"]


def test_second_reminder_comes_as_long_after_the_first(mailed):
    mailed.set(reminders=2, reminder_after_days=3)
    remind(mailed, after=days(3.5))
    remind(mailed, after=days(3) - seconds(1))
    assert len(reminders(mailed)) == 1
    remind(mailed, after=seconds(1))
    first = mailed.invitations()[0]
    assert [(row.reminder_of, row.reminder_number) for row in reminders(mailed)] == [(first.id, 1), (first.id, 2)]
    remind(mailed, after=days(3))
    assert (len(mailed.office.mails), len(mailed.invitations())) == (3, 3)
    assert broken(mailed) == []


def test_nobody_is_reminded_unless_the_survey_says_so(lab):
    lab.decide(identify())
    lab.deliver()
    remind(lab, after=days(7))
    remind(lab, after=days(7))
    assert len(lab.invitations()) == 1
    assert lab.rows(tables.reminding) == []


def test_workers_that_look_at_the_same_time_schedule_one(mailed):
    mailed.clock.advance(days(7))
    mailed.remind()
    mailed.change(tables.reminding, sent_until=NOW - days(1))
    mailed.remind()
    assert len(reminders(mailed)) == 1


def test_all_are_reminded_of_more_mails_than_one_look_takes(lab, monkeypatch):
    monkeypatch.setattr(reminding, "PIECE", 2)
    lab.set(reminders=1)
    lab.remind()
    for number in range(7):
        lab.decide(identify(f"u{number}"))
        lab.deliver()
        lab.clock.advance(seconds(1 if number % 3 else 0))
    lab.clock.advance(days(7))
    assert lab.remind() == 7


def test_scheduler_wakes_a_worker_when_it_is_time_to_look_and_only_then(mailed):
    mailed.clock.advance(seconds(59))
    assert due_jobs(mailed.hub) == []
    mailed.clock.advance(seconds(1))
    assert due_jobs(mailed.hub) == ["deliver"]
    mailed.remind()
    assert due_jobs(mailed.hub) == []


def test_job_that_delivers_looks_for_reminders_first(mailed):
    mailed.clock.advance(days(7))
    jobs.JOBS["deliver"](mailed.hub)
    assert stands(mailed) == [("sent", None)]


def test_outage_is_made_up_for_within_the_grace(mailed):
    remind(mailed, after=days(10))
    assert stands(mailed) == [("sent", None)]


def test_nobody_is_reminded_later_than_the_grace(mailed):
    remind(mailed, after=days(10) + seconds(1))
    assert reminders(mailed) == []


def test_switching_reminders_on_reminds_nobody_of_a_mail_whose_time_has_passed(lab):
    lab.decide(identify())
    lab.deliver()
    lab.clock.advance(days(7) + seconds(1))
    lab.decide(identify("u2"))
    lab.deliver()
    lab.set(reminders=1)
    lab.remind()
    remind(lab, after=seconds(60))
    assert reminders(lab) == []
    remind(lab)
    assert [row.mailbox for row in reminders(lab)] == ["u2@acme.example"]


def test_switching_reminders_off_and_on_begins_anew(mailed):
    mailed.set(reminders=0)
    assert due_jobs(mailed.hub) == ["deliver"]
    mailed.remind()
    assert mailed.rows(tables.reminding) == []
    assert due_jobs(mailed.hub) == []
    mailed.clock.advance(days(8))
    mailed.set(reminders=1)
    mailed.remind()
    remind(mailed, after=days(1))
    assert reminders(mailed) == []


def test_nobody_is_reminded_while_the_survey_is_off(mailed):
    mailed.set(reminders=1, enabled=False)
    remind(mailed, after=days(8))
    assert reminders(mailed) == []
    assert due_jobs(mailed.hub) == []
    mailed.set(reminders=1)
    remind(mailed, after=seconds(1))
    assert stands(mailed) == [("sent", None)]


def test_reminder_that_waited_for_its_survey_for_long_is_not_sent(mailed):
    wait(mailed)
    mailed.set(reminders=1, enabled=False)
    mailed.clock.advance(days(3) + seconds(1))
    mailed.set(reminders=1)
    mailed.deliver()
    assert stands(mailed) == [("cancelled", "window_missed")]


# Whom


def test_customer_who_answered_is_not_reminded(mailed):
    answer(mailed.hub, mailed.token(), 9, None)
    remind(mailed)
    assert reminders(mailed) == []


@pytest.mark.parametrize("outcome", [Unknown(why="cut off"), Rejected(why="no")])
def test_nobody_is_reminded_of_a_mail_that_may_not_have_arrived(lab, outcome):
    lab.set(reminders=1)
    lab.remind()

    def send(message, point_of_no_return):
        point_of_no_return()
        return outcome

    lab.office.behaviour["relay"] = send
    lab.decide(identify())
    lab.deliver()
    lab.office.behaviour.clear()
    remind(lab)
    assert reminders(lab) == []


def test_mail_in_doubt_that_proves_to_have_arrived_is_reminded_of(mailed):
    mailed.change(tables.invitation, state="unknown")
    mailed.clock.advance(days(2))
    invitations.act(mailed.hub, mailed.invitations()[0].id, Action.ARRIVED)
    remind(mailed, after=days(5))
    assert stands(mailed) == [("sent", None)]


def test_unsubscribed_mailbox_is_not_reminded(mailed):
    unsubscribe(mailed.hub, mailed.token())
    remind(mailed)
    assert stands(mailed) == [("cancelled", "suppressed")]
    assert len(mailed.office.mails) == 1


@pytest.mark.parametrize("state", ["bounced", "complained"])
def test_mail_that_bounced_or_was_called_spam_is_not_reminded_of(mailed, state):
    mailed.change(tables.invitation, state=state)
    remind(mailed)
    assert reminders(mailed) == []


def test_reminder_goes_to_the_newest_address_and_in_the_newest_name(mailed):
    mailed.decide({"user_id": "u1", "traits": {"email": "new@acme.example"}})
    wait(mailed)
    assert reminders(mailed)[0].mailbox == "new@acme.example"
    mailed.deliver()
    assert mailed.office.mails[-1][1].to == "new@acme.example"


def test_newer_mail_of_the_survey_takes_the_place_of_a_reminder(lab):
    lab.set(reminders=1, min_interval_weeks=0)
    lab.remind()
    lab.decide(identify())
    lab.deliver()
    lab.clock.advance(days(5))
    lab.decide(identify())
    lab.deliver()
    remind(lab, after=days(2))
    assert reminders(lab) == []
    remind(lab, after=days(5))
    assert [row.reminder_of for row in reminders(lab)] == [lab.invitations()[1].id]


def test_customer_whose_age_is_beyond_the_maximum_by_now_is_reminded_all_the_same(lab):
    lab.set(reminders=1, max_delay_days=1)
    lab.remind()
    lab.decide(identify(createdAt=NOW.isoformat()))
    lab.deliver()
    remind(lab)
    assert stands(lab) == [("sent", None)]


# What stops one that waits


def test_answer_cancels_a_waiting_reminder_in_its_own_transaction(mailed):
    wait(mailed)
    answer(mailed.hub, mailed.token(), 3, None)
    assert stands(mailed) == [("cancelled", "answered")]
    mailed.deliver()
    assert len(mailed.office.mails) == 1


def test_answer_keeps_a_reminder_that_a_worker_has_in_hand_from_leaving(mailed):
    wait(mailed)
    [claimed] = claim(mailed)
    answer(mailed.hub, mailed.token(), 3, None)
    assert depart(mailed, claimed) == set()
    assert stands(mailed) == [("cancelled", "answered")]


def test_reminder_does_not_leave_after_an_answer_that_did_not_see_it(mailed):
    wait(mailed)
    [claimed] = claim(mailed)
    add_an_answer(mailed)
    assert depart(mailed, claimed) == set()
    assert stands(mailed) == [("cancelled", "answered")]


def test_reminder_is_not_even_claimed_after_an_answer_that_did_not_see_it(mailed):
    wait(mailed)
    add_an_answer(mailed)
    assert claim(mailed) == []
    assert stands(mailed) == [("cancelled", "answered")]


def add_an_answer(lab: Lab) -> None:
    """Record an answer as one that began before the reminder was there does."""
    lab.set(reminders=0)
    answer(lab.hub, lab.token(), 3, None)
    lab.set(reminders=1)
    assert not any(state == "cancelled" for state, _ in stands(lab))


def test_turning_reminders_off_stops_those_that_wait(mailed):
    wait(mailed)
    mailed.set(reminders=0)
    mailed.deliver()
    assert stands(mailed) == [("cancelled", "reminders_off")]


def test_mail_that_bounced_meanwhile_is_not_reminded_of(mailed):
    wait(mailed)
    first = mailed.invitations()[0]
    with mailed.hub.store.write() as connection:
        connection.execute(tables.invitation.update().where(tables.invitation.c.id == first.id).values(state="bounced"))
    mailed.deliver()
    assert stands(mailed) == [("cancelled", "undelivered")]


def test_suppression_stops_a_reminder_in_hand(mailed):
    wait(mailed)
    [claimed] = claim(mailed)
    with mailed.hub.store.write() as connection:
        suppressions.suppress(connection, claimed.mailbox, Stop.COMPLAINED, now=mailed.clock())
    assert depart(mailed, claimed) == set()
    assert stands(mailed) == [("cancelled", "suppressed")]


def test_retired_survey_reminds_nobody(mailed):
    wait(mailed)
    surveys.retire(mailed.hub, "onboarding")
    assert stands(mailed) == [("cancelled", "cancelled")]
    mailed.remind()
    assert mailed.rows(tables.reminding) == []


# Limits


def test_interval_counts_from_the_reminder(mailed):
    remind(mailed)
    reminded_at = mailed.clock()
    mailed.clock.advance(timedelta(weeks=26) - seconds(1))
    decision = mailed.decide(identify())[-1]
    assert (decision.reason, decision.eligible_again_at) == ("throttled", reminded_at + timedelta(weeks=26))
    mailed.clock.advance(seconds(1))
    assert mailed.decide(identify())[-1].reason == "scheduled"


def test_event_is_merged_while_a_reminder_waits_and_does_not_move_it(mailed):
    wait(mailed)
    due_at = reminders(mailed)[0].due_at
    mailed.clock.advance(seconds(60))
    decision = mailed.decide(identify(createdAt=(NOW - days(3)).isoformat()))[-1]
    assert (decision.reason, decision.due_at) == ("already_scheduled", due_at)
    assert reminders(mailed)[0].due_at == due_at


def test_another_persons_newer_mail_to_the_mailbox_stops_the_reminder(mailed):
    wait(mailed)
    with mailed.hub.store.write() as connection:
        first = mailed.invitations()[0]._mapping
        other = {**first, "id": new_id(), "person_id": new_id(), "sent_at": mailed.clock() - days(1)}
        connection.execute(tables.invitation.insert().values(**other))
    mailed.deliver()
    assert stands(mailed) == [("cancelled", "throttled")]


def test_mail_of_another_survey_within_the_quiet_period_stops_the_reminder(lab):
    lab.configure(SETUP + survey_lines(reminders=1, quiet_period_hours=24) + PAID)
    lab.remind()
    lab.decide(identify())
    lab.deliver()
    lab.clock.advance(days(6.5))
    lab.decide({"type": "track", "user_id": "u1", "name": "Paid", "traits": {}})
    lab.deliver()
    assert len(lab.office.mails) == 2
    remind(lab, after=days(0.5))
    assert stands(lab) == [("cancelled", "quiet_period")]


def test_own_first_mail_is_no_reason_to_keep_quiet(lab):
    lab.set(reminders=1, quiet_period_hours=24 * 30)
    lab.remind()
    lab.decide(identify())
    lab.deliver()
    remind(lab)
    assert stands(lab) == [("sent", None)]


def test_daily_limit_neither_counts_reminders_nor_stops_them(lab):
    lab.set(reminders=1, daily_limit=1)
    lab.remind()
    lab.decide(identify())
    lab.deliver()
    lab.clock.advance(days(7) - seconds(60))
    lab.decide(identify("u2"))
    lab.deliver()
    remind(lab, after=seconds(60))
    assert lab.states() == ["sent", "sent", "sent"]
    lab.clock.advance(days(7) - seconds(60))
    lab.remind()
    assert lab.decide(identify("u3"))[-1].reason == "scheduled"


# Answers


def test_share_of_answers_is_that_of_the_people_asked(mailed):
    remind(mailed)
    answer(mailed.hub, mailed.token(1), 9, None)
    count.drain(mailed.hub, until=time.monotonic() + 60)
    with mailed.hub.store.read() as connection:
        counted = asking_counts.asked(connection, [mailed.survey_id], None, None)
    assert (counted.sent, counted.answered) == (1, 1)


def test_answer_by_the_reminders_link_is_the_answer_of_the_first_mail(mailed):
    remind(mailed)
    first, by_reminder = (message.link.rpartition("/")[2] for _, message in mailed.office.mails)
    answer(mailed.hub, by_reminder, 9, "fine")
    assert open_survey(mailed.hub, first).score == 9
    answer(mailed.hub, first, 4, None)
    view = open_survey(mailed.hub, by_reminder)
    assert (view.score, view.comment) == (4, "fine")
    [response] = mailed.rows(tables.response)
    assert (response.invitation_id, response.version) == (mailed.invitations()[0].id, 2)


def test_answer_by_its_link_proves_that_a_reminder_in_doubt_arrived(mailed):
    remind(mailed)
    with mailed.hub.store.write() as connection:
        doubt = tables.invitation.update().where(tables.invitation.c.reminder_of.is_not(None))
        connection.execute(doubt.values(state="unknown"))
    answer(mailed.hub, mailed.token(1), 9, None)
    assert mailed.states() == ["sent", "sent"]


def test_answer_to_the_first_reminder_keeps_the_second_away(mailed):
    mailed.set(reminders=2)
    remind(mailed)
    answer(mailed.hub, mailed.token(1), 9, None)
    remind(mailed)
    assert len(reminders(mailed)) == 1


def test_link_of_a_reminder_unsubscribes_the_mailbox_that_got_it(mailed):
    mailed.decide({"user_id": "u1", "traits": {"email": "new@acme.example"}})
    remind(mailed)
    first, by_reminder = (message.unsubscribe_link.rpartition("/")[2] for _, message in mailed.office.mails)
    assert unsubscribe(mailed.hub, by_reminder)
    assert is_unsubscribed(mailed.hub, by_reminder)
    assert not is_unsubscribed(mailed.hub, first)


# What else happens to people


def test_erased_person_is_not_reminded_and_nothing_of_them_is_left(mailed):
    wait(mailed)
    people.erase(mailed.hub, "u1")
    mailed.deliver()
    assert mailed.invitations() == []
    remind(mailed)
    assert mailed.invitations() == []


def test_of_two_who_prove_to_be_one_person_one_reminder_stays(lab):
    lab.set(reminders=1, min_interval_weeks=0)
    lab.remind()
    lab.decide({"anonymous_id": "a1", "traits": {"email": "one@acme.example"}})
    lab.decide({"user_id": "u1", "traits": {"email": "two@acme.example"}})
    lab.deliver()
    lab.clock.advance(days(7))
    lab.remind()
    lab.decide({"user_id": "u1", "anonymous_id": "a1", "type": "page", "traits": {}})
    assert sorted(stands(lab), key=str) == [("cancelled", "already_scheduled"), ("scheduled", None)]
    lab.deliver()
    assert len({row.person_id for row in lab.invitations()}) == 1
    assert len(lab.office.mails) == 3


def test_story_and_export_of_a_person_name_their_reminders(mailed):
    remind(mailed)
    [story] = people.why(mailed.hub, "u1")
    said = [entry.sentence for entry in story.entries if entry.what == "mail"]
    assert said == [
        "Mail of survey onboarding by channels.relay: the mail system took it.",
        "Reminder of survey onboarding by channels.relay: the mail system took it.",
    ]
    assert mailed.invitations()[0].id in export_person(mailed.hub, story.id).decode().split('"reminder_of": ')[-1]


def test_story_says_why_a_reminder_was_not_sent(mailed):
    wait(mailed)
    answer(mailed.hub, mailed.token(), 9, None)
    [story] = people.why(mailed.hub, "u1")
    assert "Reminder of survey onboarding is cancelled. Not reminded: the answer has come." in [
        entry.sentence for entry in story.entries
    ]


@pytest.mark.parametrize(
    ("action", "state"), [(Action.CANCEL, "cancelled"), (Action.HOLD, "held"), (Action.SEND_NOW, "sent")]
)
def test_person_steers_a_reminder_as_any_invitation(mailed, action, state):
    wait(mailed)
    seen = invitations.act(mailed.hub, reminders(mailed)[0].id, action)
    assert (seen.reminder_of, seen.reminder_number) == (mailed.invitations()[0].id, 1)
    mailed.deliver()
    assert [row.state for row in reminders(mailed)] == [state]


def test_released_reminder_is_checked_once_more(mailed):
    wait(mailed)
    invitations.act(mailed.hub, reminders(mailed)[0].id, Action.HOLD)
    add_an_answer(mailed)
    invitations.act(mailed.hub, reminders(mailed)[0].id, Action.RELEASE)
    mailed.deliver()
    assert stands(mailed) == [("cancelled", "answered")]


def test_reminder_that_another_hub_may_have_sent_before_a_restore_is_left_out(mailed):
    with mailed.hub.store.write() as connection:
        holds.begin(connection, backup_made_at=NOW + days(6), now=NOW + days(8))
    mailed.clock.advance(days(8))
    mailed.remind()
    assert reminders(mailed) == []
    mailed.hub.store.transact(partial(holds.end, stopped_at=NOW + days(7.5), now=mailed.clock()))
    mailed.remind()
    assert reminders(mailed) == []


def test_reminder_that_was_due_after_the_other_hub_stopped_is_sent(mailed):
    with mailed.hub.store.write() as connection:
        holds.begin(connection, backup_made_at=NOW + days(6), now=NOW + days(8))
    mailed.clock.advance(days(8))
    mailed.hub.store.transact(partial(holds.end, stopped_at=NOW + days(6.5), now=mailed.clock()))
    remind(mailed, after=seconds(1))
    assert stands(mailed) == [("sent", None)]


def test_doctor_sees_a_reminder_that_left_after_the_answer(mailed):
    answer(mailed.hub, mailed.token(), 9, None)
    mailed.clock.advance(days(7))
    with mailed.hub.store.write() as connection:
        row = {**mailed.invitations()[0]._mapping, "id": new_id(), "sent_at": mailed.clock()}
        row |= {"reminder_of": mailed.invitations()[0].id, "reminder_number": 1}
        connection.execute(tables.invitation.insert().values(**row))
    assert broken(mailed) == ["1 reminder of a survey that was answered."]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"reminders": 3}, "surveys.onboarding.reminders: must be 0, 1 or 2"),
        ({"reminders": 1, "reminder_after_days": 0}, "surveys.onboarding.reminder_after_days: must be more than 0"),
    ],
)
def test_setting_that_cannot_be_is_refused(lab, settings, said):
    with pytest.raises(Exception, match=said):
        planning.plan(lab.hub, SETUP + survey_lines(**settings), environ={})
