"""Who opened a survey link: a person reading, or a program that opens every link of a mail to look for harm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SCAN_WITHIN = timedelta(seconds=10)
SCAN_LEAST = 3
"""So many different scores, opened within that time, were opened by no person: each opens a page of its own."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One time that a survey link was opened; `score` is the one its button stood for, None for no button's."""

    score: int | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Openings that were one program's: at how many different links it looked, from when to when."""

    links: int
    began_at: datetime
    ended_at: datetime


def told_apart(openings: Iterable[Opening]) -> tuple[Sequence[Scan], Sequence[Opening]]:
    """Return the scans among one mail's openings, and the other openings; each in the order of time.

    A program that opens a single link can't be told from a person. Neither is ever an answer.
    """
    waiting = sorted(openings, key=lambda one: one.at)
    scans: list[Scan] = []
    others: list[Opening] = []
    while waiting:
        together = [one for one in waiting if one.at - waiting[0].at <= SCAN_WITHIN]
        scores = {one.score for one in together if one.score is not None}
        if len(scores) < SCAN_LEAST:
            others.append(waiting.pop(0))
            continue
        scans.append(Scan(links=len(scores), began_at=together[0].at, ended_at=together[-1].at))
        waiting = waiting[len(together) :]
    return scans, others
