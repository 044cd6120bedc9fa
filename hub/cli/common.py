"""What commands share: opening the hub, and turning trouble into sentences."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import click
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from hub.config import ConfigError, Settings, load_settings
from hub.pipeline.hub import Hub, open_hub
from hub.store import migrate
from hub.store.engine import Store

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def opened_hub(settings: Settings | None = None) -> Iterator[Hub]:
    """Yield the hub of the environment. SQLite files are made or brought up to date first; PostgreSQL is not touched.

    Raises ConfigError when PostgreSQL's schema is of another version.
    """
    settings = settings or load_settings()
    bring_up_to_date(settings, postgresql=False)
    hub = open_hub(settings)
    try:
        yield hub
    finally:
        hub.registry.close()
        hub.close()


def bring_up_to_date(settings: Settings, *, postgresql: bool) -> bool:
    """Bring the schema up to date and return whether it was not; on PostgreSQL only when asked to."""
    store = Store(settings, pool_size=1)
    try:
        if migrate.is_current(store):
            return False
        if not settings.is_sqlite and not postgresql:
            raise ConfigError(["The database's schema is of another version; run `hub db upgrade`"])
        migrate.upgrade(store)
        return True
    finally:
        store.dispose()


def explains_trouble(function: Callable[P, R]) -> Callable[P, R]:
    """Have a command end with a sentence instead of a traceback."""

    @functools.wraps(function)
    def explaining(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except ConfigError as error:
            for problem in error.problems:
                click.echo(problem, err=True)
            raise SystemExit(2) from None
        except SQLAlchemyError as error:
            original = getattr(error, "orig", None) or error
            click.echo(f"The database cannot be used: {str(original).strip().splitlines()[0]}", err=True)
            raise SystemExit(1) from None
        except RedisError as error:
            click.echo(f"Redis cannot be used: {error}", err=True)
            raise SystemExit(1) from None

    return explaining
