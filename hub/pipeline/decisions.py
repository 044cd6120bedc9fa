"""Decisions of a chunk: made on a world loaded from the database, then written, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from hub.domain.echo import SYNC_TRAITS, brings_only_sync_traits
from hub.domain.identity import Identity, mailbox_of
from hub.domain.reasons import RULES_VERSION, Outcome, Reason
from hub.domain.rules import Incoming, Ruling, decide
from hub.domain.states import State
from hub.domain.world import World
from hub.failpoints import failpoint
from hub.mail.addresses import check_address
from hub.pipeline import news
from hub.pipeline.erase import erase_within
from hub.pipeline.forget import who_keep_something
from hub.pipeline.hub import Hub
from hub.pipeline.read import ReadEvent
from hub.registry import Configuration
from hub.store import changes, tables, tallies, worlds
from hub.store.engine import Stale, lock_until_commit
from hub.store.sql import insert_many, is_among, look_up
from hub.store.tallies import Tally


def decide_together(
    hub: Hub,
    configuration: Configuration,
    events: Sequence[ReadEvent],
    *,
    marked: Collection[tuple[str, str]] = (),
) -> None:
    """Decide events in one transaction; those written down as poison before are `marked`, by source and messageId."""
    hub.store.prepare_and_write(
        lambda connection: _prepare(connection, configuration, events, marked, hub.now()), _write
    )


def may_be_an_event(error: Exception) -> bool:
    """Return whether what an event holds may have caused this; otherwise the database did, and everything waits."""
    if isinstance(error, SQLAlchemyError):
        return isinstance(error, DataError | IntegrityError)
    return not isinstance(error, Stale)


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
    braked: Mapping[str, int]
    """How many invitations the surge brake holds of surveys of which it held none until now."""
    configuration: Configuration
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
    world.message_ids |= known_messages(connection, events) - set(marked)
    incoming = [
        event.incoming
        for event in events
        if event.incoming is not None and (event.source_id, event.message_id) not in world.message_ids
    ]
    worlds.load(
        connection,
        world,
        identities={identity for event in incoming for identity in (event.user, event.anonymous) if identity},
        mailboxes=_mailboxes(incoming),
        surveys=configuration.rules,
        now=now,
    )
    emitted = _emitted(connection, events)
    echo_traits = SYNC_TRAITS | set(connection.scalars(select(tables.echo_trait.c.name)))
    event_rows: list[dict[str, Any]] = []
    decision_rows: list[dict[str, Any]] = []
    deleted: list[Identity] = []
    counted: list[Tally] = []
    for event in events:
        ruling = _rule(world, configuration, event, emitted, echo_traits, now)
        counted += _tallies(ruling)
        if ruling.reason is Reason.DUPLICATE:
            continue
        event_id = world.new_id()
        event_rows.append(_event_row(event_id, event, ruling))
        decision_rows += _decision_rows(event_id, ruling, now)
        if event.type == "delete" and event.incoming is not None:
            deleted += [named for named in (event.incoming.user, event.incoming.anonymous) if named is not None]
    counts = Counter(counted)
    counts[_POISON] -= len(marked)
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
        braked=_braked(connection, world),
        configuration=configuration,
        now=now,
    )


def _braked(connection: Connection, world: World) -> dict[str, int]:
    held = Counter(one.survey_id for one in world.changed.values() if one.state is State.HELD and one.reason == "surge")
    return {id: number for id, number in held.items() if not worlds.is_braked(connection, id)}


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
        incoming = incoming._replace(is_echo=True)
    return decide(world, incoming, configuration.rules, now)


def _mailboxes(events: Iterable[Incoming]) -> set[str]:
    addresses = (check_address(event.traits.get("email")) for event in events)
    return {mailbox_of(address) for address in addresses if address}


def known_messages(connection: Connection, events: Iterable[ReadEvent]) -> set[tuple[str, str]]:
    """Return which events were decided before, by source and messageId."""
    by_source: dict[str, set[str]] = {}
    for event in events:
        by_source.setdefault(event.source_id, set()).add(event.message_id)
    table = tables.event
    return {
        (source_id, message_id)
        for source_id, ids in by_source.items()
        for message_id in look_up(
            connection, table.c.message_id, table.c.message_id, ids, table.c.source_id == source_id
        )
    }


def _emitted(connection: Connection, events: Iterable[ReadEvent]) -> set[str]:
    """Return the messageIds among those of events that are ours: an update's own, and those of events beside it."""
    ids = {event.message_id for event in events if event.message_id.startswith("hub-")}
    updates = {id: _update_ids(id) for id in ids}
    if not updates:
        return set()
    column = tables.outbox.c.message_id
    known = set(connection.scalars(select(column).where(is_among(connection, column, {*chain(*updates.values())}))))
    return {message_id for message_id, ids in updates.items() if not known.isdisjoint(ids)}


def _update_ids(message_id: str) -> tuple[str, str]:
    """Return the ids of which a messageId may be: itself, or without the word behind the last hyphen."""
    return message_id, message_id.rpartition("-")[0]


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


def _write(connection: Connection, prepared: Prepared) -> None:
    """Write a decided chunk down."""
    delete_marked(connection, prepared.marked)
    changes.save(connection, prepared.world, now=prepared.now)
    insert_many(connection, tables.event, prepared.events)
    insert_many(connection, tables.decision, prepared.decisions)
    tallies.add(connection, prepared.counts)
    for survey_id, held in prepared.braked.items():
        news.tell_of_brake(connection, prepared.configuration, survey_id, held, prepared.now)
    if prepared.deleted:
        erase_within(connection, prepared.deleted, prepared.keepers, prepared.now)
    failpoint("decide.before_commit")


def delete_marked(connection: Connection, marked: Collection[tuple[str, str]]) -> None:
    """Delete events that were written down as poison beforehand."""
    table = tables.event
    for source_id, message_id in marked:
        connection.execute(delete(table).where(table.c.source_id == source_id, table.c.message_id == message_id))
