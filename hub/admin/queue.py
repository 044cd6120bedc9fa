"""What waits to be sent, and what the surge brake holds: seen, released, cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from hub.config import ConfigError
from hub.domain.reasons import Reason
from hub.domain.states import WAITING, State
from hub.pipeline.hub import Hub
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


def release(hub: Hub, survey_name: str) -> int:
    """Make a survey's held invitations due now; they are checked again before they leave. Return how many."""
    now = hub.now()
    values = {"state": State.SCHEDULED, "reason": None, "due_at": now, "next_attempt_at": now, "late_from": now}
    return _change_held(hub, survey_name, values)


def cancel(hub: Hub, survey_name: str) -> int:
    """Cancel a survey's held invitations; return how many."""
    return _change_held(
        hub, survey_name, {"state": State.CANCELLED, "reason": Reason.CANCELLED, "concluded_at": hub.now()}
    )


def _change_held(hub: Hub, survey_name: str, values: Mapping[str, object]) -> int:
    surveys = hub.registry.current().surveys.values()
    survey = next((one for one in surveys if one.name == survey_name), None)
    if survey is None:
        there = ", ".join(sorted(one.name for one in surveys)) or "none"
        raise ConfigError([f"There is no survey {survey_name!r}; there are: {there}"])

    def work(connection: Connection) -> int:
        held = update(table).where(table.c.survey_id == survey.id, table.c.state == State.HELD)
        return connection.execute(held.values(**values, revision=table.c.revision + 1)).rowcount

    return hub.store.transact(work)
