"""What a survey's settings mean, in sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hub.admin.words import counted
from hub.domain.settings import OnMissingCreatedAt, SurveyRules, rules_of

_UNITS = {"week": 7 * 24 * 60, "day": 24 * 60, "hour": 60, "minute": 1}
"""In minutes."""


def meaning(settings: Mapping[str, Any], enabled: bool) -> list[str]:
    """Return what settings that `SurveySchema` has loaded mean for customers, the most important first."""
    rules = rules_of(settings)
    return [
        _switch(enabled),
        *_trigger(rules),
        _delay(rules),
        *_missing_created_at(rules),
        _interval(rules),
        *_limits(rules),
        _event_age(rules),
        _brake(rules),
        _grace(rules),
    ]


def span(number: float, unit: str) -> str:
    """Return a span of time in the largest unit of which it has at least one, as in "12 hours" for half a day."""
    minutes = number * _UNITS[unit]
    unit = next((name for name, size in _UNITS.items() if size <= _UNITS[unit] and minutes >= size), "minute")
    amount = f"{round(minutes / _UNITS[unit], 2):g}"
    return f"1 {unit}" if amount == "1" else f"{amount} {unit}s"


def _switch(enabled: bool) -> str:
    return "Your survey is on." if enabled else "Your survey is off: it asks nobody until you switch it on."


def _trigger(rules: SurveyRules) -> Iterator[str]:
    if not rules.trigger_event:
        yield "Every identify of a customer can start it, and no other event does."
        return
    wanted = [f"{name} is {json.dumps(value)}" for name, value in rules.trigger_properties.items()]
    where = f" where {' and '.join(wanted)}" if wanted else ""
    yield f"The event “{rules.trigger_event}”{where} starts it, and no identify does."


def _delay(rules: SurveyRules) -> str:
    least, most = rules.min_delay_days, rules.max_delay_days
    starter = f"“{rules.trigger_event}”" if rules.trigger_event else "an identify"
    if not least and not most:
        return f"Customers are asked as soon as {starter} arrives, however long ago they were created."
    if not most:
        return (
            f"Customers are asked {span(least, 'day')} after they were created; older ones as soon as {starter} "
            "arrives, however long ago that was."
        )
    if not least:
        return (
            f"New customers are asked as soon as {starter} arrives, up to {span(most, 'day')} after they were "
            "created. Older ones are not asked."
        )
    return (
        f"New customers are asked {span(least, 'day')} after they were created, and up to {span(most, 'day')} after "
        "it. Older ones are not asked."
    )


def _missing_created_at(rules: SurveyRules) -> Iterator[str]:
    match rules.on_missing_created_at:
        case OnMissingCreatedAt.SKIP:
            yield "Customers without createdAt are not asked."
        case OnMissingCreatedAt.FIRST_SEEN:
            yield "Without createdAt, the first event about a customer counts as the day they were created."
        case OnMissingCreatedAt.IMMEDIATE:
            if rules.min_delay_days or rules.max_delay_days:
                yield "Customers without createdAt are asked at once."


def _interval(rules: SurveyRules) -> str:
    weeks = rules.min_interval_weeks
    if weeks:
        return f"Nobody is asked again within {span(weeks, 'week')}."
    return "The same person is asked again each time: nothing is kept between two surveys."


def _limits(rules: SurveyRules) -> Iterator[str]:
    if rules.quiet_period_hours:
        quiet = span(rules.quiet_period_hours, "hour")
        yield f"Nobody is asked within {quiet} of a mail of any of your surveys."
    if rules.holdout_percent >= 100:
        yield "All of your customers are held out, so nobody is asked."
    elif rules.holdout_percent:
        yield f"{rules.holdout_percent:g} % of your customers, always the same ones, are never asked."
    if rules.daily_limit:
        verb = "is" if rules.daily_limit == 1 else "are"
        yield f"At most {counted(rules.daily_limit, 'mail')} {verb} sent a day (UTC); who comes later is not asked."


def _event_age(rules: SurveyRules) -> str:
    if rules.max_event_age_hours:
        oldest = span(rules.max_event_age_hours, "hour")
        return f"Events that arrive more than {oldest} late, from an import or a replay, start nothing."
    return "Events of any age can start it: if you import or replay old events, those people are asked, too."


def _brake(rules: SurveyRules) -> str:
    if rules.surge_brake:
        return "If far more mails than usual fall due within an hour, the surplus is held until you decide."
    return "The surge brake is off: however many mails fall due at once, all of them are sent."


def _grace(rules: SurveyRules) -> str:
    return f"A mail that could not be sent within {span(rules.send_grace_hours, 'hour')} of its time is dropped."
