"""The hub as it is run for real, as processes of their own: web, workers, schedulers, Valkey and the database."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from hub.config import load_settings
from hub.pipeline.hub import Hub, open_hub
from tests import servers
from tests.chaos.outside import Outside
from tests.chaos.supervisor import Service, Supervisor
from tests.processes import free_port

WORKERS = ("worker-1", "worker-2")
SCHEDULERS = ("scheduler-1", "scheduler-2")
HUB = ("web", *WORKERS, *SCHEDULERS)
CLOCK = Path(__file__).parent / "clock"

SETUP = """
[sources.product]
kind = "segment"
api_key = "{api_key}"

[sources.app]
kind = "segment"
api_key = "{app_key}"

[channels.relay]
kind = "smtp"
host = "127.0.0.1"
port = {mail_port}
from = "Acme <hello@acme.example>"
timeout_s = 2

[channels.sendgrid]
kind = "sendgrid"
api_key = "{sendgrid_key}"
host = "{sendgrid_url}"
from = "Acme <hello@acme.example>"

[targets.product]
kind = "segment"
write_key = "{write_key}"
host = "{segment_url}"

[surveys.onboarding]
sources = ["product"]
channels = ["relay", "sendgrid"]
targets = ["product"]
enabled = true
max_delay_days = 14
surge_brake = false
reminders = 1
reminder_after_days = 0.005

[surveys.app]
sources = ["app"]
channels = ["sendgrid", "relay"]
targets = ["product"]
enabled = true
max_delay_days = 14
surge_brake = false
reminders = 1
reminder_after_days = 0.005
"""


class Missing(Exception):
    """A program that this machine lacks."""


@dataclass(frozen=True, kw_only=True)
class Canaries:
    """What must never be seen in a log: secrets, and the domain of every customer's address."""

    secret_key: str
    api_key: str
    app_key: str
    write_key: str
    sendgrid_key: str
    domain: str

    @classmethod
    def planted(cls) -> Canaries:
        """Return new ones."""
        words = {name: f"canary{secrets.token_hex(16)}" for name in ("secret_key", "api_key", "app_key", "write_key")}
        return cls(**words, sendgrid_key=f"SG.canary{secrets.token_hex(8)}", domain=f"k{secrets.token_hex(6)}.example")

    @property
    def api_keys(self) -> dict[str, str]:
        """The keys of the two sources."""
        return {"product": self.api_key, "app": self.app_key}

    def seen_in(self, text: str) -> list[str]:
        """Return the names of those that stand in a text."""
        login = base64.b64encode(f"{self.api_key}:".encode()).decode()
        words = {**vars(self), "api_key as a login": login}
        return sorted(name for name, word in words.items() if word.casefold() in text.casefold())


class Clock:
    """The wall clock of the hub's processes: some times as fast as ours, and it can be stepped.

    Leases, pauses and retries take minutes; on a fast clock a short run sees many of them.
    """

    def __init__(self, path: Path, *, rate: float) -> None:
        self.path = path
        self._rate = rate
        self._started_at = time.time()
        self._ahead = 0.0
        self._lock = threading.Lock()
        self.step(0)

    def step(self, seconds: float) -> None:
        """Set it ahead, or back."""
        with self._lock:
            self._ahead += seconds
            new = self.path.with_suffix(".new")
            new.write_text(f"{self._started_at} {self._rate} {self._ahead}")
            new.rename(self.path)

    def now(self) -> datetime:
        """Return the time as the hub sees it."""
        seconds = self._started_at + (time.time() - self._started_at) * self._rate + self._ahead
        return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A hub at work, what it runs on and what it talks to."""

    directory: Path
    url: str
    outside: Outside
    supervisor: Supervisor
    clock: Clock
    canaries: Canaries
    redis: servers.RedisServer
    postgres: servers.PostgresServer | None
    hub: Hub
    """The hub as a library, beside the processes: for the verdict, and for what a person does by hand."""

    @property
    def sqlite_files(self) -> list[Path]:
        """The database's files: of the hub and of intake."""
        return sorted((self.directory / "data").glob("*.db"))

    def is_at_work(self) -> bool:
        """Return whether every part says that it is ready."""
        return _answers(f"{self.url}/readyz")


