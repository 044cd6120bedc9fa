"""Writing back what the rules changed in a world that was loaded from the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from hub.domain.states import State
from hub.domain.world import Invitation, Person, World
from hub.store.engine import Stale
from hub.store.sql import insert_many, update_many, upsert
from hub.store.tables import event, identity, invitation, outbox, person, response


def save(connection: Connection, world: World, *, now: datetime) -> None:
    """Write the people and invitations that changed. Raises Stale when an invitation changed under our hands."""
    for other_id, person_id in world.joined.items():
        # An answer in this very moment holds the invitation: it is waited for, and then moved with the others.
        connection.execute(select(invitation.c.id).where(invitation.c.person_id == other_id).with_for_update())
        for table in (event, response, outbox):
            connection.execute(update(table).where(table.c.person_id == other_id).values(person_id=person_id))
        connection.execute(delete(person).where(person.c.id == other_id))
    touched = sorted(world.touched.values(), key=lambda one: one.id)
    columns = [
        "first_seen_at",
        "first_id",
        "mailbox",
        "profile",
        "locale",
        "timezone",
        "locale_at",
        "future_created_at",
    ]
    upsert(connection, person, [_person_row(one) for one in touched], update=columns)
    upsert(connection, identity, _identity_rows(touched), update=["person_id", "position"])
    _save_invitations(connection, world, now)


def _person_row(one: Person) -> dict[str, Any]:
    return {
        "id": one.id,
        "first_seen_at": one.first_seen_at,
        "first_id": one.first_id,
        "mailbox": one.mailbox,
        "profile": one.profile,
        "locale": one.locale,
        "timezone": one.timezone,
        "locale_at": one.locale_at,
        "future_created_at": {_text(key): _text(value) for key, value in one.future_created_at.items()},
    }


def _identity_rows(people: Iterable[Person]) -> list[dict[str, Any]]:
    rows = [
        {"namespace": i.namespace, "kind": i.kind, "value": i.value, "person_id": one.id, "position": position}
        for one in people
        for position, i in enumerate(one.identities[one.stored_identities :], one.stored_identities)
    ]
    return sorted(rows, key=lambda row: (row["namespace"], row["kind"], row["value"]))


def _save_invitations(connection: Connection, world: World, now: datetime) -> None:
    changed = [one for one in world.changed.values() if one.revision is not None]
    # Of two that became one person's, one makes room for the other.
    _change(connection, [one for one in changed if one.state is State.CANCELLED], now)
    _change(connection, [one for one in changed if one.state is not State.CANCELLED], now)
    for other_id, person_id in world.joined.items():
        connection.execute(update(invitation).where(invitation.c.person_id == other_id).values(person_id=person_id))
    insert_many(connection, invitation, [_new_row(one, now) for one in world.changed.values() if one.revision is None])


def _change(connection: Connection, changed: Sequence[Invitation], now: datetime) -> None:
    rows = [_changed_row(one, now) for one in sorted(changed, key=lambda one: one.id)]
    if update_many(connection, invitation, rows, where=["id", "revision"], computed=_COMPUTED) != len(rows):
        raise Stale


_COMPUTED = {
    "revision": "invitation.revision + 1",
    # A new due time begins anew; a change of anything else leaves a retry where it is.
    "next_attempt_at": "coalesce(nullif({}, invitation.due_at), invitation.next_attempt_at)",
}


def _changed_row(one: Invitation, now: datetime) -> dict[str, Any]:
    concluded_at = now if one.state is State.CANCELLED else None
    return {**_row(one), "revision": one.revision, "concluded_at": concluded_at}


def _new_row(one: Invitation, now: datetime) -> dict[str, Any]:
    return {**_row(one), "survey_id": one.survey_id, "scheduled_at": now, "tried": []}


def _row(one: Invitation) -> dict[str, Any]:
    return {
        "id": one.id,
        "person_id": one.person_id,
        "mailbox": one.mailbox,
        "state": one.state,
        "reason": one.reason,
        "due_at": one.due_at,
        "next_attempt_at": one.opens_at or one.due_at,
        "created_at_basis": one.created_at,
    }


def _text(moment: datetime) -> str:
    return moment.isoformat()
