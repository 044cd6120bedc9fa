"""Send windows: the next opening, and how long one was open, on the days on which clocks are set too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.settings import rules_of
from hub.domain.windows import SendWindow, zone_named

BERLIN = "Europe/Berlin"
WORKDAYS = {"send_days": ["mon", "tue", "wed", "thu", "fri"], "send_from": "09:00", "send_until": "17:00"}
NIGHT = {"send_from": "02:15", "send_until": "02:45"}
SUNDAY_NIGHT = {**NIGHT, "send_days": ["sun"]}


def window_of(settings: dict) -> SendWindow:
    window = rules_of(settings).send_window
    assert window is not None
    return window


@pytest.mark.parametrize(
    ("settings", "zone", "moment", "opens"),
    [
        (WORKDAYS, "UTC", "2026-03-11T09:30:00Z", "2026-03-11T09:30:00Z"),  # a Wednesday
        (WORKDAYS, "UTC", "2026-03-11T08:59:59.999999Z", "2026-03-11T09:00:00Z"),
        (WORKDAYS, "UTC", "2026-03-11T16:59:59.999999Z", "2026-03-11T16:59:59.999999Z"),
        (WORKDAYS, "UTC", "2026-03-11T17:00:00Z", "2026-03-12T09:00:00Z"),
        (WORKDAYS, "UTC", "2026-03-13T17:00:00Z", "2026-03-16T09:00:00Z"),
        (WORKDAYS, BERLIN, "2026-03-11T16:30:00Z", "2026-03-12T08:00:00Z"),
        (WORKDAYS, BERLIN, "2026-03-27T16:30:00Z", "2026-03-30T07:00:00Z"),  # summer time begins on the 29th
        (WORKDAYS, "Pacific/Auckland", "2026-03-13T04:00:00Z", "2026-03-15T20:00:00Z"),
        (WORKDAYS, "Asia/Kathmandu", "2026-03-11T03:14:00Z", "2026-03-11T03:15:00Z"),
        ({"send_days": ["sat"]}, "UTC", "2026-03-15T00:00:00Z", "2026-03-21T00:00:00Z"),
        ({"send_from": "22:00"}, "UTC", "2026-03-11T09:30:00Z", "2026-03-11T22:00:00Z"),
        ({"send_until": "06:00"}, "UTC", "2026-03-11T09:30:00Z", "2026-03-12T00:00:00Z"),
        (NIGHT, BERLIN, "2026-03-28T12:00:00Z", "2026-03-30T00:15:00Z"),  # 02:15 is skipped on the 29th
        (SUNDAY_NIGHT, BERLIN, "2026-03-28T12:00:00Z", "2026-04-05T00:15:00Z"),
        (
            {"send_from": "02:15"},
            BERLIN,
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:00:00Z",
        ),  # at 03:00, the first there is
        (NIGHT, BERLIN, "2026-10-25T00:20:00Z", "2026-10-25T00:20:00Z"),
        (NIGHT, BERLIN, "2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z"),  # 02:15 comes a second time
        (NIGHT, BERLIN, "2026-10-25T01:45:00Z", "2026-10-26T01:15:00Z"),
        ({"send_days": ["fri"]}, "Pacific/Apia", "2011-12-29T12:00:00Z", "2012-01-05T10:00:00Z"),  # a day left out
    ],
)
def test_next_opening_is_where_a_clock_on_the_wall_says(settings, zone, moment, opens):
    found = window_of(settings).next(datetime.fromisoformat(moment), zone_named(zone))
    assert found == datetime.fromisoformat(opens)


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001
MINUTES = st.integers(0, 24 * 60)
WINDOWS = st.builds(
    lambda days, hours: SendWindow(
        days=frozenset(days), opens=timedelta(minutes=min(hours)), closes=timedelta(minutes=max(hours))
    ),
    st.sets(st.integers(0, 6), min_size=1),
    st.sets(MINUTES, min_size=2, max_size=2),
)
ZONES = st.sampled_from([BERLIN, "UTC", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tokyo"])


def is_open(window: SendWindow, moment: datetime, zone: ZoneInfo) -> bool:
    """Return what somebody sees who looks at calendar and clock."""
    local = moment.astimezone(zone)
    since_midnight = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
    is_within = window.opens <= since_midnight + timedelta(microseconds=local.microsecond) < window.closes
    return local.weekday() in window.days and is_within


@given(WINDOWS, MOMENTS, ZONES)
def test_window_is_open_at_its_next_opening_and_at_no_minute_before(window, moment, name):
    zone = ZoneInfo(name)
    found = window.next(moment, zone)
    assert found >= moment
    assert is_open(window, found, zone)
    minutes = (found - moment) // timedelta(minutes=1)
    step = max(1, minutes // 500)
    assert not any(is_open(window, moment + timedelta(minutes=at), zone) for at in range(0, minutes, step))
    assert found == moment or not is_open(window, found - timedelta(microseconds=1), zone)


@given(WINDOWS, MOMENTS, st.integers(0, 4 * 24 * 60), ZONES)
def test_open_time_is_the_minutes_at_which_the_window_is_open(window, moment, minutes, name):
    zone, start = ZoneInfo(name), moment.replace(second=0, microsecond=0)
    counted = sum(is_open(window, start + timedelta(minutes=at), zone) for at in range(minutes))
    span = (start, start + timedelta(minutes=minutes))
    assert window.open_time(span, zone) == timedelta(minutes=counted)


def test_pauses_are_no_open_time():
    since = datetime(2026, 3, 11, 9, tzinfo=UTC)
    pause = (since + timedelta(hours=7), since + timedelta(days=1, hours=1))
    found = window_of(WORKDAYS).open_time((since, since + timedelta(days=2)), UTC, without=[pause])
    assert found == timedelta(hours=16) - timedelta(hours=2)


@pytest.mark.parametrize(
    "name", ["", "Europe", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "a\0b", "\ud800", "x" * 5_000]
)
def test_what_is_no_time_zone_is_none(name):
    assert zone_named(name) is None


@pytest.mark.parametrize(
    ("settings", "timezone", "zone"),
    [
        ({}, None, "UTC"),
        ({"send_timezone": BERLIN}, None, BERLIN),
        ({"send_timezone": BERLIN}, "Asia/Tokyo", "Asia/Tokyo"),
        ({"send_timezone": BERLIN}, "Mars/Olympus", BERLIN),
        ({"send_timezone": BERLIN, "send_in_customer_timezone": False}, "Asia/Tokyo", BERLIN),
    ],
)
def test_zone_is_the_customers_own_where_it_is_known(settings, timezone, zone):
    assert str(rules_of(settings).zone_of(timezone)) == zone


def test_survey_without_days_and_hours_sends_always():
    rules = rules_of({"send_timezone": BERLIN})
    assert rules.send_window is None
    assert rules.opens_at(datetime(2026, 3, 14, 3, tzinfo=UTC), None) == datetime(2026, 3, 14, 3, tzinfo=UTC)
