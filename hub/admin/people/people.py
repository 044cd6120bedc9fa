"""People: found, seen with their whole story, and erased."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from hub.admin import audit
from hub.admin.paging import Page, Slice, newest_first
from hub.admin.people.stories import Entry, entries_of
from hub.admin.trouble import NotThere
from hub.domain.identity import Identity, IdKind, fingerprint, mailbox_of
from hub.domain.reasons import Stop
from hub.domain.traits import display_name, value_of
from hub.domain.world import Person
from hub.mail.addresses import check_address
from hub.pipeline.erase import erase_people
from hub.pipeline.forget import forget_due, who_keep_something
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import forgettings, tables, worlds
from hub.store.sql import is_among
from hub.store.types import is_storable, json_text

FORGET_S = 10.0
"""How long connections are asked to forget people while somebody waits; workers see to the others."""
LONGEST_STORY = 1_000
LONGEST_ID = 1_000
LONGEST_TRAIT = 200
"""Characters of a trait's value; the export has all of it."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """A person and what happened; `id` is the hub's own. `traits` are written out, and cut where they are long."""

    id: str
    name: str | None
    email: str | None
    user_ids: Sequence[str]
    anonymous_ids: Sequence[str]
    first_seen_at: datetime | None
    is_suppressed: bool
    traits: Mapping[str, str] = field(default_factory=dict)
    entries: Sequence[Entry] = ()


def why(hub: Hub, who: str) -> list[Story]:
    """Return the stories of the people known by this userId, anonymousId or address; usually one, none if unknown."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        people = _find(connection, who)
        return [story_of(connection, configuration, person) for person in people]


def why_id(hub: Hub, person_id: str) -> Story:
    """Return the newest thousand entries of the story of the person with this id of the hub's own. Raises NotThere."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        person = person_of(connection, person_id)
        story = story_of(connection, configuration, person, longest=LONGEST_STORY)
        return replace(story, entries=story.entries[-LONGEST_STORY:])


def people(hub: Hub, part: Slice, *, who: str | None = None) -> Page[Story]:
    """Return people without their stories, the newest first; with `who` those of this id or address."""
    with hub.store.read() as connection:
        if who is not None:
            found = _find(connection, who)[: part.limit]
            stops = _stops(connection, found)
            return Page(items=[_portrait(person, stops=stops[person.id]) for person in found])
        page = newest_first(connection, [select(tables.person.c.id)], (tables.person.c.id,), part)
        loaded = worlds.load_people(connection, [row.id for row in page.items])
        stops = _stops(connection, loaded.values())
    return page.map(lambda row: _portrait(loaded[row.id], stops=stops[row.id]))


def names_of(hub: Hub, person_ids: Collection[str]) -> dict[str, str]:
    """Return what to call each of these people: their name, else their address, else an id of theirs."""
    with hub.store.read() as connection:
        loaded = worlds.load_people(connection, set(person_ids)).values()
    return {person.id: name_of(_portrait(person)) for person in loaded}


def name_of(one: Story) -> str:
    """Return what to call a person: their name, else their address, else an id of theirs."""
    return one.name or one.email or next(iter([*one.user_ids, *one.anonymous_ids]), one.id)


def erase(hub: Hub, who: str) -> dict[str, int] | None:
    """Erase everybody known by this userId, anonymousId or address; return what was deleted, None if nobody is."""
    return _erase(hub, lambda connection: _find(connection, who))


def erase_id(hub: Hub, person_id: str) -> dict[str, int]:
    """Erase the person with this id of the hub's own; return what was deleted. Raises NotThere."""
    deleted = _erase(hub, lambda connection: [person_of(connection, person_id)])
    assert deleted is not None, "somebody was found"
    return deleted


def _erase(hub: Hub, find: Callable[[Connection], Sequence[Person]]) -> dict[str, int] | None:
    with hub.store.alone("decide", wait=True) as lock:
        assert lock is not None, "waited for"
        with hub.store.read() as connection:
            people = find(connection)
        if not people:
            return None

        def note(connection: Connection, counts: Mapping[str, int]) -> None:
            for person in people:
                audit.note(hub, connection, audit.Action.PERSON_ERASED, person.id, deleted=counts)

        counts = erase_people(hub, [identity for person in people for identity in person.identities], note=note)
    forget_due(hub, until=time.monotonic() + FORGET_S)
    return counts


