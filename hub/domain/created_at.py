"""Reading a customer's createdAt trait (docs/rules.md, "createdAt")."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Literal


class Sentinel(Enum):
    """A trait that is present but cannot be read."""

    UNREADABLE = "unreadable"


UNREADABLE: Literal[Sentinel.UNREADABLE] = Sentinel.UNREADABLE

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)

_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}"
    r"(?:[Tt ](?:[01]\d|2[0-3]):\d{2}(?::\d{2}(?:\.\d+)?)?(?:[Zz]|[+-]\d{2}:?[0-5]\d)?)?",
    re.ASCII,
)
"""A part of what Python reads, whose versions differ in the rest."""
_DIGITS = re.compile(r"\d{10}|\d{13}", re.ASCII)
_MICROSECONDS_OF_UNIT = {10: 1_000_000, 13: 1_000}


def read_created_at(value: object) -> datetime | Literal[Sentinel.UNREADABLE]:
    """Return the time that a createdAt trait stands for (aware, UTC), or UNREADABLE; it never raises.

    Dates and times are ISO 8601 as docs/rules.md lists them; numbers are epoch seconds (10 integer digits) or
    milliseconds (13). Fractions are cut to microseconds.
    """
    try:
        if isinstance(value, str):
            moment = _read_text(value.strip())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = _read_number(value)
        else:
            moment = None
    except (ValueError, OverflowError):
        moment = None
    return UNREADABLE if moment is None or moment < EARLIEST else moment


def _read_text(text: str) -> datetime | None:
    if _ISO.fullmatch(text):
        moment = datetime.fromisoformat(text.upper())  # before 3.14 Python reads `Z` but not `z`
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return _from_epoch(Decimal(text), len(text)) if _DIGITS.fullmatch(text) else None


def _read_number(number: int | float) -> datetime | None:
    if not math.isfinite(number):
        return None
    exact = Decimal(repr(number))
    return _from_epoch(exact, len(str(int(exact)))) if exact > 0 else None


def _from_epoch(exact: Decimal, integer_digits: int) -> datetime | None:
    unit = _MICROSECONDS_OF_UNIT.get(integer_digits)
    return None if unit is None else EPOCH + timedelta(microseconds=int(exact * unit))
