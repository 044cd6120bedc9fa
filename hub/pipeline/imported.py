"""People brought in by hand: the hub's own bodies, which wait in the log of a source like those it took itself.

A body is told apart by its hint and read here, not by the source; from there on its events are that source's, in
its namespace, under the same rules. So an import is as durable as an event, and is decided in the same order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.domain.created_at import UNREADABLE, read_created_at
from hub.domain.identity import read_id
from hub.plugin import Accepted, Event, Reply, Stored
from hub.store.types import is_storable

HINT = "hub:import"
MAX_ID = 500
"""Characters: PostgreSQL's indexes take 2,704 bytes a row."""
MAX_BYTES = 512_000
"""Of a row, as it is stored."""
MAX_DEPTH = 50
"""Levels of nesting: what was accepted can always be read again."""
_NOT_TRAITS = ("userId", "anonymousId", "timestamp")


@dataclass(frozen=True, kw_only=True)
class ImportedPerson:
    """One identify, checked: what `read_imported` will make of it is certain."""

    payload: Mapping[str, Any]


def check_person(values: Mapping[str, Any], batch: str) -> ImportedPerson | str:
    """Return the identify of an imported row, or what is wrong with it.

    `userId` or `anonymousId` says who it is, `timestamp` as of when, all else are traits. The messageId comes from
    the row and the name of the batch: the same row of the same batch again is a duplicate.
    """
    ids = {name: values[name] for name in ("userId", "anonymousId") if values.get(name) not in (None, "")}
    if not ids:
        return "has neither userId nor anonymousId"
    for name, value in ids.items():
        if (text := read_id(value)) is None or len(text) > MAX_ID or not is_storable(text) or "\ufffd" in text:
            return f"{name}: has to be text of {MAX_ID} characters at most, or a number"
    if values.get("timestamp") is not None and read_created_at(values["timestamp"]) is UNREADABLE:
        return "timestamp: has to be a time such as 2026-03-01T09:30:00Z"
    traits = {name: value for name, value in values.items() if name not in _NOT_TRAITS and value is not None}
    if not _is_shallow(traits, MAX_DEPTH):
        return f"a trait is nested deeper than {MAX_DEPTH} levels"
    said = {"type": "identify", **ids, "traits": traits}
    if values.get("timestamp") is not None:
        said["timestamp"] = values["timestamp"]
    canonical = json.dumps([batch, said], sort_keys=True).encode()
    if len(canonical) > MAX_BYTES:
        return "is longer than 512 KB"
    return ImportedPerson(payload={**said, "messageId": f"import-{hashlib.sha256(canonical).hexdigest()[:40]}"})


def _is_shallow(value: Any, levels: int) -> bool:
    below = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(one, levels - 1) for one in below)


def body_of(people: Sequence[ImportedPerson]) -> Accepted:
    """Return a body that holds these people, for the log of their source."""
    body = json.dumps([person.payload for person in people], separators=(",", ":")).encode()
    return Accepted(body=body, hint=HINT, reply=Reply())


def read_imported(stored: Stored) -> Iterator[Event]:
    """Yield the events of a body that `body_of` made."""
    for payload in json.loads(stored.body):
        yield Event(
            type="identify",
            payload=payload,
            message_id=payload["messageId"],
            user_id=payload.get("userId"),
            anonymous_id=payload.get("anonymousId"),
            traits=payload["traits"],
            timestamp=_moment(payload.get("timestamp")),
        )


def _moment(value: Any) -> datetime | None:
    moment = read_created_at(value)
    return moment if isinstance(moment, datetime) else None
