"""Versions: of the hub, of what it runs on, and of its schema."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy import text

from hub import __version__
from hub.pipeline.hub import Hub
from hub.store import migrate
from hub.wake import connect

_TIMEOUT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Version:
    """What is there, and which version of it; None when it cannot be asked."""

    name: str
    version: str | None


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The version of the schema that this hub brings, and those that its databases have."""

    here: str
    there: Sequence[str | None]

    @property
    def is_current(self) -> bool:
        """Return whether every database has this hub's schema."""
        return all(one == self.here for one in self.there)


def versions(hub: Hub, *, with_redis: bool = True) -> Sequence[Version]:
    """Return the versions of the hub and of what it runs on; Redis is asked for a second at most."""
    return [
        Version(name="Survey Hub", version=__version__),
        Version(name="Python", version=platform.python_version()),
        _database(hub),
        _redis(hub) if with_redis else Version(name="Redis", version=None),
    ]


def schema(hub: Hub) -> Schema:
    """Return how the schema of the databases stands."""
    return Schema(here=migrate.head(), there=migrate.revisions(hub.store))


def _database(hub: Hub) -> Version:
    if hub.store.is_sqlite:
        return Version(name="SQLite", version=sqlite3.sqlite_version)
    with hub.store.read() as connection:
        version = str(connection.scalar(text("SHOW server_version")))
    return Version(name="PostgreSQL", version=version.partition(" ")[0])


def _redis(hub: Hub) -> Version:
    try:
        info = connect(hub.settings.effective_redis_url, timeout_s=_TIMEOUT_S).info("server")
    except RedisError:
        return Version(name="Redis", version=None)
    name = "Valkey" if "valkey_version" in info else "Redis"
    return Version(name=name, version=str(info.get("valkey_version") or info.get("redis_version") or "") or None)
