"""The first run: while nobody has an account, a link that is shown once makes the first admin."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, exists, select

from hub.admin import audit
from hub.admin.access import accounts
from hub.admin.access.accounts import Account, AccountRole
from hub.admin.trouble import NotThere
from hub.pipeline.hub import Hub
from hub.store.configuration import read_setting, write_setting
from hub.store.engine import lock_until_commit
from hub.store.keys import hash_key
from hub.store.tables import account, setting

LASTS = timedelta(hours=24)
_SETTING = "setup"


def offer(hub: Hub) -> str | None:
    """Return a new link that makes the first admin, None when there is an account. The one before it is dead."""
    secret = secrets.token_urlsafe(32)
    row = {"key_hash": hash_key(secret), "until": (hub.now() + LASTS).isoformat()}

    def work(connection: Connection) -> bool:
        lock_until_commit(connection, accounts.LOCK)
        if _is_anybody_there(connection):
            return False
        write_setting(connection, _SETTING, row)
        return True

    return f"{hub.settings.base_url}/setup/{secret}" if hub.store.transact(work) else None


def is_needed(hub: Hub) -> bool:
    """Return whether nobody has an account yet."""
    with hub.store.read() as connection:
        return not _is_anybody_there(connection)


def is_open(hub: Hub, secret: str) -> bool:
    """Return whether the link with this secret makes the first admin."""
    with hub.store.read() as connection:
        return _is_open(hub, connection, secret)


def take(hub: Hub, secret: str, name: str, password: str) -> Account:
    """Make the first admin; the link is dead afterwards. Of two at once one comes too late.

    Raises NotThere for a dead link, and ConfigError for a bad name or password.
    """
    if not is_open(hub, secret):
        raise NotThere(DEAD)
    row = accounts.new_row(hub, name, password, AccountRole.ADMIN)

    def work(connection: Connection) -> Account:
        lock_until_commit(connection, accounts.LOCK)
        if not _is_open(hub, connection, secret):
            raise NotThere(DEAD)
        connection.execute(delete(setting).where(setting.c.name == _SETTING))
        return accounts.insert_row(hub, connection, row)

    with audit.acting_as(row["name"]):
        return hub.store.transact(work)


DEAD = (
    "This link is used up, too old, or was followed by a newer one. Where nobody has an account yet, starting the hub "
    "again prints another; `hub accounts add NAME` makes an account at any time"
)


def _is_open(hub: Hub, connection: Connection, secret: str) -> bool:
    offered: Any = read_setting(connection, _SETTING)
    if offered is None or _is_anybody_there(connection):
        return False
    is_it = hmac.compare_digest(offered["key_hash"], hash_key(secret))
    return is_it and hub.now() < datetime.fromisoformat(offered["until"])


def _is_anybody_there(connection: Connection) -> bool:
    return bool(connection.scalar(select(exists().where(account.c.id.is_not(None)))))
