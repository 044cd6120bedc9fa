"""What would be decided about a person now is told for each survey, and nothing comes of asking."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.admin.decision_facts import in_words
from hub.admin.people.next_event import Next, next_identify
from hub.admin.trouble import NotThere
from hub.store import tables
from tests.clock import NOW, days
from tests.lab import SETUP, Lab, identify, survey_lines

SECOND = '[surveys.trial]\nsources = ["product"]\nchannels = ["relay"]\n' + survey_lines(
    trigger_event="Trial Ended", trigger_properties={}, min_interval_weeks=0
).replace("trigger_properties = {}\n", "")


def person_of(lab: Lab, message_id: str = "m1") -> str:
    return next(row.person_id for row in lab.rows(tables.event) if row.message_id == message_id)


def only(lab: Lab, person_id: str) -> Next:
    [found] = next_identify(lab.hub, person_id)
    return found


def test_person_of_the_right_age_would_be_asked(lab: Lab) -> None:
    lab.set(enabled=False, min_delay_days=3, max_delay_days=14)
    lab.decide(identify("u1", createdAt=(NOW - days(1)).isoformat()))
    lab.set(min_delay_days=3, max_delay_days=14)
    found = only(lab, person_of(lab))
    assert (found.survey, found.event, found.outcome, found.reason) == (
        "onboarding",
        "identify",
        "scheduled",
        "scheduled",
    )
    assert (found.sentence, found.due_at) == ("Will be asked.", NOW + days(2))
    assert in_words(found.facts).endswith("1.0 days before the decision; asked 3 to 14 days after it.")


@pytest.mark.parametrize(
    ("settings", "created", "reason"),
    [
        ({"enabled": False}, 1, "survey_paused"),
        ({"max_delay_days": 14}, 40, "too_old"),
        ({"holdout_percent": 100}, 1, "holdout"),
    ],
)
def test_person_who_would_not_be_asked_is_told_why(
    settings: dict[str, object], created: int, reason: str, lab: Lab
) -> None:
    lab.set(enabled=False)
    lab.decide(identify("u1", createdAt=(NOW - days(created)).isoformat()))
    lab.set(**settings)
    assert only(lab, person_of(lab)).reason == reason


def test_person_asked_before_is_told_from_when_on_they_can_be_asked_again(lab: Lab) -> None:
    lab.decide(identify("u1"))
    assert only(lab, person_of(lab)).reason == "already_scheduled"
    lab.deliver()
    lab.clock.advance(days(7))
    found = only(lab, person_of(lab))
    assert (found.reason, found.eligible_again_at) == ("throttled", NOW + timedelta(weeks=26))
    assert in_words(found.facts).startswith("Last asked 11 Mar 2026")


def test_survey_that_a_track_starts_is_asked_about_that_one(lab: Lab) -> None:
    lab.configure(SETUP + survey_lines() + SECOND)
    lab.decide(identify("u1"))
    assert [(one.survey, one.event, one.reason) for one in next_identify(lab.hub, person_of(lab))] == [
        ("onboarding", "identify", "already_scheduled"),
        ("trial", "Trial Ended", "scheduled"),
    ]


def test_survey_whose_sources_do_not_know_the_person_decides_nothing(lab: Lab) -> None:
    lab.decide(identify("u1"))
    other = SETUP.replace('[surveys.onboarding]\nsources = ["product"]', '[surveys.onboarding]\nsources = ["shop"]')
    lab.configure('[sources.shop]\nkind = "fake"\nnamespace = "shop"\n' + other + survey_lines())
    assert only(lab, person_of(lab)).reason == "no_survey"


def test_asking_changes_nothing(lab: Lab) -> None:
    lab.decide({"user_id": "u1", "traits": {"email": "u1@acme.example"}})
    lab.deliver()
    lab.set(min_interval_weeks=0)
    before = [lab.rows(table) for table in (tables.invitation, tables.person, tables.identity, tables.event)]
    assert only(lab, person_of(lab)).reason == "scheduled"
    assert [lab.rows(table) for table in (tables.invitation, tables.person, tables.identity, tables.event)] == before


def test_nobody_is_told_so(lab: Lab) -> None:
    with pytest.raises(NotThere, match="There is no person nobody"):
        next_identify(lab.hub, "nobody")
