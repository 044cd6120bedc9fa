"""Charts as the templates draw them: where each mark stands, in units of the drawing.

A drawing is stretched to the width of its page, so what must not be distorted is a stroke, and words stand beside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor

from hub.admin.reporting.dashboard import Point, Span
from hub.admin.scoring.response_rate import Share
from hub.admin.scoring.scores import Period
from hub.domain.scores import FEW, Band, Interval, band_of

WIDTH, HEIGHT = 1000, 240
_STEPS = (5, 10, 20, 25, 50)
_MOST_LINES = 6
_LONGEST = {Period.DAY: timedelta(days=1), Period.WEEK: timedelta(days=7), Period.MONTH: timedelta(days=31)}


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A value and its interval on a scale of `WIDTH` from its smallest value to its largest."""

    at: float
    low: float
    high: float
    zero: float

    @property
    def width(self) -> float:
        """How long the interval is."""
        return round(max(self.high - self.low, 2.0), 1)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One score of a distribution: `height` from 0 to 100."""

    score: int
    band: Band
    count: int
    height: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """How often something was rated so: `height` from 0 to 40."""

    rating: int
    count: int
    height: float


@dataclass(frozen=True, kw_only=True)
class Dot:
    """The score of a period; `is_few` where it has too few answers to be joined with others."""

    x: float
    y: float
    low: float
    high: float
    is_few: bool


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Scores over time: dots, the lines that join them, the bands of their intervals; and the words beside.

    `rows` are the values of horizontal lines, the highest first, evenly apart.
    """

    dots: Sequence[Dot]
    lines: Sequence[str]
    bands: Sequence[str]
    zero: float
    rows: Sequence[int]
    dates: Sequence[str]

    @property
    def gridlines(self) -> Sequence[float]:
        """Where the horizontal lines are."""
        return [HEIGHT * place / (len(self.rows) - 1) for place in range(len(self.rows))]

    @property
    def has_few(self) -> bool:
        """Whether any period has too few answers."""
        return any(dot.is_few for dot in self.dots)


def score_scale(nps: float, interval: Interval) -> Scale:
    """Return a score on the scale from -100 to 100."""
    at, low, high, zero = (_along(value, -100, 100) for value in (nps, interval.low, interval.high, 0))
    return Scale(at=at, low=low, high=high, zero=zero)


def share_scale(share: Share) -> Scale:
    """Return a share on the scale from nothing to all."""
    interval = share.interval or Interval(low=share.percent, high=share.percent)
    at, low, high = (_along(value, 0, 100) for value in (share.percent, interval.low, interval.high))
    return Scale(at=at, low=low, high=high, zero=0)


def part_scale(share: Share) -> Scale:
    """Return a share that is known, not estimated, on the scale from nothing to all: as a bar."""
    at = _along(share.percent, 0, 100)
    return Scale(at=at, low=0, high=at, zero=0)


def _along(value: float, first: float, last: float) -> float:
    return round(WIDTH * (value - first) / (last - first), 1)


def columns(distribution: Sequence[int]) -> list[Column]:
    """Return how often each score from 0 to 10 was given, the highest as high as there is room."""
    most = max(distribution) or 1
    return [
        Column(score=score, band=band_of(score), count=count, height=round(100 * count / most, 1))
        for score, count in enumerate(distribution)
    ]


def bars(distribution: Sequence[int]) -> list[Bar]:
    """Return how often each rating from 1 on was given, the highest as high as there is room."""
    most = max(distribution) or 1
    return [
        Bar(rating=rating, count=count, height=round(40 * count / most, 1))
        for rating, count in enumerate(distribution, 1)
    ]


def trend(points: Sequence[Point], unit: Period, span: Span) -> Trend | None:
    """Return the scores of days, weeks or months over a span, None where there are fewer than two to compare."""
    if len(points) < 2:
        return None
    first = min(span.first or points[0].starts_on, points[0].starts_on)
    last = max(points[-1].starts_on, first + timedelta(days=1))
    rows = _rows(points)
    dots = [_dot(point, first, last, rows) for point in points]
    runs = list(_runs(points, dots, unit))
    return Trend(
        dots=dots,
        lines=[_line([(dot.x, dot.y) for dot in run]) for run in runs],
        bands=[_line([(dot.x, dot.high) for dot in run] + [(dot.x, dot.low) for dot in reversed(run)]) for run in runs],
        zero=_down(0, rows),
        rows=rows,
        dates=[_day(one) for one in (first, first + (last - first) / 2, last)],
    )


def _rows(points: Sequence[Point]) -> list[int]:
    """Return the values of the horizontal lines, the highest first: evenly apart, zero among them."""
    values = [0.0]
    for point in points:
        assert point.counts.nps is not None
        assert point.interval is not None
        is_few = point.counts.n < FEW
        values += [point.counts.nps] if is_few else [point.interval.low, point.interval.high]
    for step in _STEPS:
        low, high = floor(min(values) / step), ceil(max(values) / step)
        if high - low < _MOST_LINES:
            break
    high = max(high, low + 1)
    return [step * place for place in range(high, low - 1, -1)]


def _dot(point: Point, first: date, last: date, rows: Sequence[int]) -> Dot:
    assert point.counts.nps is not None
    assert point.interval is not None
    return Dot(
        x=_along((point.starts_on - first) / timedelta(days=1), 0, (last - first) / timedelta(days=1)),
        y=_down(point.counts.nps, rows),
        low=_down(point.interval.low, rows),
        high=_down(point.interval.high, rows),
        is_few=point.counts.n < FEW,
    )


def _down(value: float, rows: Sequence[int]) -> float:
    return round(HEIGHT * min(max((rows[0] - value) / (rows[0] - rows[-1]), 0), 1), 1)


def _runs(points: Sequence[Point], dots: Sequence[Dot], unit: Period) -> Iterator[list[Dot]]:
    """Yield dots that stand side by side, each with enough answers: only these are joined."""
    run: list[Dot] = []
    before: date | None = None
    for point, dot in zip(points, dots, strict=True):
        if dot.is_few:
            continue
        if before is not None and point.starts_on - before > _LONGEST[unit] and run:
            yield run
            run = []
        run.append(dot)
        before = point.starts_on
    if run:
        yield run


def _line(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(itertools.starmap("{:g} {:g}".format, places))


def _day(day: date) -> str:
    return f"{day:%-d %b %Y}"
