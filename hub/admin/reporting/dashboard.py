"""The score at a glance: how high, how sure, since when, of whom, and what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from hub.admin.names import survey_named
from hub.admin.paging import Slice
from hub.admin.responses.responses import GivenResponse, Wanted, responses
from hub.admin.scoring.response_rate import COUNTED_AT_ONCE, ResponseRate, Share, response_rate
from hub.admin.scoring.scores import Period, Segment, check_segment, part_of, start_of
from hub.domain.scores import Change, Counts, Interval, change_between, counts_of, interval_of
from hub.pipeline.hub import Hub
from hub.store import asking_counts, score_counts
from hub.store.asking_counts import Reach

NEWEST = 5
"""Comments that are shown."""
BY_DAY, BY_WEEK = 31, 190
"""Days up to which a trend is told by day, and by week."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Days, both included; None is any day there was."""

    first: date | None = None
    last: date | None = None

    @property
    def days(self) -> int | None:
        """How many days there are, None without a first one."""
        return None if self.first is None or self.last is None else (self.last - self.first).days + 1

    @property
    def before(self) -> Span | None:
        """The span of as many days that ends where this one begins."""
        if self.first is None or self.days is None:
            return None
        return Span(first=self.first - timedelta(days=self.days), last=self.first - timedelta(days=1))


@dataclass(frozen=True, kw_only=True)
class Looked:
    """Which answers a score is of; `survey` None is all of them."""

    survey: str | None = None
    span: Span = Span()
    segment: Segment | None = None


@dataclass(frozen=True, kw_only=True)
class Point:
    """The score of a day, week or month; both None without an answer."""

    starts_on: date
    counts: Counts
    interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class SurveyScore:
    """A survey beside the others."""

    survey: str
    counts: Counts
    interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """What is known of some answers.

    `change` is None where either span has too few answers, `before` where there is no span before. `rate` and `reach`
    are of all languages and traits, and None as long as there is nothing to tell.
    """

    counts: Counts
    interval: Interval | None
    distribution: Sequence[int]
    before: Counts | None
    change: Change | None
    unit: Period
    trend: Sequence[Point]
    rate: ResponseRate | None
    reach: Reach | None
    surveys: Sequence[SurveyScore]
    comments: Sequence[GivenResponse]

    @property
    def coverage(self) -> Share | None:
        """How many of the people with an address were ever asked."""
        return Share(part=self.reach.asked, whole=self.reach.people) if self.reach and self.reach.people else None


def dashboard(hub: Hub, looked: Looked) -> Dashboard:
    """Return what is known of the answers that are looked at. Raises NotThere for an unknown survey or trait."""
    configuration = hub.registry.current()
    check_segment(configuration, looked.segment)
    surveys = configuration.surveys
    chosen = surveys if looked.survey is None else {(one := survey_named(configuration, looked.survey)).id: one}
    span, before = looked.span, looked.span.before
    with hub.store.read() as connection:
        part = part_of(looked.segment, span.first, span.last)
        by_survey = score_counts.by_score(connection, list(surveys), part)
        by_score = _together([by_survey[id] for id in chosen])
        days = _days(connection, list(chosen), looked)
        earlier = None if before is None else _earlier(connection, list(chosen), looked, before)
        rate = response_rate(
            connection,
            list(chosen),
            span.first,
            span.last,
            answers=_everybodys(connection, list(chosen), looked, by_score),
            now=hub.now(),
        )
        one_survey = next(iter(chosen)) if looked.survey else None
        reach = asking_counts.reach_now(connection, one_survey, most=COUNTED_AT_ONCE, now=hub.now())
        reach = reach or asking_counts.reach(connection, one_survey)
    counts = counts_of(by_score)
    unit = _unit(span, days)
    return Dashboard(
        counts=counts,
        interval=interval_of(counts),
        distribution=[by_score.get(score, 0) for score in range(11)],
        before=earlier,
        change=None if earlier is None else change_between(earlier, counts),
        unit=unit,
        trend=_trend(days, unit),
        rate=rate,
        reach=reach,
        surveys=[
            SurveyScore(survey=survey.name, counts=(of := counts_of(by_survey[id])), interval=interval_of(of))
            for id, survey in surveys.items()
        ],
        comments=_comments(hub, looked),
    )


def _everybodys(connection: Connection, survey_ids: Sequence[str], looked: Looked, by_score: Mapping[int, int]) -> int:
    """Return how many answers there are of all languages and traits."""
    if looked.segment is not None:
        part = part_of(None, looked.span.first, looked.span.last)
        by_score = _together(list(score_counts.by_score(connection, survey_ids, part).values()))
    return counts_of(by_score).n


def _together(counts: Sequence[Mapping[int, int]]) -> dict[int, int]:
    return {score: sum(one.get(score, 0) for one in counts) for score in range(11)}


def _days(connection: Connection, survey_ids: Sequence[str], looked: Looked) -> list[tuple[date, Counts]]:
    part = part_of(looked.segment, looked.span.first, looked.span.last)
    return [
        (day, Counts(promoters=promoters, passives=passives, detractors=detractors))
        for day, promoters, passives, detractors in score_counts.bands_by_day(connection, survey_ids, part)
    ]


def _earlier(connection: Connection, survey_ids: Sequence[str], looked: Looked, before: Span) -> Counts:
    part = part_of(looked.segment, before.first, before.last)
    found = score_counts.by_score(connection, survey_ids, part)
    return counts_of(_together(list(found.values())))


def _unit(span: Span, days: Sequence[tuple[date, Counts]]) -> Period:
    length = span.days
    if length is None:
        length = (days[-1][0] - days[0][0]).days + 1 if days else 0
    if length <= BY_DAY:
        return Period.DAY
    return Period.WEEK if length <= BY_WEEK else Period.MONTH


def _trend(days: Sequence[tuple[date, Counts]], unit: Period) -> list[Point]:
    found: dict[date, Counts] = {}
    for day, counts in days:
        start = start_of(day, unit)
        found[start] = found.get(start, Counts()) + counts
    return [Point(starts_on=start, counts=counts, interval=interval_of(counts)) for start, counts in found.items()]


def _comments(hub: Hub, looked: Looked) -> Sequence[GivenResponse]:
    """Return the newest comments, as far back as one look through the answers goes."""
    wanted = Wanted(
        survey=looked.survey,
        since=None if looked.span.first is None else _start(looked.span.first),
        until=None if looked.span.last is None else _start(looked.span.last + timedelta(days=1)),
        segment=looked.segment,
        has_comment=True,
    )
    return responses(hub, wanted, Slice(limit=NEWEST)).items


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
