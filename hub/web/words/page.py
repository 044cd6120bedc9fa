"""What the survey and unsubscribe pages say, to be said in each language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class PageWords:
    """The texts of one language; `{brand}`, `{score}`, `{until}` and `{limit}` stand for themselves.

    `moment` takes `{day}`, `{month}` (one of the twelve `months`) and `{time}` ("09:30", always UTC).
    """

    language: str
    direction: Literal["ltr", "rtl"]
    months: tuple[str, ...]
    moment: str
    question: str
    lowest: str
    highest: str
    chosen: str
    out_of: str
    answered: str
    ask_anyone: str
    ask_detractor: str
    ask_passive: str
    ask_promoter: str
    rating_lowest: str
    rating_highest: str
    optional: str
    send: str
    send_again: str
    score_missing: str
    comment_too_long: str
    rating_unclear: str
    thanks: str
    thanks_detractor: str
    thanks_passive: str
    thanks_promoter: str
    recorded: str
    change: str
    closed: str
    closed_why: str
    over: str
    over_why: str
    unsubscribe_question: str
    unsubscribe_why: str
    unsubscribe: str
    unsubscribed: str
    unsubscribed_why: str
    not_found: str
    not_found_why: str
    trial: str
    trial_why: str
    too_large: str
    too_large_why: str

    def moment_of(self, at: datetime) -> str:
        """Return an aware time in UTC as a day and a time of day."""
        return self.moment.format(day=at.day, month=self.months[at.month - 1], time=at.strftime("%H:%M"))
