"""The arithmetic of the Net Promoter Score, against worked examples and against every outcome there can be."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb, sqrt

import pytest

from hub.domain.scores import Counts, change_between, counts_of, interval_of, share_interval


def counts(promoters: int, passives: int, detractors: int) -> Counts:
    return Counts(promoters=promoters, passives=passives, detractors=detractors)


def test_score_is_the_share_of_promoters_less_that_of_detractors() -> None:
    by_score = {0: 1, 6: 2, 7: 4, 8: 5, 9: 6, 10: 2}
    assert counts_of(by_score) == counts(8, 9, 3)
    assert counts_of(by_score).nps == 25.0
    assert counts_of({}).nps is None


@pytest.mark.parametrize(
    ("answers", "low", "high"),
    [
        (counts(15, 13, 8), -6.28, 42.18),
        (counts(60, 30, 10), 35.47, 61.62),
        (counts(250, 675, 75), 14.09, 20.81),
        (counts(5, 0, 0), 17.49, 100.0),
        (counts(0, 0, 1), -100.0, 48.5),
        (counts(0, 4, 0), -34.29, 34.29),
    ],
)
def test_interval_is_the_adjusted_wald_interval(answers: Counts, low: float, high: float) -> None:
    """Worked out by hand. Of 60, 30 and 10: p = 60.75 / 103, d = 10.75 / 103, variance (p + d - (p - d)^2) / 103.

    Of a single 0 it would begin at -98.5, and is widened to the score.
    """
    interval = interval_of(answers)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.01)


@pytest.mark.parametrize(
    ("answers", "score", "reach"),
    [
        (counts(291, 476, 395), -9, 4.4),
        (counts(162, 108, 54), 100 / 3, 1.96 * 100 * sqrt(5 / 9) / sqrt(324)),
    ],
)
def test_interval_of_many_answers_is_near_the_usual_one(answers: Counts, score: float, reach: float) -> None:
    """Published examples of the interval without the added answers.

    -9 with a reach of 4.4 is from talkstats.com, thread 58500. A half of promoters, a third of passives and a sixth of
    detractors have a variance of 5/9: Cross Validated, question 18603.
    """
    interval = interval_of(answers)
    assert interval is not None
    assert (interval.low + interval.high) / 2 == pytest.approx(score, abs=0.4)
    assert (interval.high - interval.low) / 2 == pytest.approx(reach, abs=0.05)


def test_interval_takes_a_survey_that_all_answered_alike_for_uncertain() -> None:
    one, many = interval_of(counts(10, 0, 0)), interval_of(counts(1_000, 0, 0))
    assert one is not None
    assert many is not None
    assert one.low < 75 < many.low < 100 == many.high
    assert interval_of(Counts()) is None


def test_interval_holds_the_score_that_it_is_of() -> None:
    for n in range(1, 30):
        for answers, _ in outcomes(n, (1 / 3, 1 / 3, 1 / 3)):
            interval = interval_of(answers)
            assert interval is not None
            assert answers.nps is not None
            assert -100 <= interval.low <= answers.nps <= interval.high <= 100


def test_interval_of_a_change_holds_the_change() -> None:
    worst = change_between(counts(0, 0, 10), counts(10, 0, 0))
    assert worst is not None
    assert 0 < worst.interval.low < worst.interval.high == worst.points == 200


OFTEN = [(0.5, 0.3, 0.2), (0.7, 0.2, 0.1), (0.3, 0.4, 0.3), (0.2, 0.2, 0.6), (0.9, 0.05, 0.05), (1 / 3, 1 / 3, 1 / 3)]


@pytest.mark.parametrize("truth", OFTEN, ids=str)
@pytest.mark.parametrize("n", [10, 20, 50])
def test_interval_holds_the_true_score_in_about_95_of_100_surveys(n: int, truth: tuple[float, float, float]) -> None:
    p, _, d = truth
    held = 0.0
    for answers, probability in outcomes(n, truth):
        interval = interval_of(answers)
        assert interval is not None
        held += probability if interval.low <= 100 * (p - d) <= interval.high else 0.0
    assert 0.925 <= held <= 0.985


@pytest.mark.parametrize("truth", OFTEN[:4], ids=str)
def test_where_nothing_changed_one_of_twenty_periods_looks_like_a_change(truth: tuple[float, float, float]) -> None:
    noticed = sum(
        of_first * of_second
        for first, of_first in outcomes(15, truth)
        for second, of_second in outcomes(12, truth)
        if (change := change_between(first, second)) is not None and not change.is_within_uncertainty
    )
    assert 0.02 <= noticed <= 0.065


def test_change_is_of_the_scores_as_they_are_shown() -> None:
    change = change_between(counts(40, 40, 20), counts(60, 30, 10))
    assert change is not None
    assert change.points == pytest.approx(30.0)
    assert 0 < change.interval.low < 30 < change.interval.high
    assert not change.is_within_uncertainty
    small = change_between(counts(10, 8, 4), counts(11, 8, 3))
    assert small is not None
    assert small.is_within_uncertainty


@pytest.mark.parametrize("few", [Counts(), counts(9, 0, 0)])
def test_no_change_is_told_of_fewer_than_ten_answers(few: Counts) -> None:
    many = counts(50, 20, 30)
    assert change_between(few, many) is None
    assert change_between(many, few) is None
    assert change_between(counts(10, 0, 0), many) is not None


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 25.53, 36.62), (15, 148, 6.23, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18)],
)
def test_interval_of_a_share_is_wilsons(part: int, whole: int, low: float, high: float) -> None:
    """The rows are those of Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I."""
    interval = share_interval(part, whole)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.01)


def test_share_of_nothing_has_no_interval() -> None:
    assert share_interval(0, 0) is None


def outcomes(n: int, truth: tuple[float, float, float]) -> Iterator[tuple[Counts, float]]:
    """Yield all that `n` people can answer, with how probable it is."""
    p, q, d = truth
    for promoters in range(n + 1):
        for detractors in range(n + 1 - promoters):
            passives = n - promoters - detractors
            ways = comb(n, promoters) * comb(n - promoters, detractors)
            yield counts(promoters, passives, detractors), ways * p**promoters * q**passives * d**detractors
