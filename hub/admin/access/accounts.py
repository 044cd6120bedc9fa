"""Accounts: who may log in, and what they may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from hub.admin import audit
from hub.admin.access import guesses, passwords
from hub.admin.audit import Action
from hub.admin.trouble import Conflict, NotThere
from hub.admin.words import hint
from hub.config import ConfigError
from hub.domain.identity import mailbox_of
from hub.pipeline.hub import Hub
from hub.store import sessions
from hub.store.engine import lock_until_commit
from hub.store.tables import account as table
from hub.store.types import new_id

LOCK = "accounts"
"""Held by whatever must not leave a hub without an admin, or with two first ones."""


class AccountRole(StrEnum):
    """What somebody may do; each may do what those before it may."""

    VIEWER = "viewer"
    """Look at everything but secrets."""
    EDITOR = "editor"
    """Change the settings of surveys and what happens to people: the queue, suppressions, imports."""
    ADMIN = "admin"
    """Make surveys and take them out of use; change connections, accounts and tokens."""

    def includes(self, needed: AccountRole) -> bool:
        """Return whether whoever has this role may do what takes that one."""
        order = list(AccountRole)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, kw_only=True)
class Account:
    """Somebody who may log in, unless disabled. The name is case-folded; the password is not kept."""

    id: str
    name: str
    role: AccountRole
    created_at: datetime
    last_seen_at: datetime | None
    disabled_at: datetime | None


def accounts(hub: Hub) -> list[Account]:
    """Return all accounts, by name."""
    with hub.store.read() as connection:
        return [account_of_row(row) for row in connection.execute(select(table).order_by(table.c.name))]


def account_named(hub: Hub, name: str) -> Account:
    """Return one account. Raises NotThere."""
    with hub.store.read() as connection:
        return account_of_row(_row(connection, name))


def add(hub: Hub, name: str, password: str, role: AccountRole) -> Account:
    """Add an account. Raises ConfigError for a bad name or password, Conflict when the name is taken."""
    row = new_row(hub, name, password, role)
    try:
        return hub.store.transact(lambda connection: insert_row(hub, connection, row))
    except IntegrityError:
        raise Conflict(f"name: there is an account {row['name']!r} already; choose another name") from None


def set_password(hub: Hub, name: str, password: str, *, keep: str | None = None) -> Account:
    """Give an account another password and end its sessions, but for the one with the secret `keep`.

    Whoever was locked out by wrong passwords may try at once. Raises NotThere, and ConfigError for a bad password.
    """
    problem = passwords.problem_of(password, mailbox_of(name))
    if problem is not None:
        raise ConfigError([f"password: {problem}"])
    password_hash = passwords.hash_of(password)

    def change(connection: Connection, row: Any) -> None:
        _set(connection, row, password_hash=password_hash)
        guesses.forget(connection, row.name)
        sessions.end_all(connection, row.id, keep=keep)
        audit.note(hub, connection, Action.ACCOUNT_PASSWORD, row.name)

    return _change(hub, name, change)


def change_password(hub: Hub, name: str, current: str, password: str, *, keep: str | None = None) -> Account:
    """Give an account another password, as its holder does who knows the current one; else as `set_password`.

    Raises Conflict after too many wrong ones, as at the login.
    """
    problem = passwords.problem_of(password, name)
    if problem is not None:
        raise ConfigError([f"password: {problem}"])
    again_at = guesses.begin(hub, name)
    if again_at is not None:
        raise Conflict(f"current: {guesses.sentence(again_at)}")
    with hub.store.read() as connection:
        row = _row(connection, name)
    if not passwords.fits(row.password_hash, current):
        audit.note_alone(hub, Action.LOGIN_REFUSED, row.name)
        raise ConfigError(["current: is not your password"])
    return set_password(hub, name, password, keep=keep)


def set_role(hub: Hub, name: str, role: AccountRole, *, keep: str | None = None) -> Account:
    """Change what somebody may do, and end their sessions but for the one with the secret `keep`.

    Raises NotThere, and Conflict for the last admin.
    """

    def change(connection: Connection, row: Any) -> None:
        if row.role == role:
            return
        _check_that_an_admin_stays(connection, row)
        _set(connection, row, role=role)
        sessions.end_all(connection, row.id, keep=keep)
        audit.note(hub, connection, Action.ACCOUNT_ROLE, row.name, before=row.role, after=role)

    return _change(hub, name, change)


def disable(hub: Hub, name: str) -> Account:
    """Let somebody log in no more, and end their sessions. Raises NotThere, and Conflict for the last admin."""

    def change(connection: Connection, row: Any) -> None:
        if row.disabled_at is not None:
            return
        _check_that_an_admin_stays(connection, row)
        _set(connection, row, disabled_at=hub.now())
        sessions.end_all(connection, row.id)
        audit.note(hub, connection, Action.ACCOUNT_DISABLED, row.name)

    return _change(hub, name, change)


def enable(hub: Hub, name: str) -> Account:
    """Let somebody who was disabled log in again, with the password that they had. Raises NotThere."""

    def change(connection: Connection, row: Any) -> None:
        if row.disabled_at is not None:
            _set(connection, row, disabled_at=None)
            audit.note(hub, connection, Action.ACCOUNT_ENABLED, row.name)

    return _change(hub, name, change)


def remove(hub: Hub, name: str) -> None:
    """Remove an account; what it did stays in the audit log. Raises NotThere, and Conflict for the last admin."""

    def work(connection: Connection) -> None:
        lock_until_commit(connection, LOCK)
        row = _row(connection, name, lock=True)
        _check_that_an_admin_stays(connection, row)
        sessions.end_all(connection, row.id)
        connection.execute(delete(table).where(table.c.id == row.id))
        audit.note(hub, connection, Action.ACCOUNT_REMOVED, row.name, role=row.role)

    hub.store.transact(work)


def new_row(hub: Hub, name: str, password: str, role: AccountRole) -> dict[str, Any]:
    """Return the row of a new account. Raises ConfigError for a bad name or password, naming all that is wrong."""
    name = mailbox_of(name)
    problems = [("name", _problem_of(name)), ("password", passwords.problem_of(password, name))]
    found = [f"{field}: {problem}" for field, problem in problems if problem is not None]
    if found:
        raise ConfigError(found)
    row = {"id": new_id(), "name": name, "password_hash": passwords.hash_of(password), "role": role}
    return {**row, "created_at": hub.now(), "last_seen_at": None, "disabled_at": None}


def insert_row(hub: Hub, connection: Connection, row: dict[str, Any]) -> Account:
    """Add an account in a transaction of the caller's. Raises IntegrityError when its name is taken."""
    connection.execute(insert(table), [row])
    audit.note(hub, connection, Action.ACCOUNT_ADDED, row["name"], role=row["role"])
    return account_of_row(connection.execute(select(table).where(table.c.id == row["id"])).one())


