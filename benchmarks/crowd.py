"""People who are to be surveyed right now, made in bulk."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import insert, text

from hub.pipeline.hub import Hub
from hub.store import tables
from hub.store.types import new_id

_CHUNK = 10_000


def invite(hub: Hub, count: int) -> None:
    """Give the hub's only survey `count` new people, each with an invitation that is due."""
    survey_id = next(iter(hub.registry.current().surveys))
    now = hub.now()
    people = iter([new_id() for _ in range(count)])
    while chunk := list(islice(people, _CHUNK)):
        with hub.store.write() as connection:
            connection.execute(insert(tables.person), [_person(id, now) for id in chunk])
            connection.execute(insert(tables.identity), [_identity(id) for id in chunk])
            connection.execute(insert(tables.invitation), [_invitation(id, survey_id, now) for id in chunk])
    with hub.store.write() as connection:
        connection.execute(text("ANALYZE"))  # PostgreSQL does so by itself, within a minute


def _person(id: str, now: datetime) -> dict[str, object]:
    moment = now.isoformat()
    traits = {"email": _address(id), "firstName": "Ada", "lastName": "Byron", "createdAt": moment}
    return {
        "id": id,
        "first_seen_at": now,
        "first_id": id,
        "mailbox": _address(id),
        "profile": {name: [value, moment, id] for name, value in traits.items()},
        "future_created_at": {},
    }


def _identity(id: str) -> dict[str, object]:
    return {"namespace": "", "kind": "user", "value": id, "person_id": id, "position": 0}


def _invitation(id: str, survey_id: str, now: datetime) -> dict[str, object]:
    due_at = now - timedelta(minutes=1)
    return {
        "id": new_id(),
        "survey_id": survey_id,
        "person_id": id,
        "mailbox": _address(id),
        "state": "scheduled",
        "due_at": due_at,
        "next_attempt_at": due_at,
        "scheduled_at": due_at,
        "created_at_basis": now,
        "tried": [],
    }


def _address(id: str) -> str:
    return f"person.{id}@customer.example"
