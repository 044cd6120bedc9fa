"""People made in bulk: some to be surveyed right now, some with an answer that waits, and many for whom it is early."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, text, update

from hub.pipeline.hub import Hub
from hub.store import score_counts, tables
from hub.store.configuration import Role
from hub.store.score_counts import Key, keys_of
from hub.store.sql import insert_many, is_among
from hub.store.types import new_id

ANSWERED = 10
"""Of so many people of a crowd, one was asked long ago and answered."""
_CHUNK = 10_000


def invite(hub: Hub, count: int) -> None:
    """Give the hub's only survey `count` new people, each with an invitation that is due."""
    due_at = hub.now() - timedelta(minutes=1)
    for people in _chunks(count):
        _add_people(hub, people)
        _add_invitations(hub, people, {"state": "scheduled", "due_at": due_at})
    look_around(hub)


def answers(hub: Hub, count: int) -> None:
    """Give the hub's only survey `count` new people, each with an answer that waits for the hub's only target."""
    for people in _chunks(count):
        _add_people(hub, people)
        answers_of(hub, people)


def answers_of(hub: Hub, people: Sequence[str]) -> None:
    """Give some people an answer that waits for the hub's only target."""
    _add_answers(hub, people, hub.now(), {"state": "pending"})


def make_due(hub: Hub, people: Sequence[str]) -> None:
    """Have the invitations that some people wait for fall due now."""
    table, due_at = tables.invitation, hub.now() - timedelta(minutes=1)
    with hub.store.write() as connection:
        theirs = (is_among(connection, table.c.person_id, people), table.c.state == "scheduled")
        connection.execute(update(table).where(*theirs).values(due_at=due_at, next_attempt_at=due_at))


def populate(hub: Hub, count: int, *, answered: int = ANSWERED) -> list[str]:
    """Give the hub's only survey `count` new people, each known by an event and with an invitation ahead.

    One of `answered` of them was asked before, and answered. Return the ids of all, which are their userIds, too.
    """
    due_at, long_ago = hub.now() + timedelta(days=30), hub.now() - timedelta(days=300)
    everybody: list[str] = []
    for people in _chunks(count):
        everybody += people
        _add_people(hub, people)
        _add_events(hub, people)
        _add_invitations(hub, people, {"state": "scheduled", "due_at": due_at})
        asked = people[::answered]
        mails = _add_invitations(hub, asked, {"state": "sent", "due_at": long_ago, "sent_at": long_ago})
        _add_answers(hub, asked, long_ago, {"state": "done", "done_at": long_ago}, mails=mails)
    look_around(hub)
    return everybody


def look_around(hub: Hub) -> None:
    """Have the database look at what it holds; PostgreSQL does so by itself, within a minute."""
    with hub.store.write() as connection:
        connection.execute(text("ANALYZE"))


def address(id: str) -> str:
    """Return a person's address."""
    return f"person.{id}@customer.example"


def _chunks(count: int) -> Iterator[list[str]]:
    """Yield new ids of people."""
    for start in range(0, count, _CHUNK):
        yield [new_id() for _ in range(min(_CHUNK, count - start))]


def _add_people(hub: Hub, people: Sequence[str]) -> None:
    now = hub.now()
    _store(
        hub,
        {
            tables.person: [_person(id, now) for id in people],
            tables.identity: [_identity(id) for id in people],
        },
    )


def _add_events(hub: Hub, people: Sequence[str]) -> None:
    """Add the identify that each person was first seen by, and what was decided on it."""
    now, survey_id = hub.now(), _survey_id(hub)
    source_id = hub.registry.current().live(Role.SOURCE)[0].id
    events = [_event(id, source_id, now) for id in people]
    _store(
        hub,
        {tables.event: events, tables.decision: [_decision(event["id"], survey_id, now) for event in events]},
    )


def _add_invitations(hub: Hub, people: Sequence[str], values: dict[str, Any]) -> list[str]:
    """Add an invitation of each person; return their ids."""
    now, survey_id = hub.now(), _survey_id(hub)
    rows = [_invitation(id, survey_id, now) | _times(values) for id in people]
    _store(hub, {tables.invitation: rows})
    return [row["id"] for row in rows]


