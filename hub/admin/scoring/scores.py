"""The score of each survey, in all and over time, and how sure one can be of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection

from hub.admin.names import survey_named
from hub.admin.trouble import NotThere
from hub.admin.words import hint
from hub.config import ConfigError
from hub.domain.scores import Interval, counts_of, interval_of
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import responses, score_counts
from hub.store.score_counts import Part
from hub.store.types import EPOCH


class Period(StrEnum):
    """Over what answers are counted together; weeks begin on Monday, all of them in UTC."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, kw_only=True)
class Score:
    """The Net Promoter Score of some answers: None without any. `distribution` counts the scores 0 to 10.

    `low` and `high` are its interval (`hub.domain.scores.interval_of`).
    """

    survey: str
    starts_on: date | None
    nps: float | None
    low: float | None
    high: float | None
    n: int
    promoters: int
    passives: int
    detractors: int
    distribution: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Answers of one language, or of people with this value of a trait when they answered."""

    name: str
    value: str


def scores(
    hub: Hub,
    *,
    survey: str | None = None,
    period: Period | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    segment: Segment | None = None,
) -> list[Score]:
    """Return a score a survey, with `period` one a survey and period that has answers, oldest first.

    Answers count when they were rated since `since` and before `until`. Scores are counted by UTC day: what lies within
    a day is counted anew, one day at each end at most. Raises NotThere for an unknown survey or trait.
    """
    configuration = hub.registry.current()
    wanted = list(configuration.surveys.values()) if survey is None else [survey_named(configuration, survey)]
    check_segment(configuration, segment)
    with hub.store.read() as connection:
        found = _counted(connection, [one.id for one in wanted], segment, since, until, period)
    return [_score(one.name, start, counts) for one in wanted for start, counts in found[one.id].items()]


def check_segment(configuration: Configuration, segment: Segment | None) -> None:
    """Raise NotThere unless scores are counted by this trait."""
    names = (score_counts.LANGUAGE, *configuration.segment_traits)
    if segment is not None and segment.name not in names:
        raise NotThere(f"Scores are not counted by {segment.name!r}{hint(segment.name, names)}")


def segment_of(language: str | None, trait: str | None) -> Segment | None:
    """Return what a filter by language, or by `trait` as `name=value`, asks for. Raises ConfigError."""
    if trait is None:
        return None if language is None else Segment(name=score_counts.LANGUAGE, value=language)
    if language is not None:
        raise ConfigError(["trait: a score is of a language or of a trait's value, not of both; leave one out"])
    return segment_in(trait, "trait")


def segment_in(text: str, field: str) -> Segment:
    """Return the segment that is written as `name=value`. Raises ConfigError naming the field it stands in."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ConfigError([f"{field}: is written as a name and a value, such as plan=pro"])
    return Segment(name=name, value=value)


def part_of(segment: Segment | None, first: date | None, last: date | None) -> Part:
    """Return which counts belong to a segment and span of days."""
    if segment is None:
        return Part(first=first, last=last)
    return Part(segment=segment.name, value=segment.value, first=first, last=last)


def _counted(
    connection: Connection,
    ids: Sequence[str],
    segment: Segment | None,
    since: datetime | None,
    until: datetime | None,
    period: Period | None,
) -> dict[str, dict[date | None, Counter[int]]]:
    """Return by survey and period how many answers gave each score: whole days as counted, parts counted anew."""
    since, until = _within_reach(since), _within_reach(until)
    first, begun = _whole_from(since)
    last, cut = _whole_until(until)
    found: dict[str, dict[date | None, Counter[int]]] = {id: {} if period else {None: Counter()} for id in ids}
    if first is None or last is None or first <= last:
        part = part_of(segment, first, last)
        if period is None:
            for id, counts in score_counts.by_score(connection, ids, part).items():
                found[id][None].update(counts)
        else:
            for id, days in score_counts.by_day(connection, ids, part).items():
                for day, counts in days.items():
                    found[id].setdefault(start_of(day, period), Counter()).update(counts)
    for start, end in _parts(since, until, begun, cut):
        of = (segment.name, segment.value) if segment else None
        for id in ids:
            anew = responses.counts_by_score(connection, id, since=start, until=end, segment=of)
            if anew:
                key = start_of(start.date(), period) if period else None
                found[id].setdefault(key, Counter()).update(anew)
    return {id: dict(sorted(periods.items())) if period else periods for id, periods in found.items()}


def _within_reach(moment: datetime | None) -> datetime | None:
    """Return a moment, in UTC as days are counted, that has days before and after it; nobody answered beyond."""
    return None if moment is None else min(max(moment, EPOCH), _LATEST).astimezone(UTC)


_LATEST = datetime(2999, 12, 31, tzinfo=UTC)


def _whole_from(since: datetime | None) -> tuple[date | None, datetime | None]:
    """Return the first whole day, and the moment from which a part of the day before counts."""
    if since is None or since == _midnight(since):
        return (None if since is None else since.date()), None
    return since.date() + timedelta(days=1), since


def _whole_until(until: datetime | None) -> tuple[date | None, datetime | None]:
    """Return the last whole day, and the moment before which a part of the day after counts."""
    if until is None:
        return None, None
    return until.date() - timedelta(days=1), None if until == _midnight(until) else until


def _parts(
    since: datetime | None, until: datetime | None, begun: datetime | None, cut: datetime | None
) -> Iterator[tuple[datetime, datetime]]:
    if begun is not None and until is not None and until <= _midnight(begun) + timedelta(days=1):
        if since is not None and since < until:
            yield since, until
        return
    if begun is not None:
        yield begun, _midnight(begun) + timedelta(days=1)
    if cut is not None and (since is None or since <= _midnight(cut)):
        yield _midnight(cut), cut


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def start_of(day: date, period: Period) -> date:
    """Return the first day of the period that a day belongs to."""
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)


def _score(survey: str, starts_on: date | None, by_score: Mapping[int, int]) -> Score:
    counts = counts_of(by_score)
    interval: Interval | None = interval_of(counts)
    return Score(
        survey=survey,
        starts_on=starts_on,
        nps=counts.nps,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        n=counts.n,
        promoters=counts.promoters,
        passives=counts.passives,
        detractors=counts.detractors,
        distribution=[by_score.get(score, 0) for score in range(11)],
    )
