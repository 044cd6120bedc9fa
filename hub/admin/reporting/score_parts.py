"""What stands behind a score: the ratings given beside it, and the scores of each language or value of a trait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.admin.names import rating_names, survey_named
from hub.admin.reporting.dashboard import Looked
from hub.admin.scoring.scores import Segment, check_segment, part_of
from hub.domain.scores import Counts, Interval, interval_of
from hub.domain.texts import BEST_RATING
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import score_counts
from hub.store.segment_values import MOST_VALUES

MOST_RATINGS = 20
MOST_ROWS = 10


@dataclass(frozen=True, kw_only=True)
class RatingScore:
    """How something was rated beside the score: `distribution` counts the ratings from 1 to 5."""

    name: str
    distribution: Sequence[int]

    @property
    def n(self) -> int:
        """How many answers rated it."""
        return sum(self.distribution)

    @property
    def mean(self) -> float:
        """From 1 to 5; 0 of nothing."""
        return sum(place * count for place, count in enumerate(self.distribution, 1)) / self.n if self.n else 0.0


@dataclass(frozen=True, kw_only=True)
class ValueScore:
    """The score of the answers that were counted under a value."""

    segment: Segment
    counts: Counts
    interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a score is made of: ratings, those that are asked for first; and values, those with most answers first.

    `more` values are left out. `is_cut` where so many values are there that only the first by name were looked at.
    """

    ratings: Sequence[RatingScore]
    values: Sequence[ValueScore]
    more: int
    is_cut: bool


def parts(hub: Hub, looked: Looked, by: str | None, values: Sequence[str]) -> Parts:
    """Return the ratings of the answers that are looked at, and the scores of these values of `by`.

    `by` is the language or a trait. The values are of everybody, whatever segment is looked at. Raises NotThere for an
    unknown survey or trait.
    """
    configuration = hub.registry.current()
    check_segment(configuration, looked.segment)
    every = looked.survey is None
    chosen = list(configuration.surveys) if every else [survey_named(configuration, looked.survey or "").id]
    with hub.store.read() as connection:
        ratings = list(_ratings(connection, configuration, chosen, looked))
        found = _values(connection, chosen, looked, by, values) if by and values else []
    return Parts(
        ratings=ratings[:MOST_RATINGS],
        values=found[:MOST_ROWS],
        more=len(found[MOST_ROWS:]),
        is_cut=len(values) >= MOST_VALUES,
    )


def _ratings(
    connection: Connection, configuration: Configuration, survey_ids: Sequence[str], looked: Looked
) -> Iterator[RatingScore]:
    part = part_of(looked.segment, looked.span.first, looked.span.last)
    found = score_counts.by_rating(connection, survey_ids, part)
    asked = [name for name in rating_names(configuration, survey_ids) if name in found]
    for name in [*asked, *sorted(found.keys() - set(asked))]:
        yield RatingScore(name=name, distribution=_distribution(found[name]))


def _distribution(by_score: Mapping[int, int]) -> list[int]:
    return [by_score.get(score, 0) for score in range(1, BEST_RATING + 1)]


def _values(
    connection: Connection, survey_ids: Sequence[str], looked: Looked, by: str, values: Sequence[str]
) -> list[ValueScore]:
    part = part_of(Segment(name=by, value=""), looked.span.first, looked.span.last)
    found = []
    for value, promoters, passives, detractors in score_counts.bands_by_value(connection, survey_ids, part, values):
        counts = Counts(promoters=promoters, passives=passives, detractors=detractors)
        segment = Segment(name=by, value=value)
        found.append(ValueScore(segment=segment, counts=counts, interval=interval_of(counts)))
    return sorted(found, key=lambda one: (-one.counts.n, one.segment.value))
