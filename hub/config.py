"""The hub's own settings: HUB_* environment variables, each also as *_FILE naming a file that holds the value."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hub import failpoints

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LONGEST_SOCKET = 100
_CLOSE = 0.88
"""Likeness from which on a name counts as misspelt. People's own HUB_SEGMENT_KEY is 0.83 like HUB_SECRET_KEY."""


class ConfigError(Exception):
    """Settings that the hub cannot start with; `problems` lists all of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the hub keeps its state and how it is reached."""

    data_dir: Path
    database_url: str | None = None
    """None: SQLite files in `data_dir`."""
    redis_url: str | None = None
    """None: `hub up` runs a server of its own on a socket in `data_dir`."""
    redis_server: str | None = None
    plugins_dir: Path | None = None
    """None: plugins come from installed packages alone."""
    base_url: str = "http://127.0.0.1:8000"
    secret_keys: tuple[str, ...] = ()
    """The first encrypts, all decrypt. Empty: a key file in `data_dir`."""
    log_format: str = "text"
    metrics_token: str | None = None
    """What opens `/metrics`. None: only this machine sees it, and only while the hub is not public."""

    @property
    def is_local(self) -> bool:
        """Return whether the public address is one that only this machine can open."""
        return urlsplit(self.base_url).hostname in LOOPBACK

    @property
    def secrets(self) -> list[str]:
        """What must never be shown."""
        passwords = [urlsplit(url).password for url in (self.database_url, self.redis_url) if url]
        found = [*self.secret_keys, self.metrics_token, *passwords, *(unquote(one) for one in passwords if one)]
        return [secret for secret in found if secret]

    @property
    def redis_socket(self) -> Path:
        """The socket of the embedded Redis-compatible server; elsewhere when the folder's path is too long for one."""
        socket = self.data_dir / "redis.sock"
        if len(os.fsencode(socket)) <= _LONGEST_SOCKET:
            return socket
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path("/tmp") / f"survey-hub-{digest}" / "redis.sock"  # noqa: S108  used only when it is ours

    @property
    def effective_redis_url(self) -> str:
        """The configured Redis, else the embedded one."""
        return self.redis_url or f"unix://{self.redis_socket}"

    @property
    def is_sqlite(self) -> bool:
        """Return whether everything is kept in SQLite files."""
        return self.database_url is None or self.database_url.startswith("sqlite")


VARIABLES = {
    "HUB_DATA_DIR": "Folder for the database files, the key file and the embedded Redis. Default: ./hub-data",
    "HUB_DATABASE_URL": "postgresql://user:password@host/name. Default: SQLite files in HUB_DATA_DIR",
    "HUB_REDIS_URL": "redis://host:6379/0 or unix:///path. Default: `hub up` starts a server of its own",
    "HUB_REDIS_SERVER": "Path of the redis-server or valkey-server that `hub up` starts",
    "HUB_PLUGINS_DIR": "Folder whose *.py files are plugins, each by itself. Default: none, only installed packages",
    "HUB_BASE_URL": "The public address of this hub, as customers reach it: no path behind the host. "
    "Default: http://127.0.0.1:8000",
    "HUB_SECRET_KEY": "Encrypts secrets and signs links: 32 characters or more; several, comma-separated, during a "
    "rotation. Default: a key file made in HUB_DATA_DIR",
    "HUB_LOG_FORMAT": "text, or json: one JSON object a line. Default: text",
    "HUB_METRICS_TOKEN": "What your monitoring presents at /metrics as a Bearer token: 32 characters or more. "
    "Default: /metrics is shown on this machine alone, while the hub is not public",
}


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings in `environ`. Raises ConfigError listing every problem."""
    values, problems = _read_values(environ)
    keys = tuple(key.strip() for key in values.get("HUB_SECRET_KEY", "").split(",") if key.strip())
    problems += [
        f"HUB_SECRET_KEY: key {number} has {len(key)} characters; use 32 or more (python3 -c "
        '"import secrets; print(secrets.token_urlsafe(32))" makes one)'
        for number, key in enumerate(keys, 1)
        if len(key) < 32
    ]
    log_format = values.get("HUB_LOG_FORMAT", Settings.log_format)
    if log_format not in ("text", "json"):
        problems.append(f"HUB_LOG_FORMAT: {log_format!r} is neither text nor json")
    metrics_token = values.get("HUB_METRICS_TOKEN")
    if metrics_token and len(metrics_token) < 32:
        problems.append(f"HUB_METRICS_TOKEN: has {len(metrics_token)} characters; use 32 or more")
    base_url = values.get("HUB_BASE_URL", Settings.base_url).rstrip("/")
    problem = _wrong_with_base_url(base_url)
    problems += [problem] if problem else []
    database_url = values.get("HUB_DATABASE_URL")
    if database_url:
        database_url, problem = _normalise_database_url(database_url)
        problems += [problem] if problem else []
    redis_url = values.get("HUB_REDIS_URL")
    if redis_url and urlsplit(redis_url).scheme not in {"redis", "rediss", "unix"}:
        problems.append("HUB_REDIS_URL: starts with none of redis://, rediss:// and unix://")
    problems += failpoints.problems(environ)
    if problems:
        raise ConfigError(problems)
    plugins_dir = values.get("HUB_PLUGINS_DIR")
    return Settings(
        data_dir=Path(values.get("HUB_DATA_DIR", "hub-data")).absolute(),
        database_url=database_url,
        redis_url=redis_url,
        redis_server=values.get("HUB_REDIS_SERVER"),
        plugins_dir=Path(plugins_dir).absolute() if plugins_dir else None,
        base_url=base_url,
        secret_keys=keys,
        log_format=log_format,
        metrics_token=metrics_token,
    )


def misspelt_settings(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return a sentence for each variable that is none of the hub's, but so close to one that it was meant."""
    known = [*VARIABLES, *(f"{name}_FILE" for name in VARIABLES)]
    others = sorted(name for name in environ if name.startswith("HUB_") and name not in known)
    meant = {name: difflib.get_close_matches(name, known, n=1, cutoff=_CLOSE) for name in others}
    return [f"{name} is not a setting of the hub; did you mean {close[0]}?" for name, close in meant.items() if close]


def _read_values(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    problems: list[str] = []
    for name in VARIABLES:
        if environ.get(name):
            values[name] = environ[name]
        elif path := environ.get(f"{name}_FILE"):
            try:
                values[name] = Path(path).read_text().strip()
            except OSError as error:
                problems.append(f"{name}_FILE: {path} cannot be read: {error.strerror}")
    return values, problems


def _wrong_with_base_url(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return f"HUB_BASE_URL: {url!r} is no address; write https://surveys.example.com"
    behind = url.partition("://")[2].removeprefix(parts.netloc)
    if behind:
        return (
            f"HUB_BASE_URL: the hub needs a host name of its own, without {behind!r} behind it, such as "
            "https://surveys.example.com"
        )
    return None


def _normalise_database_url(url: str) -> tuple[str, str | None]:
    scheme, _, rest = url.partition("://")
    if scheme in {"postgres", "postgresql", "postgresql+psycopg"} and rest:
        return f"postgresql+psycopg://{rest}", None
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return url, None
    return url, "HUB_DATABASE_URL: write postgresql://user:password@host/name or sqlite:////absolute/path/hub.db"
