"""The Net Promoter Score: bands and arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Band(StrEnum):
    """How a score counts."""

    DETRACTOR = "detractor"
    PASSIVE = "passive"
    PROMOTER = "promoter"


def band_of(score: int) -> Band:
    """Return the band of a score from 0 to 10: 0-6 detractor, 7-8 passive, 9-10 promoter."""
    if score <= 6:
        return Band.DETRACTOR
    return Band.PASSIVE if score <= 8 else Band.PROMOTER


def net_promoter_score(counts: Mapping[int, int]) -> float | None:
    """Return the score from -100 to 100 of answers counted by score, or None when there are none."""
    total = sum(counts.values())
    if total == 0:
        return None
    promoters = sum(count for score, count in counts.items() if band_of(score) is Band.PROMOTER)
    detractors = sum(count for score, count in counts.items() if band_of(score) is Band.DETRACTOR)
    return 100 * (promoters - detractors) / total
