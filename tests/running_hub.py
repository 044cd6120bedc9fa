"""A real hub in real processes, which tests may kill and start again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from hub.config import load_settings
from hub.pipeline.hub import Hub, open_hub
from tests.processes import dying_with_parent, free_port, stop

ROLES = ("web", "worker-1", "worker-2", "scheduler")
API_KEY = "test-key-of-the-source"


class RunningHub:
    """Web, two workers and a scheduler over one database and one Redis."""

    def __init__(self, directory: Path, *, database_url: str, redis_url: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {
            **os.environ,
            "HUB_DATA_DIR": str(directory / "data"),
            "HUB_DATABASE_URL": database_url,
            "HUB_REDIS_URL": redis_url,
            "HUB_BASE_URL": self.url,
            "HUB_SECRET_KEY": "k" * 32,
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def hub(self, *arguments: str, check: bool = True) -> str:
        """Return what a command printed."""
        done = subprocess.run(
            [sys.executable, "-m", "hub", *arguments],
            env=self.environ,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0 or not check, f"hub {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def apply(self, toml: str) -> None:
        """Configure the hub."""
        (self.directory / "hub.toml").write_text(toml)
        self.hub("apply", "hub.toml", "--yes")

    def start(self, role: str) -> None:
        """Start one process."""
        arguments = ["web", "--port", str(self.port)] if role == "web" else [role.partition("-")[0]]
        with (self.directory / f"{role}.log").open("ab") as log:
            self.processes[role] = subprocess.Popen(
                [*dying_with_parent(signal.SIGKILL), sys.executable, "-m", "hub", *arguments],
                env={**self.environ, "HUB_PROCESS": role},
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, role: str) -> None:
        """Kill a process and everything it started, at once: kill -9."""
        process = self.processes.pop(role)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_for(self, condition: Callable[[], Any], what: str, timeout_s: float = 60) -> None:
        """Return once the condition holds; fail with the logs when it doesn't."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {timeout_s:g} s\n{self.logs()}"
            time.sleep(0.05)

    def is_ready(self) -> bool:
        """Return whether everything is at work."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).ok
        except requests.RequestException:
            return False

    def is_answering(self) -> bool:
        """Return whether the web process answers."""
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def logs(self) -> str:
        """Return the end of every process' log."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.directory.glob("*.log"))
        )

    @contextmanager
    def opened(self) -> Iterator[Hub]:
        """Yield the hub as a library, beside the running processes."""
        hub = open_hub(load_settings(self.environ))
        try:
            yield hub
        finally:
            hub.close()


@contextmanager
def running_hub(directory: Path, *, database_url: str, redis_url: str, toml: str) -> Iterator[RunningHub]:
    """Run a configured hub; at the end nothing of it is left."""
    hub = RunningHub(directory, database_url=database_url, redis_url=redis_url)
    hub.hub("db", "upgrade")
    hub.apply(toml)
    try:
        for role in ROLES:
            hub.start(role)
        hub.wait_for(hub.is_ready, "everything at work")
        yield hub
    finally:
        for process in hub.processes.values():
            stop(process, signal.SIGTERM, timeout_s=15)
