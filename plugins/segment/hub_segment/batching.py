"""Events put together into requests that Segment takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

MAX_EVENTS = 100
MAX_BYTES = 475_000
"""Segment refuses 500 KB; the margin is the one its own libraries keep."""

_Key = TypeVar("_Key")


def batches(events: Iterable[tuple[_Key, bytes]]) -> Iterator[list[tuple[_Key, bytes]]]:
    """Yield serialised events, each with its key, in groups whose request stays within both limits."""
    group: list[tuple[_Key, bytes]] = []
    size = 0
    for key, event in events:
        if group and (len(group) == MAX_EVENTS or size + len(event) > MAX_BYTES - _FRAME):
            yield group
            group, size = [], 0
        group.append((key, event))
        size += len(event) + 1
    if group:
        yield group


def request_body(events: Sequence[bytes], sent_at: str) -> bytes:
    """Return the body of one request to `/v1/batch`."""
    return b'{"batch":[' + b",".join(events) + b'],"sentAt":"' + sent_at.encode() + b'"}'


_FRAME = len(request_body([], "2026-01-01T00:00:00.000Z"))
