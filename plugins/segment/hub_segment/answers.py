"""What Segment's answer to a batch means for the events in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias

import requests

MAX_WAIT_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Segment took the batch. It may still drop events later, silently."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Something in the batch is unacceptable; the rest of it may be fine."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Unavailable:
    """Nothing can be sent now, whatever it is."""

    why: str
    after_s: float | None = None


Answer: TypeAlias = Taken | Refused | Unavailable


def judge(response: requests.Response, now: datetime) -> Answer:
    """Return what a response from `/v1/batch` means."""
    status = response.status_code
    if status == 200:
        return Taken()
    if status in (400, 413):
        return Refused(why=f"Segment answered {status}: {response.text[:200]}")
    wait = retry_after_s(response.headers.get("Retry-After"), now)
    if status in (401, 403):
        return Unavailable(why=f"Segment refused the write key ({status}): check `write_key`.", after_s=wait)
    if status == 429:
        return Unavailable(why="Segment asked to slow down (429).", after_s=wait)
    if status >= 500:
        return Unavailable(why=f"Segment is in trouble ({status}).", after_s=wait)
    why = f"{response.url} does not answer like Segment ({status}): check `host` and `region`."
    return Unavailable(why=why, after_s=wait)


def unreachable(error: requests.RequestException, host: str) -> Unavailable:
    """Return what a failed connection or a missing answer means: the same events again, later."""
    what = type(error).__name__
    return Unavailable(why=f"{host} could not be reached ({what}): check `host` and the network.")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Return the seconds that `Retry-After` asks for (RFC 9110: a number or a date), a day at most."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_WAIT_S)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return min(max((at - now).total_seconds(), 0.0), MAX_WAIT_S)
