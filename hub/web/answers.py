"""Reads the survey form. What a browser, a script or an attacker sends becomes an answer or a clear fault."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from hub.domain.texts import BEST_RATING

COMMENT_LIMIT = 5_000
"""Characters of a comment."""

_RATING = "rating-"
"""Begins the name of a field for a rating."""
_RATINGS: Mapping[str, int | None] = {"": None, **{str(rating): rating for rating in range(1, BEST_RATING + 1)}}
_SCORES = {str(score): score for score in range(11)}


class Fault(Enum):
    """Why a form is not an answer."""

    SCORE_MISSING = "score_missing"
    COMMENT_TOO_LONG = "comment_too_long"
    RATING_UNCLEAR = "rating_unclear"


@dataclass(frozen=True, kw_only=True)
class Form:
    """What the form held. `comment` is None when it had no such field, `fault` when it is an answer.

    `ratings` are those that it had, by name; one that was left empty is None.
    """

    score: int | None
    comment: str | None
    ratings: Mapping[str, int | None]
    fault: Fault | None


def read_form(fields: Mapping[str, str]) -> Form:
    """Return what was sent; with a fault, all of it is kept so that the form can be shown again."""
    score = read_score(fields.get("score"))
    comment = _readable(fields["comment"]) if "comment" in fields else None
    named = {name: text for name, text in fields.items() if name}  # a part of a multipart form may have none
    rated = {name.removeprefix(_RATING): text for name, text in named.items() if name.startswith(_RATING)}
    fault = None
    if comment and len(comment) > COMMENT_LIMIT:
        fault = Fault.COMMENT_TOO_LONG
    elif score is None:
        fault = Fault.SCORE_MISSING
    elif not all(text in _RATINGS for text in rated.values()):
        fault = Fault.RATING_UNCLEAR
    ratings = {name: _RATINGS[text] for name, text in rated.items() if text in _RATINGS}
    return Form(score=score, comment=comment, ratings=ratings, fault=fault)


def read_score(text: str | None) -> int | None:
    """Return the score written as `0` to `10` in ASCII digits, else None."""
    return _SCORES.get((text or "").strip())


def _readable(text: str) -> str:
    # Browsers send CRLF but count a line break as one character; databases refuse NUL and lone surrogates.
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs")).strip()
