"""A stored body's events, in the hub's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from msgspec import Raw

from hub.plugin import Event, Stored, Unreadable
from hub_segment import bodies
from hub_segment.bodies import BodyError
from hub_segment.events import event_from, readable_message_id
from hub_segment.routes import BATCH, BY_KEY, WEBHOOK, WEBHOOKS
from hub_segment.timestamps import corrected, parse


@dataclass(frozen=True, kw_only=True)
class Sender:
    """What may be asked of a sender's events: their size, and whose clock is in their `timestamp`."""

    allowed_bytes: int
    most_bytes: int
    timestamp: Callable[[dict[str, Any], datetime], datetime | None]
    may_delete: bool
    """Erasing a person takes more than an API key, which anybody may know whose browser uses it."""


SDK = Sender(
    allowed_bytes=32_768,
    most_bytes=36_044,  # 10 % more: SDKs fill a batch until they have passed the limit
    timestamp=lambda event, arrived_at: corrected(
        event.get("timestamp"), sent_at=event.get("sentAt"), arrived_at=arrived_at
    ),
    may_delete=False,
)
FILE = replace(SDK, may_delete=True)
"""An event of an operator's own file, as `hub replay` reads it."""
SEGMENT = Sender(
    allowed_bytes=524_288,  # far beyond an SDK's event: Segment enriches what it passes on
    most_bytes=524_288,
    timestamp=lambda event, arrived_at: parse(event.get("timestamp")),  # Segment has corrected it
    may_delete=True,
)
SEGMENT_BY_KEY = replace(SEGMENT, may_delete=False)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads the bodies of one source."""

    api_key: str = field(repr=False)
    hub_id: str

    def read(self, stored: Stored) -> Iterator[Event | Unreadable]:
        """Yield the events of a body in order, as its hint says; without one it is a single event of an SDK."""
        hint = stored.hint.removesuffix(BY_KEY)
        webhook = SEGMENT if hint == stored.hint else SEGMENT_BY_KEY
        if hint == BATCH:
            yield from self._read_batch(stored)
        elif hint == WEBHOOKS:
            yield from self._read_array(stored, webhook)
        elif hint == WEBHOOK:
            yield self._read_event(stored.body, webhook, stored.arrived_at)
        elif hint:
            yield self._read_event(stored.body, SDK, stored.arrived_at, forced={"type": hint})
        else:
            yield self._read_event(stored.body, FILE, stored.arrived_at)

    def _read_array(self, stored: Stored, sender: Sender) -> Iterator[Event | Unreadable]:
        try:
            elements = bodies.split_array(stored.body)
        except BodyError as fault:
            yield Unreadable(why=str(fault), payload=self._excerpt(stored.body))
            return
        for raw in elements:
            yield self._read_event(bytes(raw), sender, stored.arrived_at)

    def _read_batch(self, stored: Stored) -> Iterator[Event | Unreadable]:
        try:
            batch = bodies.split_batch(stored.body)
        except BodyError as fault:
            yield Unreadable(why=str(fault), payload=self._excerpt(stored.body))
            return
        try:
            outer = {
                "context": bodies.decode_value(batch.context),
                "integrations": bodies.decode_value(batch.integrations),
                "sentAt": bodies.decode_value(batch.sentAt),
            }
        except BodyError as fault:
            yield from self._refuse_all(batch.batch, f"The common part of the batch is unreadable. {fault}")
            return
        common = {name: value for name, value in outer.items() if value is not None}
        for raw in batch.batch:
            yield self._read_event(bytes(raw), SDK, stored.arrived_at, common=common)

    def _refuse_all(self, events: Iterable[Raw], why: str) -> Iterator[Unreadable]:
        yield from (Unreadable(why=why, payload=self._excerpt(bytes(raw))) for raw in events)

    def _read_event(
        self,
        raw: bytes,
        sender: Sender,
        arrived_at: datetime,
        *,
        common: dict[str, Any] | None = None,
        forced: dict[str, Any] | None = None,
    ) -> Event | Unreadable:
        try:
            value = bodies.decode_value(raw)
        except BodyError as fault:
            return Unreadable(why=str(fault), payload=self._excerpt(raw))
        if not isinstance(value, dict):
            return Unreadable(why="An event must be a JSON object.", payload=self._excerpt(raw))
        if len(raw) > sender.most_bytes:
            why = f"This event has {len(raw)} bytes; Segment allows {sender.allowed_bytes}."
            return Unreadable(why=why, payload=self._excerpt(raw), message_id=readable_message_id(value))
        value.pop("writeKey", None)  # a credential, not part of what happened
        payload = _merge(common or {}, value) | (forced or {})
        if payload.get("type") == "delete" and not sender.may_delete:
            why = "A delete is taken only from webhooks with the custom header's secret or a signature."
            return Unreadable(why=why, payload=payload, message_id=readable_message_id(payload))
        return event_from(payload, timestamp=sender.timestamp(payload, arrived_at), hub_id=self.hub_id)

    def _excerpt(self, raw: bytes) -> str:
        """Return the beginning of what can't be read, for people, fit to be stored and without our key."""
        text = raw.decode(errors="replace").replace("\x00", "\ufffd")
        return text.replace(self.api_key or "\x00", "(api_key)")[:1_000]


def _merge(common: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """Return an event with what its batch says for all; the event's own word counts more."""
    for name, outer in common.items():
        inner = event.get(name)
        if isinstance(outer, dict) and isinstance(inner, dict):
            event[name] = outer | inner
        elif inner is None:
            event[name] = outer
    return event
