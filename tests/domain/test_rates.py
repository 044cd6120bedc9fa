"""How fast a channel may send: never more than its rate in any span, wherever it begins."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.rates import Rate, full, read_rate
from tests.clock import NOW, seconds


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("", None),
        (" ", None),
        ("14/second", Rate(count=14, seconds=1)),
        ("600 / minute", Rate(count=600, seconds=60)),
        ("1/hour", Rate(count=1, seconds=3_600)),
        ("10000/day", Rate(count=10_000, seconds=86_400)),
    ],
)
def test_rate_is_a_number_and_a_unit(text, rate):
    assert read_rate(text) == rate


@pytest.mark.parametrize("text", ["0/minute", "-1/minute", "10", "10/week", "1.5/second", "ten/day", "9" * 10 + "/day"])
def test_anything_else_is_refused_with_what_to_write(text):
    with pytest.raises(ValueError, match="600/minute"):
        read_rate(text)


@given(
    count=st.integers(1, 400),
    waits=st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=120),
    seconds_of_unit=st.sampled_from([1, 60]),
)
def test_no_span_holds_more_than_the_rate(count, waits, seconds_of_unit):
    rate = Rate(count=count, seconds=seconds_of_unit)
    bucket, now, sent = full(rate, NOW), NOW, []
    for wait in waits:
        now += seconds(wait * seconds_of_unit / 10)
        bucket = bucket.at(now, rate)
        while bucket.tokens >= 1:
            bucket = type(bucket)(tokens=bucket.tokens - 1, refilled_at=bucket.refilled_at)
            sent.append(now)
    span = timedelta(seconds=seconds_of_unit)
    assert max((sum(1 for at in sent if start <= at < start + span) for start in set(sent)), default=0) <= count


@pytest.mark.parametrize("text", ["1/minute", "14/second", "600/minute", "10000/day"])
def test_most_of_the_rate_is_used(text):
    rate = read_rate(text)
    assert rate is not None
    assert 0.94 * rate.count / rate.seconds <= rate.per_second <= rate.count / rate.seconds


def test_clock_that_lags_behind_adds_nothing():
    rate = Rate(count=60, seconds=60)
    empty = type(full(rate, NOW))(tokens=0.0, refilled_at=NOW)
    behind = empty.at(NOW - seconds(100), rate)
    assert behind.at(NOW, rate).tokens == 0
    assert empty.wait(rate) == timedelta(seconds=1 / rate.per_second)
