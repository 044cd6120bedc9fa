"""What waits to be sent, and what the surge brake holds: seen, released, cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from hub.admin import audit
from hub.admin.audit import Action
from hub.admin.mails.departure_times import leaves, rules_by_survey
from hub.admin.mails.invitations import cancelled, released
from hub.admin.names import survey_named
from hub.admin.trouble import Conflict
from hub.domain.identity import IdKind
from hub.domain.states import WAITING, State
from hub.domain.world import Person
from hub.pipeline.hub import Hub
from hub.store import worlds
from hub.store.tables import invitation as table


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How many invitations of a survey wait in one state, and when the first is due."""

    survey: str
    state: State
    count: int
    next_due_at: datetime


def waiting(hub: Hub) -> Sequence[Waiting]:
    """Return what waits, by survey and state."""
    names = {id: survey.name for id, survey in hub.registry.current().surveys.items()}
    statement = (
        select(table.c.survey_id, table.c.state, func.count().label("number"), func.min(table.c.due_at).label("due_at"))
        .where(table.c.state.in_(sorted(WAITING)))
        .group_by(table.c.survey_id, table.c.state)
    )
    with hub.store.read() as connection:
        rows = connection.execute(statement).all()
    found = [
        Waiting(survey=names[row.survey_id], state=State(row.state), count=row.number, next_due_at=row.due_at)
        for row in rows
        if row.survey_id in names
    ]
    return sorted(found, key=lambda one: (one.survey, one.state))


@dataclass(frozen=True, kw_only=True)
class WaitingPerson:
    """A waiting invitation: whom it is for (an id as their events have it), and when it is due.

    `waits` says for which opening of the survey's send window it waits, if for any.
    """

    survey: str
    state: State
    due_at: datetime
    person: str
    is_reminder: bool
    waits: str | None


_LISTED = 50


def first_waiting(hub: Hub, survey_name: str | None = None) -> Sequence[WaitingPerson]:
    """Return the invitations that are due first, of one survey or of all. Raises ConfigError for an unknown survey."""
    names = {id: survey.name for id, survey in hub.registry.current().surveys.items()}
    ids = list(names) if survey_name is None else [survey_named(hub.registry.current(), survey_name).id]
    rules = rules_by_survey(hub.registry.current())
    with hub.store.read() as connection:
        statement = select(table).where(table.c.state.in_(sorted(WAITING)), table.c.survey_id.in_(ids))
        rows = connection.execute(statement.order_by(table.c.due_at, table.c.id).limit(_LISTED)).all()
        people = worlds.load_people(connection, {row.person_id for row in rows})
    return [
        WaitingPerson(
            survey=names[row.survey_id],
            state=State(row.state),
            due_at=row.due_at,
            person=_name_of(people[row.person_id]),
            is_reminder=row.reminder_of is not None,
            waits=leaves(rules.get(row.survey_id), row, people[row.person_id].timezone).sentence,
        )
        for row in rows
    ]


def _name_of(person: Person) -> str:
    users = [one.value for one in person.identities if one.kind is IdKind.USER]
    return (users or [one.value for one in person.identities])[0]


def release(hub: Hub, survey_name: str, *, up_to: str | None = None, at_most: int | None = None) -> int:
    """Make a survey's held invitations due now; they are checked again before they leave. Return how many.

    Only those are meant that somebody saw: made no later than `up_to`, the id of the newest. Raises Conflict when these
    are more than `at_most` by now, as when another due time brought an older one under the brake.
    """
    return _change_held(hub, survey_name, Action.HELD_RELEASED, released(hub.now()), up_to, at_most)


def cancel(hub: Hub, survey_name: str, *, up_to: str | None = None, at_most: int | None = None) -> int:
    """Cancel a survey's held invitations, as `release` releases them; return how many."""
    return _change_held(hub, survey_name, Action.HELD_CANCELLED, cancelled(hub.now()), up_to, at_most)


def _change_held(
    hub: Hub, survey_name: str, action: Action, values: Mapping[str, object], up_to: str | None, at_most: int | None
) -> int:
    survey_id = survey_named(hub.registry.current(), survey_name).id
    seen = [] if up_to is None else [table.c.id <= up_to]

    def work(connection: Connection) -> int:
        held = update(table).where(table.c.survey_id == survey_id, table.c.state == State.HELD, *seen)
        count = connection.execute(held.values(**values, revision=table.c.revision + 1)).rowcount
        if at_most is not None and count > at_most:
            raise Conflict(f"{count:,} are held by now, where {at_most:,} were when you looked; look again")
        audit.note(hub, connection, action, f"surveys.{survey_name}", count=count)
        return count

    return hub.store.transact(work)
