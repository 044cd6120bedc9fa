"""The Net Promoter Score: bands, arithmetic, and how sure one can be of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

FEW = 10
"""Answers below which a score says little, and a change nothing."""
_Z = 1.959963984540054
"""The 97.5 % point of the normal distribution: intervals hold in 95 of 100 cases."""


class Band(StrEnum):
    """How a score counts."""

    DETRACTOR = "detractor"
    PASSIVE = "passive"
    PROMOTER = "promoter"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Answers by band; `n` is how many there are."""

    promoters: int = 0
    passives: int = 0
    detractors: int = 0

    @property
    def n(self) -> int:
        """How many answers there are."""
        return self.promoters + self.passives + self.detractors

    @property
    def nps(self) -> float | None:
        """The score from -100 to 100, None without an answer."""
        return 100 * (self.promoters - self.detractors) / self.n if self.n else None

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            promoters=self.promoters + other.promoters,
            passives=self.passives + other.passives,
            detractors=self.detractors + other.detractors,
        )


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where a value lies in 95 of 100 cases, `low` and `high` included."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Change:
    """How much a score differs from the one before, in points, and where that difference lies in 95 of 100 cases."""

    points: float
    interval: Interval

    @property
    def is_within_uncertainty(self) -> bool:
        """Whether there may as well have been no change at all."""
        return self.interval.low <= 0 <= self.interval.high


def band_of(score: int) -> Band:
    """Return the band of a score from 0 to 10: 0-6 detractor, 7-8 passive, 9-10 promoter."""
    if score <= 6:
        return Band.DETRACTOR
    return Band.PASSIVE if score <= 8 else Band.PROMOTER


def counts_of(by_score: Mapping[int, int]) -> Counts:
    """Return answers counted by score as those of each band."""
    bands = dict.fromkeys(Band, 0)
    for score, count in by_score.items():
        bands[band_of(score)] += count
    return Counts(promoters=bands[Band.PROMOTER], passives=bands[Band.PASSIVE], detractors=bands[Band.DETRACTOR])


def interval_of(counts: Counts) -> Interval | None:
    """Return the 95 % interval of a score, in points from -100 to 100, or None without an answer.

    The adjusted Wald interval of Rocks (2016), "Interval Estimation for the Net Promoter Score", The American
    Statistician 70(4), 365-372, there found to be the best of six: three answers are added, three quarters of one to
    promoters and to detractors and the rest to passives, and the usual interval is taken of these. Of a single
    answer that leaves out the score itself, and is widened to hold it.
    """
    if counts.nps is None:
        return None
    score, variance = _adjusted(counts)
    return _around(score, sqrt(variance), counts.nps)


def change_between(before: Counts, after: Counts) -> Change | None:
    """Return how a score changed, or None where either has fewer answers than `FEW`.

    The scores are of different answers, so the variance of their difference is the sum of both, each adjusted as in
    `interval_of`; the interval holds the difference as it is shown.
    """
    if before.nps is None or after.nps is None or min(before.n, after.n) < FEW:
        return None
    (earlier, of_earlier), (later, of_later) = _adjusted(before), _adjusted(after)
    points = after.nps - before.nps
    return Change(points=points, interval=_around(later - earlier, sqrt(of_earlier + of_later), points, most=200.0))


def share_interval(part: int, whole: int) -> Interval | None:
    """Return the 95 % interval of a share, in per cent from 0 to 100, or None of nothing.

    Wilson's score interval: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference",
    Journal of the American Statistical Association 22(158), 209-212.
    """
    if not whole:
        return None
    share, square = part / whole, _Z * _Z
    centre = (share + square / (2 * whole)) / (1 + square / whole)
    reach = _Z * sqrt(share * (1 - share) / whole + square / (4 * whole * whole)) / (1 + square / whole)
    return Interval(low=100 * max(centre - reach, 0.0), high=100 * min(centre + reach, 1.0))


def _adjusted(counts: Counts) -> tuple[float, float]:
    """Return a score from -1 to 1 and the variance of it, three answers added."""
    n = counts.n + 3
    promoters, detractors = (counts.promoters + 0.75) / n, (counts.detractors + 0.75) / n
    score = promoters - detractors
    return score, (promoters + detractors - score * score) / n


def _around(value: float, error: float, shown: float, most: float = 100.0) -> Interval:
    """Return the interval of a value from -1 to 1, in points from `-most` to `most`; it holds what is shown."""
    low, high = 100 * (value - _Z * error), 100 * (value + _Z * error)
    return Interval(low=min(max(low, -most), shown), high=max(min(high, most), shown))
