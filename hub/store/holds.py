"""Sending held back after a restore, until a person says when the hub before it stopped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, delete, func, literal, select, update

from hub.domain.states import State
from hub.store import reminders
from hub.store.configuration import add_pause, raise_revision, read_setting, write_setting
from hub.store.tables import invitation, setting
from hub.store.types import Instant

_NAME = "sending_held"
_MARKED = (State.SCHEDULED, State.QUEUED, State.CLAIMED)
_MAY_HAVE_LEFT = (*_MARKED, State.HELD, State.CANCELLED)
_NOTE = "the hub of which this is a backup may have sent it before it stopped"


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Why nothing is sent: what left after `backup_made_at` is not known here."""

    backup_made_at: datetime
    restored_at: datetime


def current(connection: Connection) -> Hold | None:
    """Return the hold on sending, or None when there is none."""
    stored = read_setting(connection, _NAME)
    if stored is None:
        return None
    return Hold(**{name: datetime.fromisoformat(moment) for name, moment in stored.items()})


def begin(connection: Connection, *, backup_made_at: datetime, now: datetime) -> None:
    """Hold sending. Every invitation that waits gets, as `sent_at`, the moment at which it may have left since.

    Otherwise a waiting invitation has none. The moment is kept because the due time may still move. Where the hub
    that was backed up was itself on hold, what it did not know is not known here either.
    """
    if current(connection) is None:
        write_setting(connection, _NAME, {"backup_made_at": backup_made_at, "restored_at": now})
    next_at = invitation.c.next_attempt_at
    may_have_left_at = case((next_at > backup_made_at, next_at), else_=literal(backup_made_at, Instant))
    waiting = update(invitation).where(invitation.c.state.in_(_MARKED), invitation.c.sent_at.is_(None))
    connection.execute(waiting.values(sent_at=may_have_left_at, revision=invitation.c.revision + 1))


def may_have_left(connection: Connection, stopped_at: datetime) -> int:
    """Return how many invitations may have left before the hub that was backed up stopped."""
    statement = select(func.count()).where(invitation.c.state.in_(_MAY_HAVE_LEFT), invitation.c.sent_at <= stopped_at)
    return connection.scalar(statement) or 0


def end(connection: Connection, *, stopped_at: datetime, now: datetime) -> int:
    """Send again. What may have left is unknown, as of the latest moment possible; return how many.

    Also what was cancelled during the hold: it may have left all the same. Reminders that the other hub may have
    scheduled are left out. The time of the hold makes no invitation late.
    """
    waiting = update(invitation).where(invitation.c.state.in_(_MAY_HAVE_LEFT), invitation.c.sent_at.is_not(None))
    touched = {"lease_until": None, "claim": None, "revision": invitation.c.revision + 1}
    left = {"state": State.UNKNOWN, "sent_at": stopped_at, "note": _NOTE, **touched}
    unknown = connection.execute(waiting.where(invitation.c.sent_at <= stopped_at).values(**left)).rowcount
    connection.execute(waiting.values(sent_at=None, revision=invitation.c.revision + 1))
    reminders.skip_until(connection, stopped_at)
    hold = current(connection)
    if hold is not None:
        add_pause(connection, hold.restored_at, now)
    connection.execute(delete(setting).where(setting.c.name == _NAME))
    raise_revision(connection)
    return unknown
