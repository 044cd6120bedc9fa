"""Send windows: on which days and between which hours mails go out, as a clock on somebody's wall shows them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_NOTHING = timedelta(0)

Span = tuple[datetime, datetime]
"""From a moment until before another, in UTC."""


@dataclass(frozen=True, kw_only=True)
class SendWindow:
    """Open on `days` (0 is Monday), from `opens` until before `closes`, both after midnight; closes is the later.

    An hour that a zone's clocks skip is in no window, one that they show twice is in it twice.
    """

    days: frozenset[int]
    opens: timedelta
    closes: timedelta

    def next(self, moment: datetime, zone: tzinfo) -> datetime:
        """Return the first moment at or after `moment` at which the window is open."""
        return next(self._spans(moment, zone))[0]

    def open_time(self, span: Span, zone: tzinfo, *, without: Iterable[Span] = ()) -> timedelta:
        """Return for how long of a span the window was open, leaving out other spans, none of which overlap."""
        since, until = span
        left_out, total = list(without), _NOTHING
        for opens, closes in self._spans(since, zone):
            if opens >= until:
                break
            open_span = (opens, min(closes, until))
            total += open_span[1] - open_span[0] - overlap(open_span, left_out)
        return total

    def _spans(self, start: datetime, zone: tzinfo) -> Iterator[Span]:
        """Yield the spans in which the window is open, without end, the first one from `start` on."""
        for begin, end, offset in _steady(start, zone):
            local_begin, local_end = begin + offset, end + offset
            day = local_begin.replace(hour=0, minute=0, second=0, microsecond=0)
            while day + self.opens < local_end:
                opens, closes = max(day + self.opens, local_begin), min(day + self.closes, local_end)
                if day.weekday() in self.days and opens < closes:
                    yield opens - offset, closes - offset
                day += _DAY


def overlap(span: Span, others: Iterable[Span]) -> timedelta:
    """Return how much of a span others cover, none of which overlap."""
    covered = (min(end, span[1]) - max(start, span[0]) for start, end in others)
    return sum((one for one in covered if one > _NOTHING), _NOTHING)


def _steady(start: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Yield spans of at most a day in each of which a zone's clocks are set in one way, and how: local minus UTC."""
    begin = start.astimezone(UTC)
    while True:
        offset, end = _offset(begin, zone), begin + _DAY
        if _offset(end, zone) != offset:
            whole = begin.replace(microsecond=0)  # clocks are set at whole seconds
            at = bisect_left(range(86_401), True, key=lambda s: _offset(whole + s * _SECOND, zone) != offset)
            end = whole + at * _SECOND
        yield begin, end, offset
        begin = end


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or _NOTHING


@lru_cache(maxsize=1_000)
def zone_named(name: str) -> tzinfo | None:
    """Return the time zone of an IANA name, None where there is none: events bring whatever a device said."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
