"""Decide: bodies become events, events become decisions and invitations; one transaction a chunk."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from hub.domain.echo import SYNC_TRAITS, brings_only_sync_traits
from hub.domain.identity import Identity, IdKind, identities_of, mailbox_of
from hub.domain.reasons import RULES_VERSION, Outcome, Reason
from hub.domain.rules import Incoming, Ruling, decide
from hub.domain.traits import resolve_spellings
from hub.domain.world import World
from hub.mail.addresses import check_address
from hub.pipeline.erase import erase_people
from hub.pipeline.hub import Hub
from hub.plugin import Event, Stored, Unreadable
from hub.registry import Configuration
from hub.store import intake, tables, worlds
from hub.store.engine import lock_until_commit
from hub.store.intake import AcceptedBody
from hub.store.sql import is_among
from hub.store.types import is_storable, new_id, storable

log = logging.getLogger(__name__)

CHUNK_BODIES = 1_000
CHUNK_BYTES = 2_000_000
MAX_DEATHS = 3
MAX_MESSAGE_ID = 300
MAX_ID = 500
"""Characters: PostgreSQL's indexes take 2,704 bytes a row."""
PAUSE_S = 0.005
"""Between chunks on SQLite, so that votes get their turn at the only write lock."""


def drain(hub: Hub, *, until: float) -> int:
    """Decide what waits, until nothing does or the monotonic clock passes `until`; return the number of events.

    One process decides at a time; another that finds it at work returns 0.
    """
    decided = 0
    with hub.store.alone("decide") as connection:
        if connection is None:
            return 0
        while bodies := _next_bodies(hub):
            decided += _decide_bodies(hub, bodies)
            if time.monotonic() > until:
                break
            if hub.store.is_sqlite:
                time.sleep(PAUSE_S)
    return decided


def _next_bodies(hub: Hub) -> list[AcceptedBody]:
    """Return a chunk of waiting bodies, without those whose plugin is missing or broken: these wait."""
    configuration = hub.registry.current()
    working = [id for id, connection in configuration.connections.items() if connection.provider is not None]
    return intake.first(hub.store, sources=working, limit=CHUNK_BODIES, max_bytes=CHUNK_BYTES)


def _decide_bodies(hub: Hub, bodies: Sequence[AcceptedBody]) -> int:
    configuration = hub.registry.current()
    ids = [body.id for body in bodies if body.id is not None]
    intake.begin_work(hub.store, ids)
    try:
        events = [event for body in bodies for event in _read(configuration, body)]
        hub.store.prepare_and_write(lambda connection: _prepare(connection, configuration, events, hub.now()), _write)
    except Exception:
        intake.leave_work(hub.store, ids)
        raise
    _erase_deleted(hub, events)
    intake.remove(hub.store, ids)
    return len(events)


# Reading bodies


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


def _read(configuration: Configuration, body: AcceptedBody) -> list[ReadEvent]:
    source = configuration.source(body.source_id)
    if body.deaths >= MAX_DEATHS:
        return [_faulty(body, Unreadable(why=f"{MAX_DEATHS} workers died while working on it"), Reason.POISON)]
    assert source is not None, "bodies of missing plugins wait in the log"
    namespace = configuration.namespace_of(body.source_id)
    events: list[ReadEvent] = []
    try:
        for item in source.read(Stored(body=body.body, arrived_at=body.arrived_at, hint=body.hint)):
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