def keepers(hub: Hub) -> list[str]:
    """Return the connections that may keep something about people, and have to forget whoever is erased."""
    configuration = hub.registry.current()
    return sorted(configuration.connections[id].label for id in who_keep_something(configuration))


def still_to_forget(hub: Hub) -> list[str]:
    """Return the connections that still have to forget somebody."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        return [configuration.connections[id].label for id in sorted(forgettings.open_by_connection(connection))]


def person_of(connection: Connection, person_id: str) -> Person:
    """Return the person with this id of the hub's own. Raises NotThere."""
    person = worlds.load_people(connection, [person_id]).get(person_id) if is_storable(person_id) else None
    if person is None:
        raise NotThere(f"There is no person {person_id}")
    return person


def _find(connection: Connection, who: str) -> list[Person]:
    if not is_storable(who) or len(who) > LONGEST_ID:
        return []
    person = tables.person
    known = [
        Identity(namespace=namespace, kind=kind, value=who) for namespace in _namespaces(connection) for kind in IdKind
    ]
    ids = worlds.person_ids(connection, known)
    ids |= set(connection.scalars(select(person.c.id).where(person.c.mailbox == mailbox_of(who))))
    return sorted(worlds.load_people(connection, ids).values(), key=lambda one: one.id)


def _namespaces(connection: Connection) -> Iterator[str]:
    """Yield the namespaces that ids were ever seen in: one step in the index for each, however many ids there are."""
    namespace = tables.identity.c.namespace
    found = connection.scalar(select(func.min(namespace)))
    while found is not None:
        yield found
        found = connection.scalar(select(func.min(namespace)).where(namespace > found))


def story_of(
    connection: Connection, configuration: Configuration, person: Person, *, longest: int | None = None
) -> Story:
    """Return a person's story; of very many events the newest."""
    told = entries_of(connection, configuration, person, longest=longest)
    stops = _stops(connection, [person])[person.id]
    entries = sorted([*told, *stops], key=lambda entry: entry.at)
    return _portrait(person, stops=stops, entries=entries)


def _portrait(person: Person, *, stops: Sequence[Entry] = (), entries: Sequence[Entry] = ()) -> Story:
    address = check_address(value_of(person.profile, "email"))
    return Story(
        id=person.id,
        name=display_name(person.profile),
        email=address,
        user_ids=[one.value for one in person.identities if one.kind is IdKind.USER],
        anonymous_ids=[one.value for one in person.identities if one.kind is IdKind.ANONYMOUS],
        first_seen_at=person.first_seen_at,
        is_suppressed=bool(stops),
        traits={_written(name): _written(trait.value) for name, trait in person.profile.items()},
        entries=entries,
    )


def _written(value: Any) -> str:
    text = value if isinstance(value, str) else json_text(value)
    shown = text if len(text) <= LONGEST_TRAIT else f"{text[:LONGEST_TRAIT]}…"
    return shown.encode(errors="backslashreplace").decode()  # halves of surrogate pairs fit in no page


def _stops(connection: Connection, people: Collection[Person]) -> Mapping[str, list[Entry]]:
    """Return by person since when and why they or their mailbox are never mailed."""
    keys = {person.id: suppression_keys(person) for person in people}
    table = tables.suppression
    wanted = {key for theirs in keys.values() for key in theirs}
    found = {row.key: row for row in connection.execute(select(table).where(is_among(connection, table.c.key, wanted)))}
    return {id: _stop_entries(found[key] for key in theirs if key in found) for id, theirs in keys.items()}


def suppression_keys(person: Person) -> list[str]:
    """Return the keys that a suppression of this person or of their mailbox has."""
    address = check_address(value_of(person.profile, "email"))
    keys = [fingerprint(one.kind, one.namespace, one.value) for one in person.identities]
    return [*keys, fingerprint("mailbox", mailbox_of(address))] if address is not None else keys


def _stop_entries(rows: Iterable[Any]) -> list[Entry]:
    found = {row.reason: row for row in rows}
    return [
        Entry(at=row.created_at, what="stopped", sentence=f"Never mailed again: {_STOPS[Stop(reason)]}.", code=reason)
        for reason, row in found.items()
    ]


_STOPS = {
    Stop.UNSUBSCRIBED: "the address unsubscribed",
    Stop.HARD_BOUNCED: "the mailbox refused mail for good",
    Stop.COMPLAINED: "its reader called a survey spam",
    Stop.ERASED: "the person was erased",
}
