"""The weekly reports by mail: one row a recipient and week, so that none leaves twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update

from hub.plugin import NotSent, Outcome, Rejected, Sent, Unknown
from hub.store.sql import insert_missing
from hub.store.tables import report_mail as table
from hub.store.types import note_of

FIRST_RETRY = timedelta(minutes=10)
LONGEST_RETRY = timedelta(hours=2)
STATES: Mapping[type, str] = {Sent: "sent", NotSent: "pending", Rejected: "rejected", Unknown: "unknown"}
_DIED = "the worker ended before the outcome was known"
_RESTORED = "the hub of which this is a backup may have sent it before it stopped"


@dataclass(frozen=True, kw_only=True)
class SeenMail:
    """What became of a report to one address: pending, sending, sent, rejected or unknown."""

    slot: datetime
    recipient: str
    state: str
    note: str | None


def begin(
    connection: Connection, slot: datetime, recipients: Sequence[str], *, may_have_left: bool, now: datetime
) -> None:
    """Have a report sent to everybody who has no row of this week; whoever calls is the only one who sends.

    What is past the point of no return now was left by a worker that died, and stays in doubt. So does what may have
    left before a backup was restored.
    """
    left = update(table).where(table.c.state == "sending")
    connection.execute(left.values(state="unknown", note=_DIED))
    first = {"state": "unknown", "note": _RESTORED} if may_have_left else {"state": "pending", "note": None}
    for recipient in recipients:
        insert_missing(connection, table, {"slot": slot, "recipient": recipient, "next_attempt_at": now, **first})


def is_any_open(connection: Connection, slot: datetime, recipients: Sequence[str], now: datetime) -> bool:
    """Return whether somebody has no row of this week, or one that something is to be done about."""
    known = {row.recipient: row for row in connection.execute(select(table).where(table.c.slot == slot))}
    return any(
        recipient not in known
        or known[recipient].state == "sending"
        or (known[recipient].state == "pending" and known[recipient].next_attempt_at <= now)
        for recipient in recipients
    )


def had_between(connection: Connection, after: datetime, before: datetime, *, but: datetime) -> set[str]:
    """Return to whom a report between two moments, other than the one of `but`, was or may have been sent."""
    within = (table.c.slot > after, table.c.slot < before, table.c.slot != but)
    left = table.c.state.in_(["sending", "sent", "unknown"])
    return set(connection.scalars(select(table.c.recipient).where(*within, left)))


def waiting(connection: Connection, slot: datetime, now: datetime) -> Sequence[str]:
    """Return to whom the report of a week may be sent now."""
    due = (table.c.slot == slot, table.c.state == "pending", table.c.next_attempt_at <= now)
    return connection.scalars(select(table.c.recipient).where(*due).order_by(table.c.recipient)).all()


def depart(connection: Connection, slot: datetime, recipient: str) -> bool:
    """Pass the point of no return; return whether that was allowed."""
    mine = (table.c.slot == slot, table.c.recipient == recipient, table.c.state == "pending")
    return connection.execute(update(table).where(*mine).values(state="sending")).rowcount == 1


def conclude(connection: Connection, slot: datetime, recipient: str, outcome: Outcome, *, now: datetime) -> None:
    """Record what became of a report; what certainly did not leave is tried again later."""
    mine = (table.c.slot == slot, table.c.recipient == recipient, table.c.state.in_(["pending", "sending"]))
    attempts: int = connection.scalar(select(table.c.attempts).where(*mine)) or 0
    wait = min(FIRST_RETRY * 2 ** min(attempts, 10), LONGEST_RETRY)
    note = note_of(outcome.detail if isinstance(outcome, Sent) else outcome.why)
    values = {"state": STATES[type(outcome)], "note": note, "attempts": attempts + 1, "next_attempt_at": now + wait}
    connection.execute(update(table).where(*mine).values(**values))


def latest(connection: Connection) -> list[SeenMail]:
    """Return what became of the newest week's reports."""
    newest = select(func.max(table.c.slot)).scalar_subquery()
    rows = connection.execute(select(table).where(table.c.slot == newest).order_by(table.c.recipient))
    return [SeenMail(slot=row.slot, recipient=row.recipient, state=row.state, note=row.note) for row in rows]
