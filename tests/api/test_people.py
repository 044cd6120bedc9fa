"""People with their stories, and events with what was decided on them."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from hub.admin.events import REASONS
from hub.admin.people.people import why
from hub.domain.reasons import Reason
from hub.web.api.schemas.shared import plain
from tests.api.client import Api
from tests.lab import Lab, identify


def test_people_are_found_by_id_and_address(lab: Lab, api: Api) -> None:
    lab.decide({**identify("u1", firstName="Ada"), "anonymous_id": "a1"}, identify("u2"))
    found = [api.all("/people", who=who) for who in ("u1", "a1", "U1@acme.example")]
    assert found[0] == found[1] == found[2]
    (person,) = found[0]
    assert (person["name"], person["email"], person["user_ids"], person["anonymous_ids"]) == (
        "Ada",
        "u1@acme.example",
        ["u1"],
        ["a1"],
    )
    assert api.all("/people", who="nobody") == []
    assert len(api.all("/people")) == 2


def test_people_are_found_in_every_namespace(lab: Lab, api: Api) -> None:
    namespaces = {"s0": "", "s1": "one", "s2": "two"}
    lab.configure("".join(f'[sources.{k}]\nkind = "fake"\nnamespace = "{v}"\n' for k, v in namespaces.items()))
    for number in range(3):
        lab.receive({"user_id": "7", "message_id": f"m{number}"}, source=f"s{number}")
    lab.decide()
    assert len(api.all("/people", who="7")) == 3


def test_story_tells_everything_in_order(lab: Lab, api: Api) -> None:
    lab.decide(identify("u1"))
    lab.deliver()
    (person,) = api.all("/people", who="u1")
    story = api.get(f"/people/{person['id']}")
    assert [entry["what"] for entry in story["entries"]] == ["event", "decision", "mail"]
    assert {name: story[name] for name in person} == person
    assert story["entries"][1]["details"]["due_at"] == "2026-03-11T09:30:00Z"
    assert api("GET", "/people/unheard-of").status_code == 404


@pytest.fixture
def all_kinds(lab: Lab) -> dict[str, str | None]:
    """Events of every kind that is quickly made, with the reason that the hub or the survey gave."""
    lab.set(max_delay_days=10)
    lab.configure(
        '[sources.quiet]\nkind = "fake"\n[sources.product]\nkind = "fake"\n[channels.relay]\nkind = "fake"\n'
        '[surveys.onboarding]\nsources = ["product"]\nchannels = ["relay"]\nenabled = true\nmax_delay_days = 10\n'
    )
    old = (lab.clock.moment - timedelta(days=30)).isoformat()
    made = {
        "scheduled": {**identify("u1"), "message_id": "m-scheduled"},
        "already_scheduled": {**identify("u1"), "message_id": "m-already_scheduled"},
        "too_old": {**identify("u2", createdAt=old), "message_id": "m-too_old"},
        "no_email": {"user_id": "u3", "message_id": "m-no_email"},
        "not_a_trigger": {"type": "page", "user_id": "u4", "message_id": "m-not_a_trigger"},
        "echo": {**identify("u5"), "echo": True, "message_id": "m-echo"},
        "no_identity": {"message_id": "m-no_identity"},
        "unreadable": {"unreadable": "torn"},
    }
    for event in made.values():
        lab.decide(event)
        lab.clock.advance(timedelta(minutes=1))
    lab.receive({**identify("u6"), "message_id": "m-no_survey"}, source="quiet")
    lab.decide()
    return {**dict.fromkeys(made), "no_survey": None}


def test_events_are_listed_newest_first_whatever_became_of_them(api: Api, all_kinds: dict[str, str | None]) -> None:
    found = api.all("/events", limit=2)
    assert len(found) == len(all_kinds)
    moments = [event["arrived_at"] for event in found]
    assert moments == sorted(moments, reverse=True)


def test_events_are_found_by_every_reason_and_outcome(api: Api, all_kinds: dict[str, str | None]) -> None:
    for outcome, reasons in REASONS.items():
        expected = {str(reason) for reason in reasons} & set(all_kinds)
        if outcome == "decided":
            expected = {"scheduled", "already_scheduled", "too_old", "no_email"}
        assert reasons_of(api.all("/events", outcome=outcome, limit=1)) == expected, outcome
        for reason in (one for one in reasons if one is not None):
            assert reasons_of(api.all("/events", reason=reason)) == {str(reason)} & set(all_kinds)
            assert reasons_of(api.all("/events", outcome=outcome, reason=reason)) == {str(reason)} & set(all_kinds)


def reasons_of(events: list[dict[str, object]]) -> set[object]:
    """Return the reason of each event, or that of its only decision."""
    return {event["reason"] or event["decisions"][0]["reason"] for event in events}  # type: ignore[index]


def test_every_reason_of_a_decision_belongs_to_one_outcome() -> None:
    listed = [reason for reasons in REASONS.values() for reason in reasons if reason is not None]
    of_reminders = {Reason.ANSWERED, Reason.REMINDERS_OFF, Reason.UNDELIVERED}
    never_of_an_event = {Reason.DUPLICATE, Reason.WINDOW_MISSED, Reason.CANCELLED, *of_reminders}
    assert sorted(listed) == sorted(set(Reason) - never_of_an_event)


def test_events_are_found_by_person_and_time(api: Api, all_kinds: dict[str, str | None]) -> None:
    person = api.all("/people", who="u1")[0]["id"]
    assert reasons_of(api.all("/events", person=person)) == {"scheduled", "already_scheduled"}
    assert reasons_of(api.all("/events", person=person, reason="scheduled")) == {"scheduled"}
    assert api.all("/events", person=person, outcome="rejected") == []
    window = {"since": "2026-03-11T09:31:00Z", "until": "2026-03-11T10:33:00+01:00"}
    assert reasons_of(api.all("/events", **window)) == {"already_scheduled", "too_old"}
    assert reasons_of(api.all("/events", **window, outcome="skipped")) == {"too_old"}


def test_event_is_shown_with_its_payload(lab: Lab, api: Api, all_kinds: dict[str, str | None]) -> None:
    (listed,) = api.all("/events", reason="unreadable")
    assert "payload" not in listed
    whole = api.get(f"/events/{listed['id']}")
    assert whole["payload"]["unreadable"] == "torn"
    assert whole["note"] == "torn"
    assert api("GET", "/events/unheard-of").status_code == 404


def test_event_that_two_surveys_skipped_is_listed_once(lab: Lab, api: Api) -> None:
    survey = '[surveys.{}]\nsources = ["product"]\n'
    lab.configure('[sources.product]\nkind = "fake"\n' + survey.format("one") + survey.format("two"))
    lab.decide(identify("u1"), identify("u2"))
    found = api.all("/events", reason="survey_paused", limit=1)
    assert len(found) == 2
    assert [one["survey"] for one in sorted(found[0]["decisions"], key=lambda one: one["survey"])] == ["one", "two"]


def test_infinity_that_was_stored_is_null_in_an_answer() -> None:
    assert plain({"a": [math.inf, math.nan, 1.5]}) == {"a": [None, None, 1.5]}


def test_people_found_by_who_are_no_more_than_asked_for(lab: Lab, api: Api) -> None:
    lab.decide(identify("u1", email="a@acme.example"), identify("u2", email="a@acme.example"))
    assert len(api.get("/people", who="a@acme.example")["items"]) == 2
    assert len(api.get("/people", who="a@acme.example", limit=1)["items"]) == 1


def test_long_story_is_told_from_its_newest_thousand_on(lab: Lab, api: Api) -> None:
    lab.decide(*(identify("u1") for _ in range(600)))
    (person,) = api.all("/people")
    (whole,) = why(lab.hub, "u1")
    told = api.get(f"/people/{person['id']}")["entries"]
    assert len(told) == 1_000 < len(whole.entries)
    assert [entry["sentence"] for entry in told] == [entry.sentence for entry in whole.entries[-1_000:]]
