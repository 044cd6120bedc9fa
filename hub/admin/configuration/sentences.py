"""What a survey's settings mean, in sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.admin.words import counted
from hub.domain.settings import OnMissingCreatedAt, SurveyRules, rules_of
from hub.domain.windows import DAY_NAMES

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
        *_reminders(rules),
        *_window(rules),
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


def _reminders(rules: SurveyRules) -> Iterator[str]:
    if rules.reminders:
        after = span(rules.reminder_after_days, "day")
        again = f", and once more {after} after that" if rules.reminders > 1 else ""
        yield f"Who has not answered {after} after the mail is reminded{again}."
        if rules.min_interval_weeks:
            interval = span(rules.min_interval_weeks, "week")
            yield f"The {interval} until they are asked again count from the last reminder."


def _window(rules: SurveyRules) -> Iterator[str]:
    if rules.send_window is None:
        return
    days = _days(sorted(rules.send_window.days))
    begin, end = rules.send_from or "00:00", rules.send_until or "24:00"
    hours = f" between {begin} and {end}" if rules.send_from or rules.send_until else ""
    own = "in the customer's own time zone where it is known, else " if rules.send_in_customer_timezone else "in "
    yield f"Mails go out {days}{hours}, {own}{rules.send_timezone}; what is due at other times waits."


def _days(numbers: Sequence[int]) -> str:
    if len(numbers) == 7:
        return "every day"
    names = [DAY_NAMES[number] for number in numbers]
    is_row = numbers[-1] - numbers[0] == len(numbers) - 1
    if is_row and len(numbers) > 2:
        return f"on {names[0]} to {names[-1]}"
    return f"on {', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else f"on {names[0]}"


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
        apart = " Reminders do not count." if rules.reminders else ""
        mails = counted(rules.daily_limit, "mail")
        yield f"At most {mails} {verb} sent a day (UTC); who comes later is not asked.{apart}"


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
