"""The score of each survey, in all and over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from hub.admin.names import survey_named
from hub.domain.scores import Band, band_of, net_promoter_score
from hub.pipeline.hub import Hub
from hub.store import responses


class Period(StrEnum):
    """Over what answers are counted together; weeks begin on Monday, all of them in UTC."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, kw_only=True)
class Score:
    """The Net Promoter Score of some answers: None without any. `distribution` counts the scores 0 to 10."""

    survey: str
    starts_on: date | None
    nps: float | None
    n: int
    promoters: int
    passives: int
    detractors: int
    distribution: Sequence[int]


def scores(
    hub: Hub,
    *,
    survey: str | None = None,
    period: Period | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Score]:
    """Return a score a survey, with `period` one a survey and period that has answers, oldest first.

    Answers count when they were rated since `since` and before `until`. Raises NotThere for an unknown survey.
    """
    configuration = hub.registry.current()
    wanted = configuration.surveys.values() if survey is None else [survey_named(configuration, survey)]
    found = []
    with hub.store.read() as connection:
        for one in wanted:
            if period is None:
                counts = responses.counts_by_score(connection, one.id, since=since, until=until)
                found.append(_score(one.name, None, counts))
                continue
            days = responses.counts_by_day(connection, one.id, since=since, until=until)
            found += [_score(one.name, start, counts) for start, counts in sorted(_gathered(days, period).items())]
    return found


def _gathered(days: Mapping[date, Mapping[int, int]], period: Period) -> dict[date, dict[int, int]]:
    found: dict[date, dict[int, int]] = {}
    for day, counts in days.items():
        total = found.setdefault(_start(day, period), {})
        for score, number in counts.items():
            total[score] = total.get(score, 0) + number
    return found


def _start(day: date, period: Period) -> date:
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)


def _score(survey: str, starts_on: date | None, counts: Mapping[int, int]) -> Score:
    bands = {band: sum(n for score, n in counts.items() if band_of(score) is band) for band in Band}
    return Score(
        survey=survey,
        starts_on=starts_on,
        nps=net_promoter_score(counts),
        n=sum(counts.values()),
        promoters=bands[Band.PROMOTER],
        passives=bands[Band.PASSIVE],
        detractors=bands[Band.DETRACTOR],
        distribution=[counts.get(score, 0) for score in range(11)],
    )
