"""Backup: one folder that holds everything a hub needs to go on elsewhere, made while the hub runs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import inspect

from hub import __version__
from hub.config import ConfigError, Settings
from hub.registry import utc_now
from hub.store import dumps, migrate
from hub.store.configuration import read_setting
from hub.store.engine import Store, sqlite_path
from hub.store.keys import Keys

MANIFEST = "manifest.json"
HUB_FILE, INTAKE_FILE, KEY_FILE, DUMP_FILE = "hub.db", "intake.db", "secret.key", "hub.pgdump"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a backup holds. `files` are SHA-256 by name; nothing that happened after `made_at` is surely in it."""

    made_at: datetime
    version: str
    schema: str
    database: str
    hub_id: str
    key_fingerprint: str | None
    files: Mapping[str, str]
    format: int = FORMAT


def backup(settings: Settings, folder: Path, *, now: Callable[[], datetime] = utc_now) -> Manifest:
    """Write a backup to a new or empty folder, wholly or not at all. Raises ConfigError saying what is in the way."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError([f"{folder} is there already; name a new or empty folder"])
    if settings.is_sqlite and not sqlite_path(settings).exists():
        raise ConfigError([f"There is no hub in {sqlite_path(settings).parent} yet; nothing was backed up"])
    staging: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        manifest = _fill(settings, staging, now)
        sync(staging)
        staging.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise ConfigError([f"{folder} cannot be written: {error.strerror or error}"]) from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return manifest


def _fill(settings: Settings, staging: Path, now: Callable[[], datetime]) -> Manifest:
    made_at = now()
    if settings.is_sqlite:
        # The intake log first: a body that is decided in between is then in both, and the second look is harmless.
        hub_path = sqlite_path(settings)
        dumps.copy_sqlite(hub_path.with_name(INTAKE_FILE), staging / INTAKE_FILE)
        dumps.copy_sqlite(hub_path, staging / HUB_FILE)
    else:
        assert settings.database_url is not None
        dumps.dump_postgresql(settings.database_url, staging / DUMP_FILE)
    facts = _facts(settings)
    if not settings.secret_keys:
        _copy_key(settings.data_dir / KEY_FILE, staging / KEY_FILE, facts["key_fingerprint"])
    files = {path.name: checksum(path) for path in sorted(staging.iterdir())}
    database = "sqlite" if settings.is_sqlite else "postgresql"
    manifest = Manifest(made_at=made_at, version=__version__, database=database, files=files, **facts)
    written = {**asdict(manifest), "made_at": made_at.isoformat()}
    (staging / MANIFEST).write_text(json.dumps(written, indent=2) + "\n")
    return manifest


def _facts(settings: Settings) -> dict[str, Any]:
    store = Store(settings, pool_size=1)
    try:
        with store.read() as connection:
            schema = migrate.revision(connection) if inspect(connection).has_table("alembic_version") else None
            if schema is None:
                raise ConfigError(["The database holds no hub yet; nothing was backed up"])
            return {
                "schema": schema,
                "hub_id": read_setting(connection, "hub_id"),
                "key_fingerprint": read_setting(connection, "key_fingerprint"),
            }
    finally:
        store.dispose()


def _copy_key(source: Path, copy: Path, fingerprint: str | None) -> None:
    """Copy the key file. A hub that never ran has none."""
    if fingerprint is None and not source.exists():
        return
    if not source.exists() or fingerprint not in (None, *Keys((source.read_text().strip(),)).fingerprints):
        raise ConfigError([f"{source} is not the key this database is used with; set HUB_SECRET_KEY to that key"])
    with os.fdopen(os.open(copy, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
        file.write(source.read_text())


def read_manifest(folder: Path) -> Manifest:
    """Return what a backup says it holds, once every file is there as it was written. Raises ConfigError."""
    try:
        stored = json.loads((folder / MANIFEST).read_text())
        if stored["format"] != FORMAT:
            raise ConfigError([f"{folder} was written by another version of the hub ({stored['version']})"])
        manifest = _checked(Manifest(**{**stored, "made_at": datetime.fromisoformat(stored["made_at"])}))
        damaged = [name for name, digest in manifest.files.items() if checksum(folder / name) != digest]
    except OSError as error:
        raise ConfigError([f"{folder} is no whole backup: {error.filename}: {error.strerror}"]) from None
    except (ValueError, KeyError, TypeError):
        raise ConfigError([f"{folder} is no backup: its {MANIFEST} cannot be read"]) from None
    if damaged:
        raise ConfigError([f"{folder / name} is damaged: its checksum differs" for name in damaged])
    return manifest


def _checked(manifest: Manifest) -> Manifest:
    """Return a manifest whose values have their types; raises TypeError."""
    files = manifest.files
    is_sound = (
        manifest.made_at.tzinfo is not None
        and all(isinstance(text, str) for text in (manifest.version, manifest.schema, manifest.database))
        and all(isinstance(text, str | None) for text in (manifest.hub_id, manifest.key_fingerprint))
        and isinstance(files, dict)
        and all(isinstance(digest, str) for digest in files.values())
    )
    if not is_sound:
        raise TypeError
    return manifest


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(folder: Path) -> None:
    """Have the disk hold every file of a folder."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Have the disk hold the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