# Deciding a chunk


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A decided chunk, ready to be written."""

    world: World
    events: Sequence[dict[str, Any]]
    decisions: Sequence[dict[str, Any]]
    now: datetime


def _prepare(
    connection: Connection, configuration: Configuration, events: Sequence[ReadEvent], now: datetime
) -> Prepared:
    lock_until_commit(connection, "decide")
    world = worlds.new_world(connection, check_address, now)
    incoming = [event.incoming for event in events if event.incoming is not None]
    worlds.load(
        connection,
        world,
        identities={identity for event in incoming for identity in (event.user, event.anonymous) if identity},
        mailboxes=_mailboxes(incoming),
        surveys=configuration.rules,
        now=now,
    )
    world.message_ids |= _known_messages(connection, events)
    emitted = _emitted(connection, events)
    echo_traits = SYNC_TRAITS | set(connection.scalars(select(tables.echo_trait.c.name)))
    event_rows: list[dict[str, Any]] = []
    decision_rows: list[dict[str, Any]] = []
    for event in events:
        ruling = _rule(world, configuration, event, emitted, echo_traits, now)
        if ruling.reason is Reason.DUPLICATE:
            continue
        event_id = new_id()
        event_rows.append(_event_row(event_id, event, ruling))
        decision_rows += _decision_rows(event_id, ruling, now)
    for row in event_rows:
        row["person_id"] = world.joined.get(row["person_id"], row["person_id"])
    return Prepared(world=world, events=event_rows, decisions=decision_rows, now=now)


def _rule(
    world: World,
    configuration: Configuration,
    event: ReadEvent,
    emitted: set[str],
    echo_traits: frozenset[str],
    now: datetime,
) -> Ruling:
    key = (event.source_id, event.message_id)
    if event.incoming is None:
        if key in world.message_ids:
            return Ruling(outcome=Outcome.IGNORED, reason=Reason.DUPLICATE)
        world.message_ids.add(key)
        return Ruling(outcome=Outcome.REJECTED, reason=event.fault)
    incoming = event.incoming
    if event.message_id in emitted or brings_only_sync_traits(incoming.traits, echo_traits):
        incoming = replace(incoming, is_echo=True)
    return decide(world, incoming, configuration.rules, now)


def _mailboxes(events: Iterable[Incoming]) -> set[str]:
    addresses = (check_address(event.traits.get("email")) for event in events)
    return {mailbox_of(address) for address in addresses if address}


def _known_messages(connection: Connection, events: Iterable[ReadEvent]) -> set[tuple[str, str]]:
    by_source: dict[str, set[str]] = {}
    for event in events:
        by_source.setdefault(event.source_id, set()).add(event.message_id)
    table = tables.event
    return {
        (source_id, message_id)
        for source_id, ids in by_source.items()
        for message_id in connection.scalars(
            select(table.c.message_id).where(
                table.c.source_id == source_id, is_among(connection, table.c.message_id, ids)
            )
        )
    }


def _emitted(connection: Connection, events: Iterable[ReadEvent]) -> set[str]:
    ids = {event.message_id for event in events if event.message_id.startswith("hub-")}
    if not ids:
        return set()
    table = tables.outbox
    return set(connection.scalars(select(table.c.message_id).where(is_among(connection, table.c.message_id, ids))))


def _event_row(event_id: str, event: ReadEvent, ruling: Ruling) -> dict[str, Any]:
    return {
        "id": event_id,
        "source_id": event.source_id,
        "message_id": event.message_id,
        "type": event.type,
        "person_id": ruling.person.id if ruling.person else None,
        "arrived_at": event.arrived_at,
        "timestamp": event.timestamp,
        "outcome": ruling.outcome or "decided",
        "reason": ruling.reason,
        "note": event.why,
        "payload": event.payload,
    }


def _decision_rows(event_id: str, ruling: Ruling, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "event_id": event_id,
            "survey_id": decision.survey_id,
            "outcome": decision.outcome,
            "reason": decision.reason,
            "due_at": decision.due_at,
            "eligible_again_at": decision.eligible_again_at,
            "invitation_id": decision.invitation_id,
            "inputs": decision.inputs,
            "rules_version": RULES_VERSION,
            "decided_at": now,
        }
        for decision in ruling.decisions
    ]


def _write(connection: Connection, prepared: Prepared) -> None:
    worlds.save(connection, prepared.world, now=prepared.now)
    if prepared.events:
        connection.execute(insert(tables.event), list(prepared.events))
    if prepared.decisions:
        connection.execute(insert(tables.decision), list(prepared.decisions))


def _erase_deleted(hub: Hub, events: Iterable[ReadEvent]) -> None:
    """Erase the people whom `delete` events name, after everything that was said about them before is decided."""
    named = [event.incoming for event in events if event.incoming is not None and event.type == "delete"]
    identities = [identity for event in named for identity in (event.user, event.anonymous) if identity]
    if identities:
        erase_people(hub, identities)
