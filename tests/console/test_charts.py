"""Where the marks of charts stand."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from hub.admin.reporting.dashboard import Point, Span
from hub.admin.reporting.score_words import reach_words, signed
from hub.admin.scoring.response_rate import Share
from hub.admin.scoring.scores import Period
from hub.domain.scores import Counts, Interval, interval_of
from hub.web.console import charts

DAY = date(2026, 3, 1)


def point(days: int, promoters: int, detractors: int) -> Point:
    counts = Counts(promoters=promoters, detractors=detractors)
    return Point(starts_on=DAY + timedelta(days=days), counts=counts, interval=interval_of(counts))


def test_score_stands_on_its_scale_with_its_interval_and_zero() -> None:
    scale = charts.score_scale(50, Interval(low=-50, high=100))
    assert (scale.low, scale.zero, scale.at, scale.high, scale.width) == (250, 500, 750, 1000, 750)


def test_known_share_is_a_bar_from_nothing() -> None:
    scale = charts.part_scale(Share(part=1, whole=4))
    assert (scale.low, scale.at, scale.high) == (0, 250, 250)


def test_highest_column_fills_the_room() -> None:
    columns = charts.columns([0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 10])
    assert [(one.score, one.height) for one in columns if one.count] == [(3, 50), (10, 100)]
    assert {one.height for one in charts.columns([0] * 11)} == {0}


@pytest.mark.parametrize("points", [[], [point(0, 20, 0)]])
def test_one_period_makes_no_trend(points: list[Point]) -> None:
    assert charts.trend(points, Period.DAY, Span()) is None


def test_trend_spans_the_days_asked_for_and_shows_zero() -> None:
    points = [point(2, 20, 10), point(4, 10, 20)]
    drawn = charts.trend(points, Period.DAY, Span(first=DAY, last=DAY + timedelta(days=9)))
    assert drawn is not None
    assert [dot.x for dot in drawn.dots] == [500, 1000]
    assert 0 in drawn.rows
    assert drawn.zero == drawn.gridlines[drawn.rows.index(0)]
    assert all(dot.high < dot.y < dot.low for dot in drawn.dots)
    assert {above - below for above, below in zip(drawn.rows, drawn.rows[1:], strict=False)} == {
        drawn.rows[0] - drawn.rows[1]
    }


def test_line_breaks_where_a_period_has_no_answers_or_too_few() -> None:
    points = [point(0, 20, 0), point(1, 20, 0), point(3, 20, 0), point(4, 1, 0), point(5, 20, 0)]
    drawn = charts.trend(points, Period.DAY, Span())
    assert drawn is not None
    assert [line.count("L") for line in drawn.lines] == [1, 0, 0]
    assert [dot.is_few for dot in drawn.dots] == [False, False, False, True, False]


@pytest.mark.parametrize(("number", "text"), [(41.6, "+42"), (-6.7, "\N{MINUS SIGN}7"), (0.4, "0"), (-0.4, "0")])
def test_score_has_its_sign(number: float, text: str) -> None:
    assert signed(number) == text


@pytest.mark.parametrize(
    ("part", "whole", "sentence"),
    [
        (3, 3, "Everybody with an address was asked: 3."),
        (2, 3, "1 person with an address was never asked, of 3."),
        (0, 2_000, "2,000 people with an address were never asked, of 2,000."),
    ],
)
def test_coverage_says_who_was_never_asked(part: int, whole: int, sentence: str) -> None:
    assert reach_words(Share(part=part, whole=whole)) == sentence
