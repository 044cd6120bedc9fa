"""Read: a stored body becomes events as the rules want them, and what cannot be read a rejection with its reason."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub import containment
from hub.containment import Hung, Note, contained, note_down
from hub.domain.identity import Identity, IdKind, identities_of
from hub.domain.reasons import Reason
from hub.domain.rules import Incoming
from hub.domain.traits import resolve_spellings
from hub.pipeline import imported
from hub.pipeline.imported import MAX_ID
from hub.plugin import Event, Stored, Unreadable
from hub.registry import Configuration
from hub.store.intake import AcceptedBody
from hub.store.types import is_storable, storable

log = logging.getLogger(__name__)

MAX_DEATHS = 3
MOST_EVENTS = 20_000
"""Of one body: a source that never ends is stopped there."""
MAX_MESSAGE_ID = 300
_PLAIN = {str, int, float, bool}
_ID_NAMES = {IdKind.USER: "userId", IdKind.ANONYMOUS: "anonymousId"}


class ReadEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way into the rules; `fault` when it never gets there."""

    source_id: str
    type: str
    message_id: str
    arrived_at: datetime
    timestamp: datetime
    payload: bytes
    incoming: Incoming | None = None
    fault: Reason | None = None
    why: str | None = None


class Stuck(Exception):
    """A source did not come back from reading a body."""

    def __init__(self, body: AcceptedBody, hung: Hung) -> None:
        super().__init__(str(hung))
        self.body = body


def read_bodies(configuration: Configuration, bodies: Sequence[AcceptedBody]) -> list[ReadEvent]:
    """Return the events of bodies, in order. Raises Stuck."""
    current = bodies[0]

    def read() -> list[ReadEvent]:
        nonlocal current
        events: list[ReadEvent] = []
        noted = current.source_id
        for current in bodies:
            if current.source_id != noted:
                noted = current.source_id
                note_down(Note(of=noted, doing="read"))
            events += read_body(configuration, current)
        return events

    try:
        return contained(read, of=current.source_id, doing="read", within_s=containment.READ_WITHIN_S)
    except Hung as hung:
        raise Stuck(current, hung) from hung


def read_one_by_one(configuration: Configuration, body: AcceptedBody) -> Iterator[ReadEvent]:
    """Yield each event of a body before the next one is read. Raises Stuck."""
    events = read_body(configuration, body)
    try:
        while event := contained(
            lambda: next(events, None), of=body.source_id, doing="read", within_s=containment.READ_WITHIN_S
        ):
            yield event
    except Hung as hung:
        raise Stuck(body, hung) from hung


def read_body(configuration: Configuration, body: AcceptedBody) -> Iterator[ReadEvent]:
    """Yield the events of a body, in order. A body that killed three workers is not read again."""
    if body.deaths >= MAX_DEATHS:
        yield _faulty(body, Unreadable(why=f"{MAX_DEATHS} workers died while reading it"), Reason.POISON)
        return
    namespace = configuration.namespace_of(body.source_id)
    try:
        for number, item in enumerate(_items(configuration, body)):
            if number == MOST_EVENTS:
                log.error("A source gave more than %d events for one body; the rest was rejected", MOST_EVENTS)
                why = f"the source's plugin gave more than {MOST_EVENTS} events for one body"
                yield _faulty(body, Unreadable(why=why), Reason.UNREADABLE)
                return
            yield _read_item(body, namespace, item)
    except GeneratorExit:
        raise
    except BaseException as error:
        log.exception("The source of a stored body could not read it; it was rejected")
        why = f"the source's plugin failed: {type(error).__name__}"
        yield _faulty(body, Unreadable(why=why), Reason.UNREADABLE)


def _items(configuration: Configuration, body: AcceptedBody) -> Iterable[object]:
    stored = Stored(body=body.body, arrived_at=body.arrived_at, hint=body.hint)
    if body.hint == imported.HINT:
        return imported.read_imported(stored)
    source = configuration.source(body.source_id)
    assert source is not None, "bodies of missing plugins wait in the log"
    return source.read(stored)


