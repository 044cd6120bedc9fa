"""What commands share: opening the hub, and turning trouble into sentences."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from hub.config import ConfigError, Settings, load_settings
from hub.logs import conceal, visible
from hub.pipeline.hub import Hub, open_hub
from hub.store import migrate
from hub.store.engine import Store, sqlite_path
from hub.wake import Wake

P = ParamSpec("P")
R = TypeVar("R")


def say(line: str, *, err: bool = False) -> None:
    """Print one line. What strangers may have put into it cannot end it, nor make the terminal do anything."""
    click.echo(visible(line).replace("\n", "\\n"), err=err)


def plain(value: Any) -> Any:
    """Return a value as JSON takes it: a moment as text in UTC, everything else as it is."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


@contextmanager
def opened_hub() -> Iterator[Hub]:
    """Yield the hub of the environment. SQLite files are brought up to date first; PostgreSQL is not touched.

    Raises ConfigError when there is no hub, and when PostgreSQL's schema is of another version.
    """
    settings = load_settings()
    require_hub(settings)
    with made_hub(settings) as hub:
        yield hub


@contextmanager
def made_hub(settings: Settings) -> Iterator[Hub]:
    """Yield the hub of these settings as `opened_hub` does; on SQLite it is made where there is none."""
    conceal(*settings.secrets)
    bring_up_to_date(settings, postgresql=False)
    hub = open_hub(settings)
    try:
        yield hub
    finally:
        hub.registry.close()
        hub.close()


def is_there(settings: Settings) -> bool:
    """Return whether there is a hub; one on PostgreSQL is taken for granted, its schema is looked at later."""
    return not settings.is_sqlite or sqlite_path(settings).exists()


def require_hub(settings: Settings) -> None:
    """Raise ConfigError where there is no hub: a command in the wrong folder must not make an empty one."""
    if not is_there(settings):
        folder = sqlite_path(settings).parent
        what = f"There is no hub in {folder}; run `hub up` or `hub apply` there first, or set HUB_DATA_DIR"
        raise ConfigError([what])


def bring_up_to_date(settings: Settings, *, postgresql: bool) -> bool:
    """Bring the schema up to date and return whether it was not; on PostgreSQL only when asked to."""
    if settings.is_sqlite:
        _make_folder(sqlite_path(settings).parent)
    store = Store(settings, pool_size=1)
    try:
        if migrate.is_current(store):
            return False
        newer = migrate.newer(store)
        if newer is not None:
            raise ConfigError([f"The database is one of a newer hub (its schema is {newer}); install that version"])
        if not settings.is_sqlite and not postgresql:
            raise ConfigError(["The database's schema is of another version; run `hub db upgrade`"])
        migrate.upgrade(store)
        return True
    finally:
        store.dispose()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError([f"{folder} cannot be made: {error.strerror}; set HUB_DATA_DIR to another folder"]) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError([f"{folder} cannot be written to; change its owner, or set HUB_DATA_DIR to another folder"])


def explains_trouble(function: Callable[P, R]) -> Callable[P, R]:
    """Have a command end with a sentence instead of a traceback."""

    @functools.wraps(function)
    def explaining(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except ConfigError as error:
            for problem in error.problems:
                click.echo(visible(problem), err=True)
            raise SystemExit(2) from None
        except SQLAlchemyError as error:
            original = getattr(error, "orig", None) or error
            say(f"The database cannot be used: {str(original).strip().splitlines()[0]}", err=True)
            raise SystemExit(1) from None
        except RedisError as error:
            click.echo(f"Redis cannot be used: {error}", err=True)
            raise SystemExit(1) from None
        except OSError as error:
            if error.filename is None:
                raise
            click.echo(f"{error.filename} cannot be used: {error.strerror}", err=True)
            raise SystemExit(1) from None

    return explaining


def wake(hub: Hub, job_name: str) -> bool:
    """Wake a worker; the command itself says what it means when Redis is away."""
    logging.getLogger("hub.wake").setLevel(logging.ERROR)
    return Wake(hub.settings.effective_redis_url)(job_name)
