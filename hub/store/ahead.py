"""How many invitations of a survey left, or go, before others that fall due on the same day."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, func, select

from hub.domain.states import SENT_STATES, WAITING, State
from hub.domain.world import Invitation
from hub.store.sql import is_among
from hub.store.tables import invitation

_DEPARTED = SENT_STATES | {State.SENDING}


class Ahead:
    """Counts for all of some waiting first mails that fall due on a UTC day, when one of them is asked for.

    What left counts whenever it was due, what waits when it is due earlier. Reminders are not counted.
    """

    def __init__(self, connection: Connection, ids: Collection[str]) -> None:
        self._connection = connection
        self._ids = ids
        self._known: dict[tuple[str, datetime], dict[str, int]] = {}

    def __call__(self, one: Invitation) -> int:
        key = (one.survey_id, one.due_at.replace(hour=0, minute=0, second=0, microsecond=0))
        if key not in self._known:
            self._known[key] = self._count(*key)
        return self._known[key][one.id]

    def _count(self, survey_id: str, day: datetime) -> dict[str, int]:
        has_left = invitation.c.state.in_(sorted(_DEPARTED))
        left = func.sum(case((has_left, 1), else_=0)).over()
        waiting = func.sum(case((has_left, 0), else_=1)).over(order_by=(invitation.c.due_at, invitation.c.id))
        of_the_day = (
            select(invitation.c.id, left.label("left"), waiting.label("waiting"))
            .where(
                invitation.c.survey_id == survey_id,
                invitation.c.due_at >= day,
                invitation.c.due_at < day + timedelta(days=1),
                invitation.c.state.in_(sorted(WAITING | SENT_STATES)),
                invitation.c.reminder_of.is_(None),
            )
            .subquery()
        )
        # A waiting one is the last of those that wait up to it.
        ahead = select(of_the_day.c.id, (of_the_day.c.left + of_the_day.c.waiting - 1).label("ahead"))
        rows = self._connection.execute(ahead.where(is_among(self._connection, of_the_day.c.id, self._ids)))
        return {row.id: row.ahead for row in rows}
