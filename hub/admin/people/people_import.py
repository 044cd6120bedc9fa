"""Bringing people in from a file: each row becomes an identify, stored and decided like one that a source took."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from hub.admin import audit
from hub.admin.names import connection_named
from hub.admin.records import Problem, Record, Tally, in_chunks
from hub.pipeline.hub import Hub
from hub.pipeline.imported import ImportedPerson, body_of, check_person
from hub.plugin import Accepted
from hub.store.configuration import Role

CHUNK = 500
"""Rows a body: well below what a decider takes in one transaction."""

IDS = ("userId", "anonymousId")
"""A row needs one of them."""

Receive = Callable[[str, Accepted, datetime], None]


@dataclass(kw_only=True)
class Brought(Tally):
    """What became of an import: every accepted row is stored and will be decided."""

    accepted: int = 0


def import_people(
    hub: Hub, source: str, records: Iterable[Record | Problem], *, receive: Receive, batch: str = ""
) -> Brought:
    """Store the people of some records as bodies of a source; bad ones are reported and nothing of them is kept.

    `receive(source_id, body, arrived_at)` returns once a body is safe. When it fails half-way, the same import
    again does the rest: rows that are there are duplicates. Raises NotThere for an unknown source.
    """
    source_id = connection_named(hub.registry.current(), Role.SOURCE, source).id
    brought = Brought()
    for chunk in in_chunks(records, CHUNK):
        people = []
        for one in chunk:
            person = one.why if isinstance(one, Problem) else check_person(one.values, batch)
            if isinstance(person, ImportedPerson):
                people.append(person)
            else:
                brought.note(Problem(line=one.line, why=person))
        if people:
            receive(source_id, body_of(people), hub.now())
            brought.accepted += len(people)
    _note(hub, f"sources.{source}", brought)
    return brought


def _note(hub: Hub, subject: str, brought: Brought) -> None:
    counts = {"accepted": brought.accepted, "refused": brought.refused}
    hub.store.transact(lambda connection: audit.note(hub, connection, audit.Action.PEOPLE_IMPORTED, subject, **counts))
