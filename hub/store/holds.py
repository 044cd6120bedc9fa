"""Sending held back after a restore, until a person says when the hub before it stopped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, func, literal, select, update

from hub.domain.states import MOVABLE, State
from hub.store import reminders
from hub.store.configuration import add_pause, raise_revision, read_setting, write_setting
from hub.store.engine import lock_until_commit
from hub.store.sql import is_among
from hub.store.tables import invitation, setting
from hub.store.types import Instant

_NAME = "sending_held"
_ENDED = "sending_was_held"
_MARKED = (State.SCHEDULED, State.QUEUED, State.CLAIMED)
_MAY_HAVE_LEFT = (*_MARKED, State.HELD, State.CANCELLED)
_NOTE = "the hub of which this is a backup may have sent it before it stopped"


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Why nothing is sent: what left after `backup_made_at` is not known here."""

    backup_made_at: datetime
    restored_at: datetime
    came_until: datetime
    """Events that arrived earlier came with the backup: the hub before had them, too."""
    stopped_at: datetime | None = None
    """When the hub that was backed up stopped; None while nobody said."""


def current(connection: Connection) -> Hold | None:
    """Return the hold on sending, or None when there is none."""
    stored = read_setting(connection, _NAME)
    return None if stored is None else _hold(stored)


def _hold(stored: Mapping[str, str | None]) -> Hold:
    moments = {name: datetime.fromisoformat(moment) for name, moment in stored.items() if moment is not None}
    return Hold(**{"came_until": moments["restored_at"], **moments})


def begin(connection: Connection, *, backup_made_at: datetime, now: datetime) -> None:
    """Hold sending. Every invitation that waits gets, as `sent_at`, the moment at which it may have left since.

    Otherwise a waiting invitation has none. The moment is kept because the due time may still move. Where the hub
    that was backed up was itself on hold, what it did not know is not known here either.
    """
    came_until = max(backup_made_at, now)
    hold = current(connection) or Hold(backup_made_at=backup_made_at, restored_at=now, came_until=came_until)
    write_setting(connection, _NAME, asdict(replace(hold, came_until=came_until)))
    waiting = update(invitation).where(invitation.c.state.in_(_MARKED), invitation.c.sent_at.is_(None))
    left_at = _next_attempt_or(backup_made_at, after=backup_made_at)
    connection.execute(waiting.values(sent_at=left_at, revision=invitation.c.revision + 1))


def _next_attempt_or(otherwise: datetime, *, after: datetime) -> ColumnElement[datetime]:
    next_at = invitation.c.next_attempt_at
    return case((next_at > after, next_at), else_=literal(otherwise, Instant))


def doubt(connection: Connection, arrived: Mapping[str, datetime], now: datetime) -> None:
    """Treat invitations that were decided on now as those that waited in a backup, where their events waited in it.

    `arrived` says when the event came, by the invitation that it schedules or would have scheduled. The hub before may
    have decided it, and sent: where the due time does not say when, as soon as the backup was made.
    """
    stored = connection.execute(select(setting).where(setting.c.name.in_((_NAME, _ENDED))))
    for hold in _holds({row.name: row.value for row in stored}):
        ids = [id for id, arrived_at in arrived.items() if arrived_at < hold.came_until]
        if ids:
            _doubt(connection, ids, hold, now)


def _holds(stored: Mapping[str, Any]) -> list[Hold]:
    """Return all holds there ever were, the one that lasts at the end: it leaves alone what one before made unknown."""
    current = [stored[_NAME]] if _NAME in stored else []
    return [_hold(one) for one in (*stored.get(_ENDED, ()), *current)]


def _doubt(connection: Connection, ids: Collection[str], hold: Hold, now: datetime) -> None:
    left_at = _next_attempt_or(hold.backup_made_at, after=now)
    waiting = (invitation.c.state.in_(MOVABLE), invitation.c.sent_at.is_(None))
    theirs = update(invitation).where(is_among(connection, invitation.c.id, ids), *waiting)
    revision = invitation.c.revision + 1
    if hold.stopped_at is None:
        connection.execute(theirs.values(sent_at=left_at, revision=revision))
        return
    unknown = {"state": State.UNKNOWN, "sent_at": hold.stopped_at, "note": _NOTE, "revision": revision}
    connection.execute(theirs.where(left_at <= hold.stopped_at).values(**unknown))


def may_have_left(connection: Connection, stopped_at: datetime) -> int:
    """Return how many invitations may have left before the hub that was backed up stopped."""
    statement = select(func.count()).where(invitation.c.state.in_(_MAY_HAVE_LEFT), invitation.c.sent_at <= stopped_at)
    return connection.scalar(statement) or 0


def end(connection: Connection, *, stopped_at: datetime, now: datetime) -> int:
    """Send again. What may have left is unknown, as of the latest moment possible; return how many.

    Also what was cancelled during the hold: it may have left all the same. Reminders that the other hub may have
    scheduled are left out. The time of the hold makes no invitation late.
    """
    lock_until_commit(connection, "decide")  # what is decided now has its mark, what comes after sees that this ended
    waiting = update(invitation).where(invitation.c.state.in_(_MAY_HAVE_LEFT), invitation.c.sent_at.is_not(None))
    touched = {"lease_until": None, "claim": None, "revision": invitation.c.revision + 1}
    left = {"state": State.UNKNOWN, "sent_at": stopped_at, "note": _NOTE, **touched}
    unknown = connection.execute(waiting.where(invitation.c.sent_at <= stopped_at).values(**left)).rowcount
    connection.execute(waiting.values(sent_at=None, revision=invitation.c.revision + 1))
    reminders.skip_until(connection, stopped_at)
    hold = current(connection)
    if hold is not None:
        add_pause(connection, hold.restored_at, now)
        ended = asdict(replace(hold, stopped_at=stopped_at))
        write_setting(connection, _ENDED, [*(read_setting(connection, _ENDED) or ()), ended])
    connection.execute(delete(setting).where(setting.c.name == _NAME))
    raise_revision(connection)
    return unknown