def _read_item(body: AcceptedBody, namespace: str, item: object) -> ReadEvent:
    """Return what a source said of one event; where that makes no sense, only this event is rejected."""
    try:
        if isinstance(item, Unreadable):
            return _faulty(body, item, Reason.UNREADABLE)
        if isinstance(item, Event):
            return read_event(body.source_id, namespace, item, body.arrived_at)
        why = f"the source's plugin gave a {type(item).__name__} for an event"
    except Exception as error:
        log.exception("What the source of a stored body said of an event makes no sense; the event was rejected")
        why = f"the source's plugin gave an event that makes no sense: {type(error).__name__}"
    return _faulty(body, Unreadable(why=why, payload=repr(item)), Reason.UNREADABLE)


def read_event(source_id: str, namespace: str, event: Event, arrived_at: datetime) -> ReadEvent:
    """Return an event as the rules want it: ids in their namespace, traits under one spelling, a sane timestamp."""
    message_id = event.message_id or _derived_id(_content(event), arrived_at)
    timestamp = min(event.timestamp or arrived_at, arrived_at)
    user, anonymous = identities_of(namespace, event.user_id, event.anonymous_id)
    traits = resolve_spellings(event.traits, event.fallback_traits)
    why = _storage_fault(message_id, traits, user, anonymous)
    if len(message_id) > MAX_MESSAGE_ID:
        message_id = _derived_id(_content(event), arrived_at)
    incoming = Incoming(
        source=source_id,
        type=event.type,
        message_id=message_id,
        user=user,
        anonymous=anonymous,
        traits=traits,
        timestamp=timestamp,
        arrived_at=arrived_at,
        name=event.name,
        properties=event.properties,
        locale=storable(event.locale) if event.locale else None,
        timezone=storable(event.timezone) if event.timezone else None,
        is_echo=event.echo,
        is_active=event.active,
    )
    return ReadEvent(
        source_id=source_id,
        type=storable(event.type),
        message_id=storable(message_id),
        arrived_at=arrived_at,
        timestamp=timestamp,
        payload=_as_kept(event.payload),
        incoming=incoming if why is None else None,
        fault=None if why is None else Reason.UNREADABLE,
        why=why,
    )


def _faulty(body: AcceptedBody, item: Unreadable, reason: Reason) -> ReadEvent:
    kept = body.body if item.payload is None else json.dumps(item.payload, default=str).encode()
    message_id = item.message_id or ""
    if not 0 < len(message_id) <= MAX_MESSAGE_ID or not is_storable(message_id):
        message_id = _derived_id(kept, body.arrived_at)
    return ReadEvent(
        source_id=body.source_id,
        type="",
        message_id=message_id,
        arrived_at=body.arrived_at,
        timestamp=body.arrived_at,
        payload=kept,
        fault=reason,
        why=storable(item.why),
    )


def _as_kept(payload: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(payload)
    except (TypeError, UnicodeEncodeError):
        return json.dumps(payload, separators=(",", ":"), default=str).encode()


def _content(event: Event) -> bytes:
    """Return what an event says, without the time of sending, which changes when an SDK tries again."""
    content = {name: value for name, value in event.payload.items() if name != "sentAt"}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), default=str).encode()


def _derived_id(payload: bytes, arrived_at: datetime) -> str:
    day = arrived_at.astimezone(UTC).date().isoformat()
    return "derived-" + hashlib.sha256(day.encode() + payload).hexdigest()[:40]


def _storage_fault(message_id: str, traits: Mapping[str, Any], *identities: Identity | None) -> str | None:
    """Return why the databases could not keep an event: it must not stop those that come with it."""
    fault = _text_fault("messageId", message_id, MAX_MESSAGE_ID)
    for identity in identities:
        if fault is None and identity is not None:
            fault = _text_fault(_ID_NAMES[identity.kind], identity.value, MAX_ID)
    if fault is not None:
        return fault
    if set(map(type, traits)) <= {str} and set(map(type, traits.values())) <= _PLAIN:
        return None
    try:
        json.dumps(traits)
    except (TypeError, ValueError) as error:
        return f"a trait cannot be kept: {error}"
    return None


def _text_fault(name: str, text: str, longest: int) -> str | None:
    if len(text) > longest:
        return f"{name} has {len(text)} characters; {longest} are the most"
    return None if is_storable(text) else f"{name} holds a NUL character or half a surrogate pair"
