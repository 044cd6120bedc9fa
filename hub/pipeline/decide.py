"""Decide: bodies become events, events become decisions and invitations; one transaction a chunk."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from hub import stopping
from hub.domain.echo import SYNC_TRAITS, brings_only_sync_traits
from hub.domain.identity import Identity, mailbox_of
from hub.domain.reasons import RULES_VERSION, Outcome, Reason
from hub.domain.rules import Incoming, Ruling, decide
from hub.domain.world import World
from hub.failpoints import failpoint
from hub.mail.addresses import check_address
from hub.pipeline.erase import erase_within
from hub.pipeline.forget import forget_due, who_keep_something
from hub.pipeline.hub import Hub
from hub.pipeline.read import MAX_DEATHS, ReadEvent, Stuck, read_bodies, read_one_by_one
from hub.pipeline.sources import judge_sources, leave_alone, readable_sources
from hub.registry import Configuration
from hub.store import intake, tables, tallies, worlds
from hub.store.engine import Stale, lock_until_commit, patiently
from hub.store.intake import AcceptedBody
from hub.store.sql import is_among
from hub.store.tallies import Tally
from hub.store.types import new_id

log = logging.getLogger(__name__)

CHUNK_BODIES = 1_000
CHUNK_BYTES = 2_000_000
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
            decided += _decide_chunk(hub, bodies)
            if stopping.is_time_up(until):
                break
            if hub.store.is_sqlite:
                time.sleep(PAUSE_S)
    return decided


def _next_bodies(hub: Hub) -> list[AcceptedBody]:
    return intake.first(hub.store, sources=readable_sources(hub), limit=CHUNK_BODIES, max_bytes=CHUNK_BYTES)


def _decide_chunk(hub: Hub, bodies: Sequence[AcceptedBody]) -> int:
    """Decide bodies together; when one of their events makes that fail, each event alone, and set that one aside."""
    configuration = hub.registry.current()
    ids = [body.id for body in bodies if body.id is not None]
    intake.begin_work(hub.store, ids)
    try:
        count = _decide_bodies(hub, configuration, bodies)
    except Stuck as stuck:
        intake.leave_work(hub.store, [id for id in ids if id != stuck.body.id])
        leave_alone(hub, configuration, stuck.body.source_id, str(stuck))
        return 0
    except Exception:
        with contextlib.suppress(SQLAlchemyError):  # the database may be what is away, and back in a moment
            patiently(lambda: intake.leave_work(hub.store, ids))
        raise
    failpoint("decide.after_commit")
    intake.remove(hub.store, ids)
    judge_sources(hub, configuration, bodies)
    return count


def _decide_bodies(hub: Hub, configuration: Configuration, bodies: Sequence[AcceptedBody]) -> int:
    if [body.deaths for body in bodies] == [MAX_DEATHS - 1]:
        return _decide_carefully(hub, configuration, bodies[0])
    events = read_bodies(configuration, bodies)
    for stretch in _up_to_deletes(events):
        _decide_stretch(hub, configuration, stretch)
    return len(events)


# A body that killed two workers


def _decide_carefully(hub: Hub, configuration: Configuration, body: AcceptedBody) -> int:
    """Decide the events of a body one by one, so that what kills a worker for the third time is found.

    An event is written down as poison before it is decided, and that is undone by the transaction that decides it.
    Meanwhile the death doesn't count for the body; while the next event is read, it does.
    """
    assert body.id is not None
    count = 0
    for event in read_one_by_one(configuration, body):
        intake.leave_work(hub.store, [body.id])
        try:
            _decide_marked(hub, configuration, event)
        finally:
            intake.begin_work(hub.store, [body.id])
        count += 1
    return count


def _decide_marked(hub: Hub, configuration: Configuration, event: ReadEvent) -> None:
    with hub.store.read() as connection:
        if _known_messages(connection, [event]):  # decided before a worker died, or what it died of
            return
    why = f"{MAX_DEATHS} workers died while deciding on it"
    _decide_together(hub, configuration, [replace(event, incoming=None, fault=Reason.POISON, why=why)])
    try:
        _decide_together(hub, configuration, [event], marked={(event.source_id, event.message_id)})
    except Exception as error:
        if not _may_be_an_event(error):
            _unmark(hub, event)
            raise
        log.exception("An event could not be decided; it is rejected as poison")


def _unmark(hub: Hub, event: ReadEvent) -> None:
    with contextlib.suppress(SQLAlchemyError), hub.store.write() as connection:
        _delete_marked(connection, {(event.source_id, event.message_id)})


def _up_to_deletes(events: Sequence[ReadEvent]) -> Iterator[list[ReadEvent]]:
    """Yield the events in stretches of which only the ends are `delete` events.

    Whom these name is erased before anything that came after them is decided.
    """
    stretch: list[ReadEvent] = []
    for event in events:
        if stretch and stretch[-1].type == "delete" and event.type != "delete":
            yield stretch
            stretch = []
        stretch.append(event)
    if stretch:
        yield stretch


def _decide_stretch(hub: Hub, configuration: Configuration, events: Sequence[ReadEvent]) -> None:
    try:
        _decide_together(hub, configuration, events)
    except Exception as error:
        if not _may_be_an_event(error):
            raise
        log.exception("Events could not be decided together; each is tried alone")
        for event in events:
            _decide_alone(hub, configuration, event)


def _decide_alone(hub: Hub, configuration: Configuration, event: ReadEvent) -> None:
    try:
        _decide_together(hub, configuration, [event])
    except Exception as error:
        if not _may_be_an_event(error):
            raise
        log.exception("An event could not be decided; it is rejected as poison")
        why = f"deciding on it failed: {type(error).__name__}"
        _decide_together(hub, configuration, [replace(event, incoming=None, fault=Reason.POISON, why=why)])


def _may_be_an_event(error: Exception) -> bool:
    """Return whether what an event holds may have caused this; otherwise the database did, and everything waits."""
    if isinstance(error, SQLAlchemyError):
        return isinstance(error, DataError | IntegrityError)
    return not isinstance(error, Stale)


def _decide_together(
    hub: Hub,
    configuration: Configuration,
    events: Sequence[ReadEvent],
    *,
    marked: Collection[tuple[str, str]] = (),
) -> None:
    has_erased = hub.store.prepare_and_write(
        lambda connection: _prepare(connection, configuration, events, marked, hub.now()), _write
    )
    if has_erased:
        forget_due(hub)


# Deciding a chunk


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A decided chunk, ready to be written."""

    world: World
    events: Sequence[dict[str, Any]]
    decisions: Sequence[dict[str, Any]]
    counts: Mapping[Tally, int]
    deleted: Sequence[Identity]
    """Whom `delete` events name: erased after all that was said about them before."""
    keepers: Sequence[str]
    """The connections that have to forget them, too."""
    marked: Collection[tuple[str, str]]
    """Which of the events were written down as poison beforehand, by source and messageId."""
    now: datetime


