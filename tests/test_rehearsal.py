"""A rehearsal says what edited rules would have decided on recorded events, beside what was decided."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.admin.rehearsing.rehearsal import Fate, Rehearsal, rehearse
from hub.config import ConfigError
from hub.pipeline.respond import unsubscribe
from hub.store.tables import event, metadata, person
from tests.clock import NOW, days
from tests.lab import SETUP, Lab, identify, survey_lines


def counts(rehearsal: Rehearsal) -> dict[str, tuple[int, int]]:
    """Return how many events met with each fate, then and now."""
    return {one.reason: (one.before, one.after) for one in rehearsal.counts}


def of_age(user: str, age: timedelta, now: Any = NOW) -> dict[str, Any]:
    return identify(user, createdAt=(now - age).isoformat())


def test_edited_delay_is_tried_on_recorded_events(lab: Lab) -> None:
    lab.decide(of_age("new", days(1)), of_age("middle", days(10)), of_age("old", days(40)))
    rehearsal = rehearse(lab.hub, "onboarding", {"min_delay_days": 3, "max_delay_days": 14})
    assert counts(rehearsal) == {"scheduled": (3, 2), "too_old": (0, 1)}
    assert [(one.day.isoformat(), one.before, one.after) for one in rehearsal.mails] == [
        ("2026-03-11", 3, 1),
        ("2026-03-13", 0, 1),
    ]
    assert (rehearsal.events, rehearsal.left_out, rehearsal.since) == (3, 0, NOW)
    assert (rehearsal.first_day, rehearsal.first_week) == (1, 2)


def test_people_with_another_fate_are_named_those_with_another_reason_first(lab: Lab) -> None:
    lab.decide(of_age("new", days(1)), of_age("middle", days(10)), of_age("old", days(40)))
    rehearsal = rehearse(lab.hub, "onboarding", {"min_delay_days": 3, "max_delay_days": 14})
    people = {row.message_id: row.person_id for row in lab.rows(event)}
    assert rehearsal.people_with_another_fate == 2
    assert [(one.person_id, one.before.reason, one.after.reason) for one in rehearsal.examples] == [
        (people["m3"], "scheduled", "too_old"),
        (people["m1"], "scheduled", "scheduled"),
    ]
    assert rehearsal.examples[0].after.sentence == "Not asked: the customer is older than the survey's maximum delay."
    assert rehearsal.examples[1].after.due_at == NOW + days(2)


def test_twenty_examples_are_shown_of_all_people_that_differ(lab: Lab) -> None:
    lab.decide(*(of_age(f"u{number}", days(40)) for number in range(25)))
    rehearsal = rehearse(lab.hub, "onboarding", {"max_delay_days": 14})
    assert (rehearsal.people_with_another_fate, len(rehearsal.examples)) == (25, 20)


def test_draft_is_rehearsed_as_if_it_were_on(lab: Lab) -> None:
    lab.set(enabled=False)
    lab.decide(identify("u1"), identify("u2"))
    assert counts(rehearse(lab.hub, "onboarding", {})) == {"survey_paused": (2, 0), "scheduled": (0, 2)}


def test_events_that_start_another_survey_count_with_those_that_start_none(lab: Lab) -> None:
    other = '[surveys.paid]\nsources = ["product"]\nenabled = true\ntrigger_event = "Paid"\n'
    lab.configure(SETUP + survey_lines() + other)
    lab.decide({"type": "track", "name": "Paid", "user_id": "u1"}, {"type": "page", "user_id": "u1"})
    assert [(one.reason, one.before, one.after) for one in rehearse(lab.hub, "onboarding", {}).counts] == [
        ("not_a_trigger", 2, 2)
    ]


def test_survey_that_did_not_listen_is_told_so(lab: Lab) -> None:
    lab.decide(identify("u1"))
    rehearsal = rehearse(lab.hub, "another", {"sources": ["product"]})
    assert counts(rehearsal) == {"": (1, 0), "scheduled": (0, 1)}
    assert rehearsal.examples[0].before == Fate()
    assert rehearsal.examples[0].before.sentence == "The survey did not listen to this event."


def test_survey_without_a_source_rehearses_nothing(lab: Lab) -> None:
    lab.decide(identify("u1"))
    assert rehearse(lab.hub, "onboarding", {"sources": []}).events == 0


def live_through_a_month(lab: Lab) -> None:
    """Let people of all sorts come and go, mails leave, somebody unsubscribe, an event repeat."""
    for day in range(30):
        lab.clock.moment = NOW + days(day)
        now = lab.clock()
        events: list[dict[str, Any]] = [
            of_age(f"new{day}", days(0), now),
            of_age(f"new{day % 7}", days(day % 7), now),
            identify(f"plain{day % 11}"),
            {"user_id": f"mute{day}", "traits": {"plan": "free"}},
            {"user_id": "typo", "traits": {"email": "no address", "createdAt": "yesterday"}},
            {"anonymous_id": f"visitor{day % 5}", "traits": {"email": f"visitor{day % 5}@acme.example"}},
            {"user_id": f"member{day % 5}", "anonymous_id": f"visitor{day % 5}"},
            {"type": "track", "name": "Paid", "user_id": f"new{day}"},
            {"type": "identify", "traits": {"email": "nobody@acme.example"}},
            {"unreadable": "for a test"},
            {**identify(f"late{day}"), "timestamp": (now - days(3)).isoformat()},
            {**identify("quiet"), "active": False},
            identify("shared", email="shared@acme.example"),
            identify(f"other{day % 3}", email="Shared@acme.example"),
        ]
        moments = [now - timedelta(milliseconds=len(events) - number) for number in range(len(events))]
        lab.receive(*({"timestamp": at.isoformat(), **one} for at, one in zip(moments, events, strict=True)))
        lab.decide()
        lab.deliver()
        lab.clock.advance(timedelta(hours=1))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"min_delay_days": 2, "max_delay_days": 5, "min_interval_weeks": 1, "on_missing_created_at": "first_seen"},
        {"min_interval_weeks": 0.5, "holdout_percent": 30, "max_event_age_hours": 0},
        {"min_interval_weeks": 0, "daily_limit": 3},
        {"trigger_event": "Paid", "min_delay_days": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("since", [None, NOW + days(12)], ids=["whole", "half"])
def test_unchanged_rules_decide_again_what_they_decided(lab: Lab, settings: dict[str, Any], since: Any) -> None:
    lab.set(**settings)
    live_through_a_month(lab)
    rehearsal = rehearse(lab.hub, "onboarding", {}, since=since)
    assert rehearsal.examples == []
    assert rehearsal.left_out == 0
    assert {one.reason: one.before for one in rehearsal.counts} == {one.reason: one.after for one in rehearsal.counts}
    assert rehearsal.events > 200


def test_what_was_sent_before_the_events_counts(lab: Lab) -> None:
    lab.decide(identify("u1"), identify("u2"))
    lab.deliver()
    lab.clock.advance(days(40))
    lab.decide(identify("u1"), identify("u3"))
    assert counts(rehearse(lab.hub, "onboarding", {})) == {"throttled": (1, 1), "scheduled": (1, 1)}
    assert counts(rehearse(lab.hub, "onboarding", {"min_interval_weeks": 4})) == {
        "throttled": (1, 0),
        "scheduled": (1, 2),
    }


def test_mails_of_other_surveys_count_in_a_quiet_period_from_their_time_on(lab: Lab) -> None:
    second = '[surveys.second]\nsources = ["product"]\nchannels = ["relay"]\n'
    lab.configure(SETUP + survey_lines() + second + survey_lines(trigger_event="Paid"))
    lab.decide(identify("u1"))
    lab.deliver()
    lab.clock.advance(days(2))
    lab.decide({"type": "track", "name": "Paid", "user_id": "u2", "fallback_traits": {"email": "u2@acme.example"}})
    lab.deliver()
    lab.clock.advance(days(1))
    lab.decide(identify("u2"))
    rehearsal = rehearse(lab.hub, "onboarding", {"quiet_period_hours": 48})
    assert counts(rehearsal)["quiet_period"] == (0, 1)
    assert counts(rehearsal)["scheduled"] == (2, 1)


def test_who_unsubscribed_meanwhile_is_left_alone_from_then_on(lab: Lab) -> None:
    lab.set(min_interval_weeks=0)
    lab.decide(identify("u1"))
    lab.deliver()
    lab.clock.advance(days(1))
    unsubscribe(lab.hub, lab.token())
    lab.decide(identify("u1"))
    assert counts(rehearse(lab.hub, "onboarding", {})) == {"scheduled": (1, 1), "suppressed": (1, 1)}


def test_erased_events_are_left_out_and_counted(lab: Lab) -> None:
    lab.decide(identify("u1"), identify("u2"))
    lab.change(event, payload=None)
    rehearsal = rehearse(lab.hub, "onboarding", {})
    assert (rehearsal.events, rehearsal.left_out, rehearsal.counts) == (0, 2, [])


def test_surge_brake_says_how_many_it_would_have_held(lab: Lab) -> None:
    lab.decide(*(identify(f"u{number}") for number in range(510)))
    rehearsal = rehearse(lab.hub, "onboarding", {"surge_brake": True})
    assert (rehearsal.held, rehearsal.first_day) == (10, 500)


def test_newest_events_are_looked_at_and_none_older_than_asked_for(lab: Lab) -> None:
    for _ in range(4):
        lab.decide(identify("u1"))
        lab.clock.advance(days(1))
    assert rehearse(lab.hub, "onboarding", {}, limit=3).since == NOW + days(1)
    assert rehearse(lab.hub, "onboarding", {}, since=NOW + days(2)).events == 2
    lab.clock.advance(days(40))
    assert rehearse(lab.hub, "onboarding", {}).events == 0


def test_settings_may_be_as_a_form_writes_them(lab: Lab) -> None:
    lab.decide(of_age("old", days(40)))
    written = {"min_delay_days": "3", "max_delay_days": "14.5", "daily_limit": "7", "surge_brake": "on"}
    assert counts(rehearse(lab.hub, "onboarding", written)) == {"scheduled": (1, 0), "too_old": (0, 1)}


def test_wrong_settings_are_named_with_their_paths(lab: Lab) -> None:
    with pytest.raises(ConfigError) as caught:
        rehearse(lab.hub, "onboarding", {"min_delay_days": "soon", "daily_limit": -1, "colour": "red"})
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "surveys.onboarding.min_delay_days",
        "surveys.onboarding.daily_limit",
        "surveys.onboarding.colour",
    ]
    with pytest.raises(ConfigError, match=r"surveys.onboarding.sources: there is no source 'produkt'; did you mean"):
        rehearse(lab.hub, "onboarding", {"sources": ["produkt"]})


def test_rehearsal_stores_nothing(lab: Lab) -> None:
    live_through_a_month(lab)

    def sizes() -> dict[str, int]:
        with lab.hub.store.read() as connection:
            return {
                table.name: connection.scalar(select(func.count()).select_from(table)) or 0
                for table in metadata.sorted_tables
            }

    before = sizes()
    people = [json.dumps(row.profile, default=str) for row in lab.rows(person, "id")]
    rehearse(lab.hub, "onboarding", {"min_interval_weeks": 0})
    assert sizes() == before
    assert [json.dumps(row.profile, default=str) for row in lab.rows(person, "id")] == people
