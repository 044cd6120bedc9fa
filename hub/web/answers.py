"""Reads the survey form. What a browser, a script or an attacker sends becomes an answer or a clear fault."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

COMMENT_LIMIT = 5_000
"""Characters of a comment."""

_SCORES = {str(score): score for score in range(11)}


class Fault(Enum):
    """Why a form is not an answer."""

    SCORE_MISSING = "score_missing"
    COMMENT_TOO_LONG = "comment_too_long"


@dataclass(frozen=True, kw_only=True)
class Form:
    """What the form held. `comment` is None when it had no such field, `fault` when it is an answer."""

    score: int | None
    comment: str | None
    fault: Fault | None


def read_form(fields: Mapping[str, str]) -> Form:
    """Return what was sent; with a fault, all of it is kept so that the form can be shown again."""
    score = read_score(fields.get("score"))
    comment = _readable(fields["comment"]) if "comment" in fields else None
    fault = None
    if comment and len(comment) > COMMENT_LIMIT:
        fault = Fault.COMMENT_TOO_LONG
    elif score is None:
        fault = Fault.SCORE_MISSING
    return Form(score=score, comment=comment, fault=fault)


def read_score(text: str | None) -> int | None:
    """Return the score written as `0` to `10` in ASCII digits, else None."""
    return _SCORES.get((text or "").strip())


def _readable(text: str) -> str:
    # Browsers send CRLF but count a line break as one character; databases refuse NUL and lone surrogates.
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs")).strip()
