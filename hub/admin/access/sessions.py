"""Sessions: logging in, who a browser belongs to, logging out. The browser has a secret, the hub its hash."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, not_, select, update
from sqlalchemy.exc import SQLAlchemyError

from hub.admin import audit
from hub.admin.access import guesses, passwords
from hub.admin.access.accounts import Account, account_of_row, row_named
from hub.admin.audit import Action
from hub.admin.trouble import NotThere
from hub.pipeline.hub import Hub
from hub.store import tables
from hub.store.keys import hash_key
from hub.store.sessions import LONGEST, end_all, is_over
from hub.store.tables import session as table
from hub.store.types import is_storable, storable

log = logging.getLogger(__name__)

USE_NOTED_EVERY = timedelta(minutes=1)
_LONGEST_USER_AGENT = 200


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Nobody was logged in; `again_at` is when it may be tried again after too many wrong passwords."""

    sentence: str
    again_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Session:
    """A browser that is logged in."""

    id: str
    user_agent: str
    created_at: datetime
    seen_at: datetime
    is_current: bool


def log_in(hub: Hub, name: str, password: str, user_agent: str = "") -> str | Refused:
    """Begin a session and return its secret, for the cookie. An unknown name takes as long as a wrong password."""
    again_at = guesses.begin(hub, name)
    if again_at is not None:
        return Refused(sentence=f"There were {guesses.sentence(again_at)}.", again_at=again_at)
    with hub.store.read() as connection:
        row = row_named(connection, name)
    fits = passwords.fits(None if row is None else row.password_hash, password)
    secret = _begin(hub, row, user_agent) if fits and row is not None else None
    if secret is None:
        _note_refusal(hub, row)
        return Refused(sentence="The name or the password is wrong.")
    return secret


def begin(hub: Hub, account: Account, user_agent: str = "") -> str:
    """Begin a session of somebody who proved who they are, and return its secret."""
    return hub.store.transact(lambda connection: _insert(hub, connection, account, user_agent))


def account_of(hub: Hub, secret: str) -> Account | None:
    """Return whose session has this secret, and note that it was used; None when it has ended, or never was."""
    now = hub.now()
    statement = (
        select(tables.account, table.c.seen_at)
        .join(table, table.c.account_id == tables.account.c.id)
        .where(table.c.key_hash == hash_key(secret), not_(is_over(now)), tables.account.c.disabled_at.is_(None))
    )
    with hub.store.read() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    if now - row.seen_at >= USE_NOTED_EVERY:
        _note_use(hub, secret, row.id, now)
    return account_of_row(row)


def log_out(hub: Hub, secret: str) -> None:
    """End the session with this secret, if there is one."""

    def work(connection: Connection) -> None:
        statement = delete(table).where(table.c.key_hash == hash_key(secret)).returning(table.c.account_id)
        account_id = connection.scalar(statement)
        name = connection.scalar(select(tables.account.c.name).where(tables.account.c.id == account_id))
        if name is not None:
            audit.note(hub, connection, Action.LOGGED_OUT, name)

    hub.store.transact(work)


def log_out_everywhere(hub: Hub, account: Account, *, keep: str | None = None) -> int:
    """End all sessions of an account, but for the one with the secret `keep`; return how many."""

    def work(connection: Connection) -> int:
        count = end_all(connection, account.id, keep=keep)
        audit.note(hub, connection, Action.LOGGED_OUT, account.name, sessions=count)
        return count

    return hub.store.transact(work)


def sessions_of(hub: Hub, account: Account, *, current: str | None = None) -> Sequence[Session]:
    """Return the sessions of an account, the one used last first; `current` is the secret of this one."""
    mine = None if current is None else hash_key(current)
    statement = select(table).where(table.c.account_id == account.id, not_(is_over(hub.now())))
    with hub.store.read() as connection:
        rows = connection.execute(statement.order_by(table.c.seen_at.desc(), table.c.key_hash)).all()
    return [_session(row, mine) for row in rows]


def end(hub: Hub, account: Account, session_id: str) -> None:
    """End one session of an account. Raises NotThere."""
    if not is_storable(session_id):
        raise NotThere("There is no such session")

    def work(connection: Connection) -> None:
        statement = delete(table).where(table.c.account_id == account.id, table.c.key_hash == session_id)
        if not connection.execute(statement).rowcount:
            raise NotThere("There is no such session; it may have ended by itself")
        audit.note(hub, connection, Action.LOGGED_OUT, account.name, sessions=1)

    hub.store.transact(work)


def _begin(hub: Hub, row: Any, user_agent: str) -> str | None:
    """Begin a session unless the account was disabled, removed or given another password meanwhile."""
    account = tables.account

    def work(connection: Connection) -> str | None:
        as_read = (
            account.c.id == row.id,
            account.c.password_hash == row.password_hash,
            account.c.disabled_at.is_(None),
        )
        found = connection.execute(select(account).where(*as_read).with_for_update()).one_or_none()
        if found is None:
            return None
        guesses.forget(connection, found.name)
        return _insert(hub, connection, account_of_row(found), user_agent)

    return hub.store.transact(work)


def _insert(hub: Hub, connection: Connection, account: Account, user_agent: str) -> str:
    secret = secrets.token_urlsafe(32)
    now = hub.now()
    row = {"key_hash": hash_key(secret), "account_id": account.id, "created_at": now, "seen_at": now}
    known_as = storable(user_agent)[:_LONGEST_USER_AGENT]
    connection.execute(insert(table), [{**row, "expires_at": now + LONGEST, "user_agent": known_as}])
    connection.execute(update(tables.account).where(tables.account.c.id == account.id).values(last_seen_at=now))
    with audit.acting_as(account.name):
        audit.note(hub, connection, Action.LOGGED_IN, account.name, user_agent=known_as)
    return secret


def _note_refusal(hub: Hub, row: Any) -> None:
    """Note a wrong password of somebody who is known. A name that is none may be a password, typed into that field."""
    if row is not None:
        hub.store.transact(lambda connection: audit.note(hub, connection, Action.LOGIN_REFUSED, row.name))


def _note_use(hub: Hub, secret: str, account_id: str, now: datetime) -> None:
    def work(connection: Connection) -> None:
        connection.execute(update(table).where(table.c.key_hash == hash_key(secret)).values(seen_at=now))
        connection.execute(update(tables.account).where(tables.account.c.id == account_id).values(last_seen_at=now))

    try:
        hub.store.transact(work)
    except SQLAlchemyError as error:
        log.warning("The use of a session could not be noted: %s", type(error).__name__)


def _session(row: Any, current: str | None) -> Session:
    return Session(
        id=row.key_hash,
        user_agent=row.user_agent,
        created_at=row.created_at,
        seen_at=row.seen_at,
        is_current=row.key_hash == current,
    )
