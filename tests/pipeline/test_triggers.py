"""Surveys that a track event starts, under the same rules as those that an identify does."""

from __future__ import annotations

import pytest

from hub.config import ConfigError
from tests.clock import NOW, days
from tests.lab import SETUP, Lab, identify, survey_lines

ORDER = {"type": "track", "user_id": "u1", "name": "Order Completed"}


def named(name: str) -> str:
    return f'[surveys.{name}]\nsources = ["product"]\nchannels = ["relay"]\n'


@pytest.fixture
def shop(lab: Lab) -> Lab:
    """A hub whose survey asks after an order, and knows one customer."""
    lab.set(trigger_event="Order Completed")
    lab.decide(identify())
    return lab


def test_named_track_starts_the_survey_and_an_identify_does_not(shop):
    assert shop.reasons() == ["not_a_trigger"]
    shop.decide(ORDER)
    assert shop.reasons() == ["not_a_trigger", "scheduled"]
    shop.deliver()
    assert shop.office.addresses == ["u1@acme.example"]


@pytest.mark.parametrize(
    "event",
    [
        {**ORDER, "name": "Order Cancelled"},
        {**ORDER, "name": "order completed"},
        {**ORDER, "name": None},
        {**ORDER, "type": "page"},
        {**ORDER, "type": "screen"},
    ],
)
def test_other_events_start_nothing(shop, event):
    shop.decide(event)
    assert list(shop.events().values()) == [("decided", None), ("ignored", "not_a_trigger")]


@pytest.mark.parametrize(
    ("properties", "starts"),
    [
        ({"plan": "pro", "seats": 5, "first": True, "more": "than asked"}, True),
        ({"plan": "pro", "seats": 5.0, "first": True}, True),
        ({"plan": "pro", "seats": 5}, False),
        ({"plan": "Pro", "seats": 5, "first": True}, False),
        ({"plan": "pro", "seats": "5", "first": True}, False),
        ({"plan": "pro", "seats": 5, "first": 1}, False),
        ({}, False),
    ],
)
def test_properties_have_to_be_as_the_survey_says(lab, properties, starts):
    wanted = 'trigger_properties = { plan = "pro", seats = 5, first = true }\n'
    lab.configure(SETUP + survey_lines(trigger_event="Order Completed") + wanted)
    lab.decide(identify(), {**ORDER, "properties": properties})
    assert (len(lab.invitations()) == 1) == starts


def test_track_that_starts_a_survey_brings_the_address_in_its_context(lab):
    lab.set(trigger_event="Order Completed")
    lab.decide({**ORDER, "fallback_traits": {"email": "new@acme.example", "firstName": "Ada"}})
    lab.deliver()
    [(_, message)] = lab.office.mails
    assert message.to == "new@acme.example"
    assert "Ada" in message.text


def test_track_that_starts_nothing_leaves_the_profile_alone(lab):
    lab.decide({**ORDER, "fallback_traits": {"email": "new@acme.example"}}, {"user_id": "u1", "traits": {}})
    assert lab.reasons() == ["no_email"]


def test_every_listening_survey_decides_on_an_event_that_starts_any(lab):
    lab.configure(SETUP + survey_lines() + named("orders") + survey_lines(trigger_event="Order Completed"))
    lab.decide(identify(), ORDER)
    names = {survey.id: survey.name for survey in lab.hub.registry.current().surveys.values()}
    assert {(row.message_id, names[row.survey_id], row.reason) for row in lab.decisions()} == {
        ("m1", "onboarding", "scheduled"),
        ("m1", "orders", "not_a_trigger"),
        ("m2", "onboarding", "not_a_trigger"),
        ("m2", "orders", "scheduled"),
    }


def test_same_rules_hold_for_a_track(shop):
    shop.set(trigger_event="Order Completed", max_delay_days=14)
    shop.decide({**ORDER, "timestamp": (NOW - days(3)).isoformat()})
    shop.decide({"type": "track", "name": "Order Completed", "user_id": "nobody"})
    shop.decide({"type": "track", "name": "Order Completed"})
    shop.decide(ORDER)
    shop.deliver()
    shop.decide(ORDER)
    assert shop.reasons() == ["not_a_trigger", "stale_event", "no_email", "scheduled", "throttled"]
    assert shop.events()["m4"] == ("rejected", "no_identity")


def test_track_of_our_own_is_an_echo(shop):
    shop.decide({**ORDER, "active": False}, {**ORDER, "echo": True})
    assert [reason for _, reason in shop.events().values()] == [None, "echo", "echo"]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('trigger_properties = { plan = "pro" }\n', "surveys.onboarding.trigger_properties: needs a trigger_event"),
        (
            'trigger_event = "x"\ntrigger_properties = { plan = ["pro"] }\n',
            "surveys.onboarding.trigger_properties.plan.value: must be text, a number, true or false",
        ),
    ],
)
def test_trigger_that_means_nothing_is_refused(lab, lines, problem):
    with pytest.raises(ConfigError) as refusal:
        lab.configure(SETUP + lines)
    assert any(found.startswith(problem) for found in refusal.value.problems)
