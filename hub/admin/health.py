"""Is everything there that the hub needs? Never calls a provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError
from rq import Worker
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hub.pipeline.hub import Hub
from hub.store import configuration, migrate, processes
from hub.store.configuration import Role
from hub.wake import connect

SILENCE = timedelta(seconds=90)
"""A worker speaks at least every 45 seconds, a scheduler every 5."""
_TIMEOUT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """One part of the hub: whether it is as it should be, and a sentence for people."""

    name: str
    ok: bool
    sentence: str


def readiness(hub: Hub) -> list[Check]:
    """Return the state of database, schema, Redis, workers and scheduler."""
    return [
        _checked("database", lambda: _database(hub)),
        _checked("schema", lambda: _schema(hub)),
        _checked("redis", lambda: _redis(hub)),
        _checked("workers", lambda: _workers(hub)),
        _checked("scheduler", lambda: _scheduler(hub)),
    ]


def unreachable_links(hub: Hub) -> str | None:
    """Return why customers could not open the links in mails, or None. A demo has no customers."""
    if not hub.settings.is_local:
        return None
    with hub.store.read() as connection:
        if configuration.read_setting(connection, configuration.DEMO):
            return None
    return (
        f"Mails would link to {hub.settings.base_url}, which customers cannot open; set HUB_BASE_URL where the hub runs"
    )


def address_warning(hub: Hub) -> str | None:
    """Return `unreachable_links` once a survey is on."""
    is_asking = any(survey.enabled for survey in hub.registry.current().surveys.values())
    return unreachable_links(hub) if is_asking else None


def gaps(connections: Mapping[Role, Sequence[str]]) -> list[str]:
    """Return what keeps a survey with these connections from asking anybody, although it is on."""
    found = [] if connections[Role.CHANNEL] else ["has no channel: its invitations wait"]
    return found if connections[Role.SOURCE] else [*found, "listens to no source: nobody will be asked"]


def _checked(name: str, look: Callable[[], tuple[bool, str]]) -> Check:
    try:
        ok, sentence = look()
    except SQLAlchemyError as error:
        ok, sentence = False, f"The database cannot be reached ({type(error).__name__})."
    except RedisError as error:
        ok, sentence = False, f"Redis cannot be reached ({type(error).__name__}); work waits in the database."
    return Check(name=name, ok=ok, sentence=sentence)


def _database(hub: Hub) -> tuple[bool, str]:
    if hub.store.is_sqlite:
        with hub.store.read() as connection:
            connection.execute(text("SELECT 1"))
        return True, "SQLite answers."
    with hub.store.read() as connection:
        is_protected = connection.scalar(text("SHOW transaction_read_only")) == "on"
    return not is_protected, "PostgreSQL answers, but takes no writes." if is_protected else "PostgreSQL answers."


def _schema(hub: Hub) -> tuple[bool, str]:
    if migrate.is_current(hub.store):
        return True, "The schema is the one of this version."
    if migrate.newer(hub.store):
        return False, "The schema is that of a newer hub; install that version and start it."
    return False, "The schema is of another version; run `hub db upgrade`."


def _redis(hub: Hub) -> tuple[bool, str]:
    connect(hub.settings.effective_redis_url, timeout_s=_TIMEOUT_S).ping()
    return True, "Redis answers."


def workers_at_work(hub: Hub) -> int:
    """Return how many workers spoke lately. Raises RedisError when Redis cannot be asked."""
    redis = connect(hub.settings.effective_redis_url, timeout_s=_TIMEOUT_S)
    now = datetime.now(UTC)
    return sum(1 for worker in Worker.all(redis) if _is_recent(worker.last_heartbeat, now))


def _workers(hub: Hub) -> tuple[bool, str]:
    alive = workers_at_work(hub)
    if alive:
        return True, f"{alive} at work." if alive > 1 else "One at work."
    return False, "No worker is there; start one with `hub worker`. Work waits in the database."


def _is_recent(seen_at: datetime | None, now: datetime) -> bool:
    if seen_at is None:
        return False
    aware = seen_at if seen_at.tzinfo else seen_at.replace(tzinfo=UTC)
    return now - aware < SILENCE


def _scheduler(hub: Hub) -> tuple[bool, str]:
    with hub.store.read() as connection:
        seen_at = processes.last_seen(connection, "scheduler")
    if seen_at is not None and hub.now() - seen_at < SILENCE:
        return True, "At work."
    return False, "No scheduler is there; start one with `hub scheduler`. Nothing becomes due until then."
