"""Tokens: who may use the API, and for what."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from hub.admin import audit
from hub.admin.audit import Action
from hub.admin.configuration.schemas import NAME
from hub.admin.trouble import Conflict, NotThere
from hub.config import ConfigError
from hub.pipeline.hub import Hub
from hub.store.keys import hash_key
from hub.store.tables import api_token as table
from hub.store.types import new_id

log = logging.getLogger(__name__)

PREFIX = "hub_"
"""Tokens begin with it, so that programs that search for leaked secrets know one."""
USE_NOTED_EVERY = timedelta(minutes=1)


class Scope(StrEnum):
    """What a token allows. None of them includes another."""

    READ = "read"
    """Look at everything but secrets."""
    WRITE = "write"
    """Change what happens to people: invitations, suppressions, imports, syncs."""
    ADMIN = "admin"
    """Change the configuration: surveys and connections."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token that may be used; the secret itself is not kept."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    last_used_at: datetime | None


def add(hub: Hub, name: str, scopes: Collection[Scope]) -> str:
    """Make a token and return its secret, which nobody can be shown again. Raises Conflict when the name is taken."""
    if not NAME.fullmatch(name):
        raise ConfigError([f"{name!r}: a name has lower-case letters, digits, - and _, 63 characters at most"])
    secret = PREFIX + secrets.token_urlsafe(32)
    row = {"id": new_id(), "name": name, "key_hash": hash_key(secret), "scopes": sorted(scopes)}

    def work(connection: Connection) -> None:
        connection.execute(insert(table), [{**row, "created_at": hub.now()}])
        audit.note(hub, connection, Action.TOKEN_ADDED, name, scopes=sorted(scopes))

    try:
        hub.store.transact(work)
    except IntegrityError:
        raise Conflict(f"There is a token {name!r} already; revoke it first, or choose another name") from None
    return secret


def tokens(hub: Hub) -> list[Token]:
    """Return the tokens that may be used, by name."""
    statement = select(table).where(table.c.revoked_at.is_(None)).order_by(table.c.name)
    with hub.store.read() as connection:
        return [_token(row) for row in connection.execute(statement)]


def revoke(hub: Hub, name: str) -> None:
    """End a token at once. Raises NotThere when there is none of this name."""
    statement = update(table).where(table.c.name == name, table.c.revoked_at.is_(None)).values(revoked_at=hub.now())

    def work(connection: Connection) -> bool:
        is_ended = bool(connection.execute(statement).rowcount)
        if is_ended:
            audit.note(hub, connection, Action.TOKEN_REVOKED, name)
        return is_ended

    if not hub.store.transact(work):
        there = ", ".join(token.name for token in tokens(hub)) or "none"
        raise NotThere(f"There is no token {name!r}; there are: {there}")


def holder(hub: Hub, secret: str) -> Token | None:
    """Return the token with this secret, and note that it was used; None when there is none."""
    statement = select(table).where(table.c.key_hash == hash_key(secret), table.c.revoked_at.is_(None))
    with hub.store.read() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    token = _token(row)
    _note_use(hub, token)
    return token


def _note_use(hub: Hub, token: Token) -> None:
    now = hub.now()
    if token.last_used_at is not None and now - token.last_used_at < USE_NOTED_EVERY:
        return
    statement = update(table).where(table.c.id == token.id).values(last_used_at=now)
    try:
        hub.store.transact(lambda connection: connection.execute(statement))
    except SQLAlchemyError as error:
        log.warning("The use of token %s could not be noted: %s", token.id, type(error).__name__)


def _token(row: Any) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )
