"""Reminders: invitations of their own, each of one that was sent and not answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from hub.domain.reasons import Reason
from hub.domain.settings import rules_of
from hub.domain.states import SENT_STATES, WAITING, State
from hub.domain.world import World
from hub.store import tables
from hub.store.sql import in_states, is_among, upsert
from hub.store.tables import invitation as table
from hub.store.tables import reminding, response
from hub.store.types import new_id

_OPEN = (State.SCHEDULED, State.HELD, State.QUEUED, State.CLAIMED)


def first_of(row: FromClause) -> ColumnElement[str]:
    """Return the invitation that a row of the table is, or reminds of."""
    return func.coalesce(row.c.reminder_of, row.c.id)


def looked_until(connection: Connection) -> dict[str, datetime]:
    """Return by survey until when mails were sent that need no look for reminders any more."""
    return {row.survey_id: row.sent_until for row in connection.execute(select(reminding))}


def look_from(connection: Connection, survey_id: str, sent_until: datetime) -> None:
    """Write down until when a survey's mails were sent that need no look for reminders any more."""
    upsert(connection, reminding, [{"survey_id": survey_id, "sent_until": sent_until}], update=["sent_until"])


def forget_looks(connection: Connection, survey_ids: Collection[str]) -> None:
    """Forget of surveys that remind nobody any more how far that went."""
    connection.execute(delete(reminding).where(is_among(connection, reminding.c.survey_id, survey_ids)))


def skip_until(connection: Connection, moment: datetime) -> None:
    """Leave out every reminder that was due until then: another hub, restored as this one, may have sent it."""
    rows = connection.execute(
        select(reminding.c.survey_id, reminding.c.sent_until, tables.survey.c.settings).join(
            tables.survey, tables.survey.c.id == reminding.c.survey_id
        )
    ).all()
    for row in rows:
        sent_until = moment - rules_of(row.settings).reminder_after
        look_from(connection, row.survey_id, max(row.sent_until, sent_until))


def end_of_piece(connection: Connection, survey_id: str, since: datetime, until: datetime, most: int) -> datetime:
    """Return until when to look at mails so that these are about `most`."""
    sent = (table.c.survey_id == survey_id, in_states(table.c.state, State.SENT))
    moments = select(table.c.sent_at).where(*sent, table.c.sent_at > since, table.c.sent_at <= until)
    return connection.scalar(moments.order_by(table.c.sent_at).offset(most).limit(1)) or until


def unanswered(
    connection: Connection, survey_id: str, since: datetime, until: datetime, *, reminders: int
) -> Sequence[Any]:
    """Return the mails of a survey, sent after `since` and until `until`, that a reminder is to follow.

    Those are what was not answered, and no newer mail of the survey went to the person, or waits.
    """
    statement = (
        select(
            table.c.id,
            first_of(table).label("first_id"),
            table.c.reminder_number,
            table.c.survey_id,
            table.c.person_id,
            func.coalesce(tables.person.c.mailbox, table.c.mailbox).label("mailbox"),
            table.c.sent_at,
        )
        .join(tables.person, tables.person.c.id == table.c.person_id)
        .where(*_unanswered(survey_id, since, until, reminders))
        .order_by(table.c.sent_at, table.c.id)
    )
    return connection.execute(statement).all()


def count_unanswered(
    connection: Connection, survey_id: str, since: datetime, until: datetime, *, reminders: int, most: int
) -> int:
    """Return how many mails `unanswered` would find, counted no further than `most`."""
    some = select(table.c.id).where(*_unanswered(survey_id, since, until, reminders)).limit(most).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def last_unanswered(
    connection: Connection, survey_id: str, person_id: str, since: datetime, *, reminders: int
) -> datetime | None:
    """Return when a person got the mail of a survey, after `since`, that a reminder is to follow."""
    mine = (table.c.person_id == person_id, *_unanswered(survey_id, since, None, reminders))
    moment: datetime | None = connection.scalar(select(func.max(table.c.sent_at)).where(*mine))
    return moment


def _unanswered(
    survey_id: str, since: datetime, until: datetime | None, reminders: int
) -> Sequence[ColumnElement[bool]]:
    later, newer = table.alias("later"), table.alias("newer")
    is_newer = (
        newer.c.person_id == table.c.person_id,
        newer.c.survey_id == table.c.survey_id,
        first_of(newer) != first_of(table),
        newer.c.scheduled_at > table.c.scheduled_at,
        newer.c.state.in_(sorted(WAITING | SENT_STATES)),
    )
    return (
        table.c.survey_id == survey_id,
        in_states(table.c.state, State.SENT),
        table.c.sent_at > since,
        *([table.c.sent_at <= until] if until is not None else []),
        table.c.reminder_number < reminders,
        ~exists().where(response.c.invitation_id == first_of(table)),
        ~exists().where(later.c.reminder_of == first_of(table), later.c.reminder_number == table.c.reminder_number + 1),
        ~exists().where(*is_newer),
    )


def schedule(connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> int:
    """Add reminders, and leave out what is there already or finds something of the survey waiting; return how many.

    A row names `reminder_of`, `reminder_number`, `survey_id`, `person_id`, `mailbox` and `due_at`.
    """
    if not rows:
        return 0
    common = {"state": State.SCHEDULED, "scheduled_at": now, "tried": []}
    new = [{**row, **common, "id": new_id(), "next_attempt_at": row["due_at"]} for row in rows]
    inserting = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = inserting(table).on_conflict_do_nothing().returning(table.c.id)
    return len(connection.execute(statement, new).all())


def cancel_answered(connection: Connection, first_id: str, now: datetime) -> None:
    """Cancel the reminders of an invitation that did not leave yet: it was answered."""
    mine = (table.c.reminder_of == first_id, in_states(table.c.state, *_OPEN))
    values = {"state": State.CANCELLED, "reason": Reason.ANSWERED, "concluded_at": now}
    values |= {"claim": None, "lease_until": None, "revision": table.c.revision + 1}
    connection.execute(update(table).where(*mine).values(**values))


def load_first_mails(connection: Connection, world: World, ids: Collection[str]) -> None:
    """Let the world know which of the invitations that are reminded of were answered, and which did not arrive."""
    if not ids:
        return
    world.answered |= answered_among(connection, ids)
    arrived = select(table.c.id).where(is_among(connection, table.c.id, ids), table.c.state == State.SENT)
    world.undelivered |= set(ids) - set(connection.scalars(arrived))


def answered_among(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return which of some invitations were answered."""
    if not ids:
        return set()
    theirs = is_among(connection, response.c.invitation_id, ids)
    return set(connection.scalars(select(response.c.invitation_id).where(theirs)))
