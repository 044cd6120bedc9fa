"""`hub up`: everything on one machine under one supervisor. Starts in order, stops in reverse."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

import requests
from redis.exceptions import RedisError

from hub import lifeline
from hub.cli import redis_server
from hub.config import ConfigError, Settings
from hub.wake import connect

log = logging.getLogger(__name__)

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 8.0
LONGEST_PAUSE_S = 30.0
AT_WORK_WITHIN_S = 10.0
STEADY_S = 60.0
"""A child that ran so long before it ended is started again at once."""
_POLL_S = 0.05


@dataclass(kw_only=True)
class Child:
    """A process under supervision."""

    name: str
    command: list[str]
    is_ready: Callable[[], bool] = lambda: True
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_at: float = 0.0
    start_again_at: float = 0.0
    environ: dict[str, str] = field(default_factory=dict)
    output: IO[bytes] | None = None
    """Where it writes; None: where this process does."""

    def start(self) -> None:
        """Start it, in a group of its own so that the keyboard's interrupt reaches the supervisor alone."""
        self.started_at = time.monotonic()
        environ = {**os.environ, **self.environ, "HUB_PROCESS": self.name}
        self.process = subprocess.Popen(
            lifeline.command(*self.command),
            env=environ,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,
        )

    def ask_to_stop(self) -> None:
        """Ask it to stop."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def wait_until_stopped(self, give_up_at: float) -> None:
        """Wait for its end; kill it when the monotonic clock passes `give_up_at`."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, give_up_at - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop within %.0f s and was killed", self.name, STOP_WITHIN_S)
            self.process.kill()
            self.process.wait()


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the data folder for this supervisor. Raises ConfigError while another one has it."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (settings.data_dir / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError([f"Another `hub up` runs on {settings.data_dir}; stop it, or set HUB_DATA_DIR"]) from None
        yield


def address_of(host: str, port: int) -> str:
    """Return where to reach a server that listens there, from this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def check_port(host: str, port: int) -> None:
    """Raise ConfigError when nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = f"{host} port {port} cannot be listened on: {error.strerror or error}"
        guess = " (is another hub running there?)" if error.errno == errno.EADDRINUSE else ""
        raise ConfigError([f"{reason}{guess}; choose another with --port or --host"]) from None


class Supervisor:
    """Runs Redis, web, workers and scheduler until it is told to stop; starts again what ends by itself."""

    def __init__(
        self,
        settings: Settings,
        *,
        host: str,
        port: int,
        workers: int,
        output: IO[bytes] | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        self._settings = settings
        self.address = address_of(host, port)
        self._children = _children(settings, self.address, host=host, port=port, workers=workers)
        for child in self._children:
            child.output = output
        self._stopping = stopping or threading.Event()

    def start(self) -> None:
        """Start everything, each once the one before is ready. Raises ConfigError when something never gets ready."""
        for child in self._children:
            if self._stopping.is_set():
                return
            child.start()
            self._wait_until_ready(child)

    def is_at_work(self) -> bool:
        """Return whether every part says that it is ready; a Redis of somebody else's may be away for now."""
        try:
            return requests.get(f"{self.address}/readyz", timeout=1).ok
        except requests.RequestException:
            return False

    def wait_until_at_work(self) -> None:
        """Wait for workers and scheduler to be there, but not for long."""
        give_up_at = time.monotonic() + AT_WORK_WITHIN_S
        while not self.is_at_work() and time.monotonic() < give_up_at:
            if self._stopping.wait(_POLL_S):
                return

    def watch(self) -> None:
        """Keep everything running until `stop` is called."""
        while not self._stopping.wait(0.2):
            for child in self._children:
                self._look_after(child)

    def stop(self) -> None:
        """End `watch`; safe in a signal handler."""
        self._stopping.set()

    def shut_down(self) -> None:
        """Stop everything: first who makes work, then who takes it in, at last what they need."""
        for names in (("scheduler", "worker"), ("web",), ("redis",)):
            group = [child for child in self._children if child.name.startswith(names)]
            for child in group:
                child.ask_to_stop()
            give_up_at = time.monotonic() + STOP_WITHIN_S
            for child in group:
                child.wait_until_stopped(give_up_at)

    def ids(self) -> dict[str, int]:
        """Return the process ids of the children by name; each also leads a session of that id."""
        return {child.name: child.process.pid for child in self._children if child.process is not None}

    def ended(self) -> list[str]:
        """Return the names of the children that do not run."""
        return [child.name for child in self._children if child.process is None or child.process.poll() is not None]

    def _wait_until_ready(self, child: Child) -> None:
        give_up_at = time.monotonic() + READY_WITHIN_S
        while not child.is_ready():
            assert child.process is not None
            if child.process.poll() is not None:
                raise ConfigError([f"{child.name} ended while starting (exit code {child.process.returncode})"])
            if time.monotonic() > give_up_at:
                raise ConfigError([f"{child.name} was not ready within {READY_WITHIN_S:.0f} s"])
            if self._stopping.wait(_POLL_S):
                return

    def _look_after(self, child: Child) -> None:
        assert child.process is not None
        if child.process.poll() is None:
            return
        now = time.monotonic()
        if child.start_again_at == 0.0:
            child.failures = 1 if now - child.started_at > STEADY_S else child.failures + 1
            pause = min(2.0 ** (child.failures - 1) - 1, LONGEST_PAUSE_S)
            child.start_again_at = now + pause
            log.error("%s ended (exit code %s); starting it again", child.name, child.process.returncode)
        if now >= child.start_again_at:
            child.start_again_at = 0.0
            child.start()


def _children(settings: Settings, address: str, *, host: str, port: int, workers: int) -> list[Child]:
    hub = [sys.executable, "-m", "hub"]
    children = []
    if settings.redis_url is None:
        program = str(redis_server.find_server(settings))
        children.append(
            Child(
                name="redis",
                command=[program, *redis_server.options(settings)],
                is_ready=lambda: _redis_answers(settings),
            )
        )
    web = [*hub, "web", "--host", host, "--port", str(port)]
    children.append(Child(name="web", command=web, is_ready=lambda: _web_answers(address)))
    children += [Child(name=f"worker-{number}", command=[*hub, "worker"]) for number in range(1, workers + 1)]
    children.append(Child(name="scheduler", command=[*hub, "scheduler"]))
    return children


def _redis_answers(settings: Settings) -> bool:
    try:
        return bool(connect(settings.effective_redis_url, timeout_s=1).ping())
    except RedisError:
        return False


def _web_answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/healthz", timeout=1).ok
    except requests.RequestException:
        return False
