"""Every spelling of createdAt that is read, and every one that is refused."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.created_at import EARLIEST, UNREADABLE, read_created_at

MOMENT = datetime(2026, 3, 11, 9, 30, 15, 123456, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-11", MIDNIGHT),
        (" 2026-03-11\n", MIDNIGHT),
        ("2026-03-11T09:30", MOMENT.replace(second=0, microsecond=0)),
        ("2026-03-11 09:30:15", MOMENT.replace(microsecond=0)),
        ("2026-03-11t09:30:15z", MOMENT.replace(microsecond=0)),
        ("2026-03-11T09:30:15.1Z", MOMENT.replace(microsecond=100_000)),
        ("2026-03-11T09:30:15.123456999Z", MOMENT),
        ("2026-03-11T10:30:15.123456+01:00", MOMENT),
        ("2026-03-11T04:00:15.123456-0530", MOMENT),
        ("2026-03-10T09:30:15.123456-24:00", UNREADABLE),
        ("2026-03-11T09:30-00:00", MOMENT.replace(second=0, microsecond=0)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("1990-01-01", EARLIEST),
        ("1990-01-01T00:30+00:30", EARLIEST),
        (1_773_221_415, datetime(2026, 3, 11, 9, 30, 15, tzinfo=UTC)),
        (1_773_221_415.5, datetime(2026, 3, 11, 9, 30, 15, 500_000, tzinfo=UTC)),
        (1_773_221_415_123, MOMENT.replace(microsecond=123_000)),
        (1_773_221_415_123.9996, MOMENT.replace(microsecond=123_999)),
        ("1773221415", datetime(2026, 3, 11, 9, 30, 15, tzinfo=UTC)),
        (" 1773221415123 ", MOMENT.replace(microsecond=123_000)),
        (9_999_999_999, datetime(2286, 11, 20, 17, 46, 39, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_spelling_is_read(value, expected):
    assert read_created_at(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "yesterday", "now", "null", "0", "true"),
        *("2026-3-11", "26-03-11", "2026/03/11", "11.03.2026", "2026-03", "20260311", "2026-W11-3", "+2026-03-11"),
        *("2026-02-29", "2026-13-01", "2026-00-10", "2026-03-32", "0000-01-01"),
        *("2026-03-11T24:00", "2026-03-11T23:60", "2026-03-11T23:59:60", "2026-03-11T9:30", "2026-03-11T09"),
        *("2026-03-11  09:30", "2026-03-11T09:30:15.", "2026-03-11T09:30:15,5", "2026-03-11TT09:30"),
        *("2026-03-11T09:30+1", "2026-03-11T09:30+01:60", "2026-03-11T09:30+24:00", "2026-03-11T09:30 Z"),
        *("2026-03-11Z", "2026-03-11T09:30 UTC", "2026-03-11T09:30[UTC]", "Wed, 11 Mar 2026 09:30:00 GMT"),
        *("１９９９-01-01", "٢٠٢٦-٠٣-١١", "2026‑03‑11", "2026-03-11T09:30\x00"),
        *("177322141", "17732214151", "177322141512", "17732214151234", "-1773221415", "1773221415.5", "1e9"),
        *("1989-12-31T23:59:59.999999Z", "1990-01-01T00:00:00+00:01", "0001-01-01T00:00:00+14:00"),
        *("9999-12-31T23:59:59-14:00",),
        *(True, False, None, [], {}, [2026], b"2026-03-11", MOMENT),
        *(0, 1, -1_773_221_415, 177_322_141, 17_732_214_151, 1_773_221_415_123_456, 10**400),
        *(math.nan, math.inf, -math.inf, 1e300, 0.5, -1_773_221_415.5),
        631_151_999,
    ],
)
def test_everything_else_is_unreadable_and_never_missing(value):
    assert read_created_at(value) is UNREADABLE


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary())
def test_no_value_raises(value):
    moment = read_created_at(value)
    assert moment is UNREADABLE or (moment >= EARLIEST and moment.tzinfo is UTC)


@given(st.datetimes(min_value=datetime(1990, 1, 2), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_python_writes_is_read_back_to_the_microsecond(moment):
    assert read_created_at(moment.isoformat()) == moment
