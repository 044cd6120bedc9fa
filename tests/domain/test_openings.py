from __future__ import annotations

from datetime import timedelta

import pytest

from hub.domain.openings import Opening, Scan, told_apart
from tests.clock import NOW


def opened(*links: tuple[float, int | None]) -> list[Opening]:
    return [Opening(score=score, at=NOW + timedelta(seconds=after)) for after, score in links]


def scan(links: int, began: float, ended: float) -> Scan:
    return Scan(links=links, began_at=NOW + timedelta(seconds=began), ended_at=NOW + timedelta(seconds=ended))


@pytest.mark.parametrize(
    ("openings", "scans"),
    [
        ([], []),
        ([(0, 9)], []),
        ([(0, 9), (2, 8)], []),
        ([(0, 9), (1, 9), (2, 9)], []),
        ([(0, 9), (1, None), (2, None), (3, 8)], []),
        ([(0, 7), (5, 8), (10, 9)], [(3, 0, 10)]),
        ([(0, 7), (5, 8), (10.1, 9)], []),
        ([(score / 5, score) for score in range(11)], [(11, 0, 2)]),
        ([(0, 0), (0, 1), (0, 2), (60, 0), (61, 1), (62, 2)], [(3, 0, 0), (3, 60, 62)]),
        ([(0, 9), (30, 0), (31, 1), (32, 2)], [(3, 30, 32)]),
        ([(32, 2), (0, 9), (31, 1), (30, 0)], [(3, 30, 32)]),
    ],
)
def test_three_different_scores_within_ten_seconds_are_a_program(
    openings: list[tuple[float, int | None]], scans: list[tuple[int, float, float]]
) -> None:
    assert list(told_apart(opened(*openings))[0]) == [scan(*one) for one in scans]


def test_what_no_program_opened_is_left_over() -> None:
    person = opened((-60, 9), (600, 8))
    assert list(told_apart([*person, *opened((0, 0), (1, 1), (2, 2))])[1]) == person
