"""How many of the mails that were sent were answered: told only where it fits the answers beside it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from hub.domain.scores import Interval, share_interval
from hub.store import asking_counts
from hub.store.asking_counts import Asked

COUNTED_AT_ONCE = 2_000
"""Mails, or people, that are counted while somebody waits for a page; of more it is told what was counted before."""
_FEW = 1_000
"""Counted answers from which on those of the last minutes make no rate look wrong."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part of a whole as a percentage, with its interval."""

    part: int
    whole: int

    @property
    def percent(self) -> float:
        """From 0 to 100; 0 of nothing."""
        return 100 * self.part / self.whole if self.whole else 0.0

    @property
    def interval(self) -> Interval | None:
        """Where it lies in 95 of 100 cases, None of nothing."""
        return share_interval(self.part, self.whole)


@dataclass(frozen=True, kw_only=True)
class ResponseRate:
    """What is known of the mails that fell due in some days, in which `answers` were given to any mail.

    `is_behind` while more answers came since the mails were counted than were counted with them.
    """

    answers: int
    sent: int
    answered: int
    counted_at: datetime | None
    is_behind: bool

    @property
    def share(self) -> Share | None:
        """How many of the mails were answered; None while it is not known, and of fewer mails than answers."""
        if self.is_behind or not self.sent or self.sent < self.answers:
            return None
        return Share(part=self.answered, whole=self.sent)


def response_rate(
    connection: Connection,
    survey_ids: Collection[str],
    first: date | None,
    last: date | None,
    *,
    answers: int,
    now: datetime,
) -> ResponseRate | None:
    """Return how many of the mails of some days were answered, None where there were neither mails nor answers."""
    known = asking_counts.asked_now(connection, survey_ids, first, last, most=COUNTED_AT_ONCE, now=now)
    is_behind = False
    if known is None:
        known = asking_counts.asked(connection, survey_ids, first, last)
        is_behind = _is_behind(connection, survey_ids, known)
    sent, answered = (known.sent, known.answered) if known else (0, 0)
    if not (sent or answers):
        return None
    return ResponseRate(
        answers=answers,
        sent=sent,
        answered=answered,
        counted_at=known.counted_at if known else None,
        is_behind=is_behind,
    )


def _is_behind(connection: Connection, survey_ids: Collection[str], known: Asked | None) -> bool:
    answered = known.answered if known else 0
    return answered < _FEW and asking_counts.answered_since(connection, survey_ids, most=_FEW) > answered
