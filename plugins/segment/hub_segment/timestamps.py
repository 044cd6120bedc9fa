"""Times as Segment's SDKs write them, and the correction of the sender's clock."""

from __future__ import annotations

from datetime import UTC, datetime


def corrected(timestamp: object, *, sent_at: object, arrived_at: datetime) -> datetime | None:
    """Return when an event happened by our clock, or None when its `timestamp` is missing or unreadable.

    Both `timestamp` and `sent_at` come from the sender's clock, so their distance is right even when that
    clock is not: `arrived_at - (sent_at - timestamp)`. Without a readable `sent_at` the timestamp stands.
    """
    happened = parse(timestamp)
    sent = parse(sent_at)
    if happened is None or sent is None:
        return happened
    try:
        return arrived_at - (sent - happened)
    except OverflowError:
        return None


def parse(value: object) -> datetime | None:
    """Return an ISO-8601 text as an aware UTC time, cut to microseconds, or None when it is not one.

    No zone means UTC.
    """
    if not isinstance(value, str):
        return None
    try:
        # Python before 3.14 reads `Z` but not `z`.
        time = datetime.fromisoformat(value.strip().upper())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