@contextmanager
def stage(directory: Path, *, database: str, clock_rate: float = 1.0, source: Path | None = None) -> Iterator[Stage]:
    """Run a hub on "sqlite" or "postgres". `source` holds another `hub` package to run than this one."""
    with ExitStack() as stack:
        outside = stack.enter_context(Outside())
        canaries = Canaries.planted()
        clock = Clock(directory / "clock", rate=clock_rate)
        redis = servers.RedisServer(socket=stack.enter_context(servers.short_directory("chaos-")) / "socket")
        postgres, below = _postgres(stack) if database == "postgres" else (None, [])
        port = free_port()
        environ = {
            "HUB_DATA_DIR": str(directory / "data"),
            "HUB_DATABASE_URL": postgres.url_of("postgres") if postgres else f"sqlite:///{directory}/data/hub.db",
            "HUB_REDIS_URL": redis.url,
            "HUB_BASE_URL": f"http://127.0.0.1:{port}",
            "HUB_SECRET_KEY": canaries.secret_key,
            "CHAOS_CLOCK": str(clock.path),
            "PYTHONPATH": os.pathsep.join(str(path) for path in (source, CLOCK) if path),
        }
        toml = _setup(canaries, outside)
        services = [*below, _valkey(redis), *_hub(environ, port, prepare=lambda: _configure(directory, environ, toml))]
        supervisor = stack.enter_context(Supervisor(services, directory=directory))
        hub = open_hub(load_settings(environ), now=clock.now, pool_size=4)
        stack.callback(hub.close)
        yield Stage(
            directory=directory,
            url=environ["HUB_BASE_URL"],
            outside=outside,
            supervisor=supervisor,
            clock=clock,
            canaries=canaries,
            redis=redis,
            postgres=postgres,
            hub=hub,
        )


def _postgres(stack: ExitStack) -> tuple[servers.PostgresServer, list[Service]]:
    binaries, user = servers.find_postgres(), servers.unprivileged_user()
    if binaries is None:
        raise Missing("PostgreSQL is not installed (package postgresql)")
    directory = stack.enter_context(servers.short_directory("chaos-", owner=user))
    servers.initialise(binaries, directory / "data", user=user)
    server = servers.PostgresServer(free_port())
    command = servers.postgres_command(binaries, directory, port=server.port)
    service = Service(name="postgres", command=command, user=user, is_ready=server.is_ready, stop_signal=signal.SIGINT)
    return server, [service]


def _valkey(redis: servers.RedisServer) -> Service:
    binary = servers.find_valkey()
    if binary is None:
        raise Missing("neither Valkey nor Redis is installed (package valkey-server or redis-server)")
    return Service(name="redis", command=servers.valkey_command(binary, redis), is_ready=redis.is_ready)


def _hub(environ: dict[str, str], port: int, *, prepare: Callable[[], None]) -> list[Service]:
    def service(name: str, *words: str, **more: Any) -> Service:
        command = [sys.executable, "-m", "hub", *words]
        return Service(name=name, command=command, environ={**environ, "HUB_PROCESS": name}, **more)

    web = service(
        "web",
        "web",
        "--port",
        str(port),
        prepare=prepare,
        is_ready=lambda: _answers(f"{environ['HUB_BASE_URL']}/healthz"),
    )
    return [web, *(service(name, "worker") for name in WORKERS), *(service(name, "scheduler") for name in SCHEDULERS)]


def _configure(directory: Path, environ: dict[str, str], toml: str) -> None:
    (directory / "hub.toml").write_text(toml)
    for words in (["db", "upgrade"], ["apply", "hub.toml", "--yes"]):
        command = [sys.executable, "-m", "hub", *words]
        done = subprocess.run(
            command, env={**os.environ, **environ}, cwd=directory, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"hub {' '.join(words)} failed:\n{done.stdout}{done.stderr}")


def _setup(canaries: Canaries, outside: Outside) -> str:
    return SETUP.format(
        api_key=canaries.api_key,
        app_key=canaries.app_key,
        mail_port=outside.mail.port,
        sendgrid_key=canaries.sendgrid_key,
        sendgrid_url=outside.sendgrid.url,
        write_key=canaries.write_key,
        segment_url=outside.segment.url,
    )


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False
