"""What waits to be sent, as people see it."""

from __future__ import annotations

from hub.admin.mails import queue
from hub.store import tables
from tests.lab import SETUP, identify, survey_lines


def test_the_first_fifty_that_wait_are_listed_by_due_time(lab):
    lab.decide(*[identify(f"u{number}") for number in range(52)])
    listed = queue.first_waiting(lab.hub)
    assert len(listed) == 50
    assert listed == sorted(listed, key=lambda one: one.due_at)


def test_only_what_waits_for_the_survey_that_was_asked_for_is_listed(lab):
    lab.configure(SETUP + survey_lines() + '[surveys.second]\nsources = ["product"]\n' + survey_lines())
    lab.decide(identify("ada"))
    assert sorted(one.survey for one in queue.first_waiting(lab.hub)) == ["onboarding", "second"]
    assert [one.survey for one in queue.first_waiting(lab.hub, "second")] == ["second"]
    lab.change(tables.invitation, state="sent")
    assert queue.first_waiting(lab.hub) == []


def test_list_says_what_waits_for_the_hours_of_its_survey(lab):
    lab.set(send_from="22:00", send_in_customer_timezone=False)
    lab.decide(identify())
    [waiting] = queue.first_waiting(lab.hub)
    assert (waiting.is_reminder, waiting.waits) == (False, "Waits for Wednesday, 11 Mar, 22:00 (UTC).")


def test_a_person_who_cancels_leaves_no_note_of_an_earlier_attempt(lab):
    lab.decide(identify("ada"))
    lab.change(tables.invitation, state="held", note="the server was away")
    assert queue.cancel(lab.hub, "onboarding") == 1
    assert [(row.reason, row.note) for row in lab.invitations()] == [("cancelled", None)]
