"""Read: a stored body becomes events as the rules want them, and what cannot be read a rejection with its reason."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

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
MAX_MESSAGE_ID = 300


@dataclass(frozen=True, kw_only=True)
class ReadEvent:
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


def read_body(configuration: Configuration, body: AcceptedBody) -> list[ReadEvent]:
    """Return the events of a body, in order. A body that killed three workers is not read again."""
    source = configuration.source(body.source_id)
    if body.deaths >= MAX_DEATHS:
        return [_faulty(body, Unreadable(why=f"{MAX_DEATHS} workers died while working on it"), Reason.POISON)]
    assert source is not None, "bodies of missing plugins wait in the log"
    namespace = configuration.namespace_of(body.source_id)
    stored = Stored(body=body.body, arrived_at=body.arrived_at, hint=body.hint)
    events: list[ReadEvent] = []
    try:
        for item in imported.read_imported(stored) if body.hint == imported.HINT else source.read(stored):
            if isinstance(item, Unreadable):
                events.append(_faulty(body, item, Reason.UNREADABLE))
            else:
                events.append(read_event(body.source_id, namespace, item, body.arrived_at))
    except Exception as error:
        log.exception("The source of a stored body could not read it; it was rejected")
        why = f"the source's plugin failed: {type(error).__name__}"
        events.append(_faulty(body, Unreadable(why=why), Reason.UNREADABLE))
    return events


def read_event(source_id: str, namespace: str, event: Event, arrived_at: datetime) -> ReadEvent:
    """Return an event as the rules want it: ids in their namespace, traits under one spelling, a sane timestamp."""
    payload = json.dumps(event.payload, separators=(",", ":"), default=str).encode()
    message_id = event.message_id or _derived_id(_content(event), arrived_at)
    timestamp = min(event.timestamp or arrived_at, arrived_at)
    user, anonymous = identities_of(namespace, event.user_id, event.anonymous_id)
    traits = resolve_spellings(event.traits, event.fallback_traits)
    why = _storage_fault(message_id, traits, user, anonymous)
    if len(message_id) > MAX_MESSAGE_ID:
        message_id = _derived_id(_content(event), arrived_at)
    read = ReadEvent(
        source_id=source_id,
        type=storable(event.type),
        message_id=storable(message_id),
        arrived_at=arrived_at,
        timestamp=timestamp,
        payload=payload,
    )
    if why is not None:
        return replace(read, fault=Reason.UNREADABLE, why=why)
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
    return replace(read, incoming=incoming)


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


def _content(event: Event) -> bytes:
    """Return what an event says, without the time of sending, which changes when an SDK tries again."""
    content = {name: value for name, value in event.payload.items() if name != "sentAt"}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), default=str).encode()


def _derived_id(payload: bytes, arrived_at: datetime) -> str:
    day = arrived_at.astimezone(UTC).date().isoformat()
    return "derived-" + hashlib.sha256(day.encode() + payload).hexdigest()[:40]


def _storage_fault(message_id: str, traits: Mapping[str, Any], *identities: Identity | None) -> str | None:
    """Return why the databases could not keep an event: it must not stop those that come with it."""
    names = {IdKind.USER: "userId", IdKind.ANONYMOUS: "anonymousId"}
    texts = [("messageId", message_id, MAX_MESSAGE_ID)]
    texts += [(names[identity.kind], identity.value, MAX_ID) for identity in identities if identity is not None]
    for name, text, longest in texts:
        if len(text) > longest:
            return f"{name} has {len(text)} characters; {longest} are the most"
        if not is_storable(text):
            return f"{name} holds a NUL character or half a surrogate pair"
    try:
        json.dumps(traits)
    except (TypeError, ValueError) as error:
        return f"a trait cannot be kept: {error}"
    return None
