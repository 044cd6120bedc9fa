"""Wrong passwords: how many may be tried. Counted in the database, for all web processes together."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from hub.domain.identity import mailbox_of
from hub.pipeline.hub import Hub
from hub.store.engine import lock_until_commit
from hub.store.keys import hash_key
from hub.store.tables import wrong_login as table
from hub.store.types import new_id

WITHIN = timedelta(minutes=15)
OF_A_NAME = 5
OF_ALL = 50
LONGEST_NAME = 254


def begin(hub: Hub, name: str) -> datetime | None:
    """Count a guess of a name's password before it is looked at; return when to try again if there were too many.

    It counts as wrong until `forget` is called: guesses at the same time are no more than one after the other. Many
    guesses of other names keep nobody out of whose name there was none: else a stranger could lock everybody out.
    """
    key = _key(name)

    def work(connection: Connection) -> datetime | None:
        now = hub.now()
        lock_until_commit(connection, "wrong logins")
        connection.execute(delete(table).where(table.c.at <= now - WITHIN))
        guesses = connection.execute(select(table.c.at, table.c.name_hash).order_by(table.c.at.desc())).all()
        of_name = [one.at for one in guesses if one.name_hash == key]
        limits = ((OF_A_NAME, of_name), (OF_ALL, [one.at for one in guesses] if of_name else []))
        until = [moments[most - 1] + WITHIN for most, moments in limits if len(moments) >= most]
        if not until:
            connection.execute(insert(table), [{"id": new_id(), "name_hash": key, "at": now}])
        return max(until, default=None)

    return hub.store.transact(work)


def forget(connection: Connection, name: str) -> None:
    """Forget the guesses of a name: somebody knew its password, or it has another one."""
    connection.execute(delete(table).where(table.c.name_hash == _key(name)))


def _key(name: str) -> str:
    """Return what stands for a name; those that are too long for one are all alike."""
    return hash_key(mailbox_of(name) if len(name) <= LONGEST_NAME else "")


def sentence(again_at: datetime) -> str:
    """Return what to say to somebody who guessed too often."""
    return f"too many wrong passwords; try again from {again_at:%H:%M:%S} UTC"
