"""Restore: a backup becomes a hub again, which sends nothing until a person says when the hub before it stopped."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, inspect

from hub.admin import audit
from hub.admin.operations.backup import (
    DUMP_FILE,
    HUB_FILE,
    INTAKE_FILE,
    KEY_FILE,
    Manifest,
    read_manifest,
    sync,
    sync_folder,
)
from hub.config import ConfigError, Settings
from hub.pipeline.hub import Hub
from hub.registry import utc_now
from hub.store import dumps, holds, migrate
from hub.store.engine import Store, sqlite_path
from hub.store.holds import Hold
from hub.store.keys import Keys


def restore(settings: Settings, folder: Path, *, now: Callable[[], datetime] = utc_now) -> Manifest:
    """Make the backup in `folder` the hub of these settings, which has to be empty; sending is held from then on.

    Raises ConfigError naming every problem; then nothing was changed. The caller sees to it that no hub runs there.
    """
    manifest = read_manifest(folder)
    problems = [*_mismatches(settings, manifest), *_keys_problems(settings, folder, manifest)]
    if problems:
        raise ConfigError(problems)
    if settings.is_sqlite:
        _restore_sqlite(settings, folder, manifest, now())
    else:
        _restore_postgresql(settings, folder, manifest, now())
    return manifest


def _mismatches(settings: Settings, manifest: Manifest) -> list[str]:
    problems = []
    if settings.is_sqlite and manifest.database != "sqlite":
        problems.append("The backup is one of PostgreSQL; set HUB_DATABASE_URL to an empty database")
    elif not settings.is_sqlite and manifest.database == "sqlite":
        problems.append("The backup is one of SQLite; unset HUB_DATABASE_URL")
    if not migrate.is_known(manifest.schema):
        problems.append(f"The backup was made by hub {manifest.version}, which is newer; install that version")
    return problems


def _keys_problems(settings: Settings, folder: Path, manifest: Manifest) -> list[str]:
    keys = settings.secret_keys
    there = settings.data_dir / KEY_FILE
    if not keys and there.exists():
        keys = (there.read_text().strip(),)
    elif not keys and KEY_FILE in manifest.files:
        keys = ((folder / KEY_FILE).read_text().strip(),)
    if manifest.key_fingerprint is None or (keys and manifest.key_fingerprint in Keys(keys).fingerprints):
        return []
    if not keys:
        return ["HUB_SECRET_KEY: set it to the key of the hub that was backed up; the backup does not hold it"]
    name = "HUB_SECRET_KEY" if settings.secret_keys else str(there)
    return [f"{name}: the hub that was backed up used another key"]


def _restore_sqlite(settings: Settings, folder: Path, manifest: Manifest, now: datetime) -> None:
    hub_path = sqlite_path(settings)
    intake_path = hub_path.with_name(INTAKE_FILE)
    for path in (hub_path, intake_path):
        if path.exists():
            raise ConfigError([f"{path} is there already; restore into an empty HUB_DATA_DIR"])
    hub_path.parent.mkdir(parents=True, exist_ok=True)
    with _staging(hub_path.parent) as staging:
        for name in (INTAKE_FILE, HUB_FILE):
            shutil.copyfile(folder / name, staging / name)
        _prepare(replace(settings, database_url=None, data_dir=staging), manifest, now)
        sync(staging)
        _restore_key(settings, folder, manifest)
        (staging / INTAKE_FILE).rename(intake_path)
        (staging / HUB_FILE).rename(hub_path)  # last: without it there is no hub
        sync_folder(hub_path.parent)


def _restore_postgresql(settings: Settings, folder: Path, manifest: Manifest, now: datetime) -> None:
    assert settings.database_url is not None
    store = Store(settings, pool_size=1)
    try:
        if inspect(store.hub).get_table_names():
            raise ConfigError(["The database of HUB_DATABASE_URL is not empty; make a new one to restore into"])
    finally:
        store.dispose()
    dumps.load_postgresql(settings.database_url, folder / DUMP_FILE)
    _prepare(settings, manifest, now)
    _restore_key(settings, folder, manifest)


def _prepare(settings: Settings, manifest: Manifest, now: datetime) -> None:
    """Hold sending before any process can use the database, then bring it up to date."""
    store = Store(settings, pool_size=1)
    try:
        with store.write() as connection:
            holds.begin(connection, backup_made_at=manifest.made_at, now=now)
            migrate.stamp(connection, manifest.schema)
        if not migrate.is_current(store):
            migrate.upgrade(store)
    finally:
        store.dispose()


def _restore_key(settings: Settings, folder: Path, manifest: Manifest) -> None:
    there = settings.data_dir / KEY_FILE
    if settings.secret_keys or there.exists() or KEY_FILE not in manifest.files:
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(there, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
        file.write((folder / KEY_FILE).read_text())


@contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    staging = Path(tempfile.mkdtemp(prefix=".restoring-", dir=parent))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


# After a restore


def held(hub: Hub) -> str | None:
    """Return a sentence about sending that is held, or None."""
    hold = current_hold(hub)
    return None if hold is None else sentence(hold)


def current_hold(hub: Hub) -> Hold | None:
    """Return the hold on sending, or None when there is none."""
    with hub.store.read() as connection:
        return holds.current(connection)


def sentence(hold: Hold) -> str:
    """Return what a person should know about a hold."""
    return (
        f"Nothing is sent: this hub was restored from the backup of {hold.backup_made_at:%Y-%m-%d %H:%M UTC}. "
        "An admin has to say when the hub before it stopped, under Queue or with `hub resume`."
    )


def may_have_left(hub: Hub, stopped_at: datetime) -> int:
    """Return how many invitations `resume` would make unknown. Raises ConfigError as it does."""
    with hub.store.read() as connection:
        _check(holds.current(connection), stopped_at, hub.now())
        return holds.may_have_left(connection, stopped_at)


def resume(hub: Hub, stopped_at: datetime) -> int:
    """Send again; what the hub before may have sent until it stopped becomes unknown. Return how many.

    Raises ConfigError when nothing is held, and for a moment that is still to come.
    """
    now = hub.now()

    def work(connection: Connection) -> int:
        _check(holds.current(connection), stopped_at, now)
        unknown = holds.end(connection, stopped_at=stopped_at, now=now)
        audit.note(hub, connection, audit.Action.SENDING_RESUMED, "sending", stopped_at=stopped_at, unknown=unknown)
        return unknown

    return hub.store.transact(work)


def _check(hold: Hold | None, stopped_at: datetime, now: datetime) -> None:
    if hold is None:
        raise ConfigError(["Sending is not held; there is nothing to resume"])
    if stopped_at > now:
        raise ConfigError(["stopped_at: this moment lies in the future"])
