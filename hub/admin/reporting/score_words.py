"""What to say of a score: how high it is, how sure, and whether it changed."""

from __future__ import annotations

from hub.admin.reporting.dashboard import Dashboard, Span
from hub.admin.scoring.response_rate import ResponseRate, Share
from hub.admin.scoring.scores import Period
from hub.admin.words import counted
from hub.domain.scores import FEW, Counts, Interval

UNITS = {Period.DAY: "day", Period.WEEK: "week", Period.MONTH: "month"}


def signed(number: float) -> str:
    """Return a number of points, rounded, with its sign: "+42", "0", "−7" with a minus as long as the plus."""
    whole = round(number)
    return f"+{whole}" if whole > 0 else str(whole).replace("-", "\N{MINUS SIGN}")


def many(number: int, noun: str) -> str:
    """Return a number with its noun, thousands apart: "1,234 answers"."""
    return f"{number:,} {noun}" if number != 1 else counted(number, noun.removesuffix("s"))


def range_of(interval: Interval, unit: str = "") -> str:
    """Return an interval in words: "36 to 48"."""
    low, high = (str(round(bound)).replace("-", "\N{MINUS SIGN}") for bound in (interval.low, interval.high))
    return f"{low} to {high}{unit}"


def score_words(counts: Counts, interval: Interval | None) -> str:
    """Return a score with its interval and number of answers."""
    if counts.nps is None or interval is None:
        return "No answers yet."
    from_so_many = f"from {many(counts.n, 'answers')}"
    if counts.n < FEW:
        return f"NPS {signed(counts.nps)} {from_so_many}: too few to say much; it may as well be {range_of(interval)}."
    return f"NPS {signed(counts.nps)} ({range_of(interval)}) {from_so_many}."


def interval_words(counts: Counts) -> str:
    """Return what the interval in `score_words` means; "" of no answers."""
    if not counts.n:
        return ""
    which = "the numbers in brackets" if counts.n >= FEW else "those two numbers"
    return (
        "Not all your customers have answered. If the others are like those who did, "
        f"the score of all of them lies between {which} in 95 of 100 cases."
    )


def change_words(seen: Dashboard, span: Span) -> str:
    """Return how a score changed against the span before, and whether that means anything; "" without such a span."""
    if seen.before is None or span.days is None:
        return ""
    before = f"the {counted(span.days, 'day')} before"
    if seen.change is None:
        fewer, where = (seen.before.n, f"In {before}") if seen.counts.n >= FEW else (seen.counts.n, "In this time")
        were = "was" if fewer == 1 else "were"
        return f"{where} there {were} {many(fewer, 'answers')}: fewer than {FEW} tell no trend."
    points = round(seen.change.points)
    how = f"{'Up' if points > 0 else 'Down'} {abs(points)}" if points else "The same as"
    on = f"{how} on {before}" if points else f"{how} {before}"
    if seen.change.is_within_uncertainty:
        return f"{on}: the change is within its uncertainty ({range_of(seen.change.interval)})."
    return f"{on}: more than chance alone explains ({range_of(seen.change.interval)})."


def share_words(share: Share, of: str, did: str) -> str:
    """Return a share in words: "340 of 1,000 mails were answered (31 to 37 %)"."""
    interval = share.interval
    sure = f" ({range_of(interval, ' %')})" if interval else ""
    return f"{share.part:,} of {many(share.whole, of)} {did}{sure}."


def no_rate_words(rate: ResponseRate, span: Span) -> str:
    """Return why no share of the mails is told."""
    if rate.is_behind:
        return f"Mails are counted every few minutes, and those of {_these(rate.answers)} are not counted yet."
    came, fell = many(rate.answers, "answers"), many(rate.sent, "mails")
    if span == Span():
        return f"{came} came, more than there are mails that the hub knows of: {rate.sent:,}."
    return f"{came} came in this time, and {fell} fell due in it: others left before. More days tell how many answer."


def _these(answers: int) -> str:
    return "this answer" if answers == 1 else f"these {many(answers, 'answers')}"


def reach_words(coverage: Share) -> str:
    """Return how many people with an address were never asked."""
    left = coverage.whole - coverage.part
    if not left:
        return f"Everybody with an address was asked: {coverage.whole:,}."
    who = "1 person" if left == 1 else f"{left:,} people"
    return f"{who} with an address {'was' if left == 1 else 'were'} never asked, of {coverage.whole:,}."
