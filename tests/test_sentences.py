"""What settings mean is said in sentences, and every setting of a survey has its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.admin.configuration.schemas import SurveySchema
from hub.admin.configuration.sentences import meaning, span
from hub.domain.settings import SurveyRules

OFFICE_HOURS = {"send_days": ["mon", "tue", "wed", "thu", "fri"], "send_from": "09:00", "send_until": "17:00"}


def said(enabled: bool = True, **settings: Any) -> str:
    return " ".join(meaning(SurveySchema().load(settings), enabled))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"min_delay_days": 3, "max_delay_days": 14},
            "New customers are asked 3 days after they were created, and up to 14 days after it. Older ones are not",
        ),
        ({"min_delay_days": 0.5, "max_delay_days": 1}, "12 hours after they were created, and up to 1 day after it."),
        ({"max_delay_days": 14}, "asked as soon as an identify arrives, up to 14 days after they were created."),
        ({"min_delay_days": 3}, "asked 3 days after they were created; older ones as soon as an identify arrives"),
        ({}, "Customers are asked as soon as an identify arrives, however long ago they were created."),
        ({"trigger_event": "Trial Ended"}, "The event “Trial Ended” starts it, and no identify does."),
        (
            {"trigger_event": "Paid", "trigger_properties": {"plan": "pro", "yearly": True}},
            'The event “Paid” where plan is "pro" and yearly is true starts it',
        ),
        ({}, "Nobody is asked again within 26 weeks."),
        ({"min_interval_weeks": 0.5}, "Nobody is asked again within 3.5 days."),
        ({"min_interval_weeks": 0}, "asked again each time"),
        ({"min_delay_days": 3}, "Customers without createdAt are asked at once."),
        ({"on_missing_created_at": "skip"}, "Customers without createdAt are not asked."),
        ({"on_missing_created_at": "first_seen"}, "the first event about a customer counts"),
        ({"quiet_period_hours": 72}, "Nobody is asked within 72 hours of a mail of any of your surveys."),
        ({"holdout_percent": 2.5}, "2.5 % of your customers, always the same ones, are never asked."),
        ({"holdout_percent": 100}, "All of your customers are held out, so nobody is asked."),
        ({"daily_limit": 200}, "At most 200 mails are sent a day (UTC)"),
        ({"daily_limit": 1}, "At most 1 mail is sent a day (UTC)"),
        ({}, "Events that arrive more than 48 hours late"),
        ({"max_event_age_hours": 0}, "Events of any age can start it"),
        ({}, "the surplus is held until you decide."),
        ({"surge_brake": False}, "The surge brake is off"),
        ({"reminders": 1}, "Who has not answered 7 days after the mail is reminded. The 26 weeks until they are asked"),
        (
            {"reminders": 2, "reminder_after_days": 0.5, "min_interval_weeks": 0},
            "Who has not answered 12 hours after the mail is reminded, and once more 12 hours after that. Events that",
        ),
        ({"reminders": 1, "daily_limit": 9}, "who comes later is not asked. Reminders do not count."),
        (
            {**OFFICE_HOURS, "send_timezone": "Europe/Berlin"},
            "Mails go out on Monday to Friday between 09:00 and 17:00, in the customer's own time zone where it is "
            "known, else Europe/Berlin; what is due at other times waits.",
        ),
        ({"send_days": ["sun", "sat"], "send_in_customer_timezone": False}, "go out on Saturday and Sunday, in UTC;"),
        ({"send_days": ["sat", "mon", "wed"]}, "Mails go out on Monday, Wednesday and Saturday, in"),
        ({"send_days": ["tue"], "send_until": "12:00"}, "Mails go out on Tuesday between 00:00 and 12:00, in"),
        ({"send_from": "10:30"}, "Mails go out every day between 10:30 and 24:00, in"),
        ({"send_grace_hours": 1}, "could not be sent within 1 hour of its time is dropped."),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_settings_are_said_in_sentences(settings: dict[str, Any], sentence: str) -> None:
    assert sentence in said(**settings)


def test_draft_says_first_that_it_asks_nobody() -> None:
    assert meaning({}, False)[0] == "Your survey is off: it asks nobody until you switch it on."
    assert meaning({}, True)[0] == "Your survey is on."


OTHER_VALUES: dict[str, Any] = {
    "min_delay_days": 3,
    "max_delay_days": 14,
    "min_interval_weeks": 4,
    "on_missing_created_at": "skip",
    "max_event_age_hours": 12,
    "quiet_period_hours": 24,
    "holdout_percent": 10,
    "daily_limit": 50,
    "send_grace_hours": 24,
    "surge_brake": False,
    "trigger_event": "Paid",
    "trigger_properties": {"plan": "pro"},
    "reminders": 2,
    "reminder_after_days": 3,
    "send_days": ["sat"],
    "send_from": "10:00",
    "send_until": "12:00",
    "send_timezone": "Asia/Tokyo",
    "send_in_customer_timezone": False,
}
NEEDS: dict[str, dict[str, Any]] = {
    "trigger_properties": {"trigger_event": "Paid"},
    "reminder_after_days": {"reminders": 1},
    "send_timezone": OFFICE_HOURS,
    "send_in_customer_timezone": OFFICE_HOURS,
}
"""Without which a setting changes nothing."""


@pytest.mark.parametrize("setting", SurveyRules.__dataclass_fields__)
def test_every_setting_of_the_rules_changes_what_is_said(setting: str) -> None:
    base = NEEDS.get(setting, {})
    assert said(**base, **{setting: OTHER_VALUES[setting]}) != said(**base)


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        (1, "day", "1 day"),
        (14, "day", "14 days"),
        (48, "hour", "48 hours"),
        (0.5, "day", "12 hours"),
        (0.25, "hour", "15 minutes"),
        (1.5, "week", "1.5 weeks"),
        (2 / 7, "week", "2 days"),
        (0.001, "hour", "0.06 minutes"),
    ],
)
def test_spans_are_said_in_the_unit_that_was_set_or_a_smaller_one(number: float, unit: str, expected: str) -> None:
    assert span(number, unit) == expected