def _add_answers(
    hub: Hub, people: Sequence[str], at: datetime, values: dict[str, Any], *, mails: Sequence[str] | None = None
) -> None:
    """Add an answer of each person, and what of it goes to the hub's only target; to `mails` where they were asked."""
    survey_id, target_id = _survey_id(hub), hub.registry.current().live(Role.TARGET)[0].id
    answered = zip(people, mails or [new_id() for _ in people], strict=True)
    responses = [_response(id, mail, survey_id, at) for id, mail in answered]
    _store(
        hub,
        {
            tables.response: responses,
            tables.response_version: [_version(one) for one in responses],
            tables.outbox: [_told(one, target_id) | values for one in responses],
        },
    )
    with hub.store.write() as connection:
        score_counts.add(connection, Counter(key for one in responses for key in _counted(one)))


def _store(hub: Hub, rows: dict[Table, list[dict[str, Any]]]) -> None:
    with hub.store.write() as connection:
        for table, some in rows.items():
            insert_many(connection, table, some)


def _survey_id(hub: Hub) -> str:
    return next(iter(hub.registry.current().surveys))


def _person(id: str, now: datetime) -> dict[str, Any]:
    moment = now.isoformat()
    traits = {"email": address(id), "firstName": "Ada", "lastName": "Byron", "createdAt": now.date().isoformat()}
    return {
        "id": id,
        "first_seen_at": now,
        "first_id": id,
        "mailbox": address(id),
        "profile": {name: [value, moment, id] for name, value in traits.items()},
        "future_created_at": {},
    }


def _identity(id: str) -> dict[str, Any]:
    return {"namespace": "", "kind": "user", "value": id, "person_id": id, "position": 0}


def _event(id: str, source_id: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "source_id": source_id,
        "message_id": f"first-{id}",
        "type": "identify",
        "person_id": id,
        "arrived_at": now,
        "timestamp": now,
        "outcome": "decided",
    }


def _decision(event_id: str, survey_id: str, now: datetime) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "survey_id": survey_id,
        "outcome": "scheduled",
        "reason": "scheduled",
        "due_at": now,
        "inputs": {"created_at": now.isoformat(), "min_delay_days": 30, "max_delay_days": 60},
        "rules_version": 1,
        "decided_at": now,
    }


def _times(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "next_attempt_at": values["due_at"], "scheduled_at": values["due_at"]}


def _invitation(id: str, survey_id: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "survey_id": survey_id,
        "person_id": id,
        "mailbox": address(id),
        "created_at_basis": now.replace(hour=0, minute=0, second=0, microsecond=0),
        "tried": [],
    }


def _response(id: str, invitation_id: str, survey_id: str, at: datetime) -> dict[str, Any]:
    """Return an answer of the year before `at`, as people give them: scores differ, two of three say something."""
    drawn = random.Random(id)
    rated_at = at - timedelta(seconds=drawn.randrange(365 * 86_400))
    return {
        "id": new_id(),
        "invitation_id": invitation_id,
        "survey_id": survey_id,
        "person_id": id,
        "score": drawn.choice([0, 3, 5, 6, 7, 8, 8, 9, 9, 9, 10, 10, 10]),
        "comment": drawn.choice(["It does what it says.", "I cannot find my way around it.", ""]),
        "ratings": {"support": drawn.choice([1, 3, 4, 5, 5])},
        "version": 1,
        "first_rated_at": rated_at,
        "rated_at": rated_at,
        "updated_at": rated_at,
        "language": drawn.choice(["en", "en", "de", "pt-BR"]),
        "segments": {"plan": drawn.choice(["free", "pro", "enterprise"])},
    }


def _counted(response: dict[str, Any]) -> Iterator[Key]:
    counted = (response[name] for name in ("survey_id", "rated_at", "score", "language", "segments", "ratings"))
    return keys_of(*counted)


def _version(response: dict[str, Any]) -> dict[str, Any]:
    said = {name: response[name] for name in ("score", "comment")}
    return {"response_id": response["id"], "version": 1, **said, "at": response["rated_at"]}


def _told(response: dict[str, Any], target_id: str) -> dict[str, Any]:
    return {
        "target_id": target_id,
        "message_id": f"hub-benchmarks-{response['id']}-1",
        "person_id": response["person_id"],
        "response_id": response["id"],
        "version": 1,
        "next_attempt_at": response["rated_at"],
        "rated_at": response["rated_at"],
        "created_at": response["rated_at"],
    }
