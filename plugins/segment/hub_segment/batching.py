"""Events put together into requests that Segment takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

MAX_EVENTS = 100
MAX_BYTES = 475_000
"""Segment refuses 500 KB; the margin is the one its own libraries keep."""

_Key = TypeVar("_Key")


def batches(updates: Iterable[tuple[_Key, list[bytes]]]) -> Iterator[list[tuple[_Key, list[bytes]]]]:
    """Yield updates, each with its key, in groups whose request stays within both limits.

    An update is one or a few serialised events, which stay together: they are taken, or sent again, as one.
    """
    group: list[tuple[_Key, list[bytes]]] = []
    count = size = 0
    for key, events in updates:
        adds = sum(len(event) + 1 for event in events)
        if group and (count + len(events) > MAX_EVENTS or size + adds - 1 > MAX_BYTES - _FRAME):
            yield group
            group, count, size = [], 0, 0
        group.append((key, events))
        count += len(events)
        size += adds
    if group:
        yield group


def request_body(events: Sequence[bytes], sent_at: str) -> bytes:
    """Return the body of one request to `/v1/batch`."""
    return b'{"batch":[' + b",".join(events) + b'],"sentAt":"' + sent_at.encode() + b'"}'


_FRAME = len(request_body([], "2026-01-01T00:00:00.000Z"))