def account_of_row(row: Any) -> Account:
    """Return the account in a row of its table."""
    return Account(
        id=row.id,
        name=row.name,
        role=AccountRole(row.role),
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        disabled_at=row.disabled_at,
    )


def _problem_of(name: str) -> str | None:
    if not name:
        return "is missing; write a name or a mail address"
    if len(name) > guesses.LONGEST_NAME:
        return f"has {len(name)} characters; {guesses.LONGEST_NAME} are the most"
    if not name.isprintable() or " " in name or ":" in name:
        return "is a word or a mail address: no spaces, no colons"
    return None


def _change(hub: Hub, name: str, change: Callable[[Connection, Any], None]) -> Account:
    def work(connection: Connection) -> Account:
        lock_until_commit(connection, LOCK)
        change(connection, _row(connection, name, lock=True))
        return account_of_row(_row(connection, name))

    return hub.store.transact(work)


def _row(connection: Connection, name: str, *, lock: bool = False) -> Any:
    row = row_named(connection, name, lock=lock)
    if row is None:
        known = hint(mailbox_of(name), connection.scalars(select(table.c.name)))
        raise NotThere(f"There is no account {name!r}{known}")
    return row


def row_named(connection: Connection, name: str, *, lock: bool = False) -> Any:
    """Return the row of the account of this name, or None; locked, so that a login at this moment has to wait."""
    if len(name) > guesses.LONGEST_NAME:
        return None
    name = mailbox_of(name)
    if _problem_of(name) is not None:
        return None
    statement = select(table).where(table.c.name == name)
    return connection.execute(statement.with_for_update() if lock else statement).one_or_none()


def _set(connection: Connection, row: Any, **values: Any) -> None:
    connection.execute(update(table).where(table.c.id == row.id).values(**values))


def _check_that_an_admin_stays(connection: Connection, row: Any) -> None:
    if row.role != AccountRole.ADMIN or row.disabled_at is not None:
        return
    admins = select(table.c.id).where(table.c.role == AccountRole.ADMIN, table.c.disabled_at.is_(None))
    if connection.scalars(admins).all() == [row.id]:
        raise Conflict(f"{row.name} is the last admin; make somebody else admin first")