def _prepare(
    connection: Connection,
    configuration: Configuration,
    events: Sequence[ReadEvent],
    marked: Collection[tuple[str, str]],
    now: datetime,
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
    world.message_ids |= _known_messages(connection, events) - set(marked)
    emitted = _emitted(connection, events)
    echo_traits = SYNC_TRAITS | set(connection.scalars(select(tables.echo_trait.c.name)))
    event_rows: list[dict[str, Any]] = []
    decision_rows: list[dict[str, Any]] = []
    deleted: list[Identity] = []
    counts: Counter[Tally] = Counter({_POISON: -len(marked)})
    for event in events:
        ruling = _rule(world, configuration, event, emitted, echo_traits, now)
        counts.update(_tallies(ruling))
        if ruling.reason is Reason.DUPLICATE:
            continue
        event_id = new_id()
        event_rows.append(_event_row(event_id, event, ruling))
        decision_rows += _decision_rows(event_id, ruling, now)
        if event.type == "delete" and event.incoming is not None:
            deleted += [named for named in (event.incoming.user, event.incoming.anonymous) if named is not None]
    for row in event_rows:
        row["person_id"] = world.joined.get(row["person_id"], row["person_id"])
    return Prepared(
        world=world,
        events=event_rows,
        decisions=decision_rows,
        counts=counts,
        deleted=deleted,
        keepers=who_keep_something(configuration),
        marked=marked,
        now=now,
    )


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
    is_update = incoming.type == "identify" and brings_only_sync_traits(incoming.traits, echo_traits)
    if event.message_id in emitted or is_update:
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
        "payload": None if ruling.reason is Reason.ECHO and ruling.person is None else event.payload,
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


_POISON: Tally = ("event", Outcome.REJECTED, Reason.POISON)


def _tallies(ruling: Ruling) -> list[Tally]:
    decided = [("decision", one.survey_id, one.outcome, one.reason) for one in ruling.decisions]
    return [("event", ruling.outcome or "decided", ruling.reason or ""), *decided]


def _write(connection: Connection, prepared: Prepared) -> bool:
    """Write a decided chunk down; return whether anybody was erased by it."""
    _delete_marked(connection, prepared.marked)
    worlds.save(connection, prepared.world, now=prepared.now)
    if prepared.events:
        connection.execute(insert(tables.event), list(prepared.events))
    if prepared.decisions:
        connection.execute(insert(tables.decision), list(prepared.decisions))
    tallies.add(connection, prepared.counts)
    if prepared.deleted:
        erase_within(connection, prepared.deleted, prepared.keepers, prepared.now)
    failpoint("decide.before_commit")
    return bool(prepared.deleted)


def _delete_marked(connection: Connection, marked: Collection[tuple[str, str]]) -> None:
    table = tables.event
    for source_id, message_id in marked:
        connection.execute(delete(table).where(table.c.source_id == source_id, table.c.message_id == message_id))
