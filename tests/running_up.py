"""A running `hub up`, as an operator starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.processes import free_port, stop


class Up:
    """A running `hub up` in an empty directory."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "up.log"
        self.directory = directory
        environ = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        command = [sys.executable, "-m", "hub", "up", "--port", str(self.port), "--workers", "1"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=directory, env=environ, stdout=log, stderr=log)

    def children(self) -> dict[int, str]:
        """Return the ids and command lines of what runs below the supervisor."""
        listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in listed.splitlines()[1:]]
        found: dict[int, str] = {}
        parents = {self.process.pid}
        while parents:
            below = {int(pid): args for pid, ppid, args in rows if int(ppid) in parents and "<defunct>" not in args}
            found |= below
            parents = set(below)
        return found

    def is_ready(self) -> bool:
        """Return whether everything is at work."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).ok
        except requests.RequestException:
            return False


def wait_until(condition: Callable[[], object], up: Up, timeout_s: float = 40) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, up.log.read_text()
        time.sleep(0.05)


@contextmanager
def running_up(directory: Path) -> Iterator[Up]:
    up = Up(directory)
    try:
        wait_until(up.is_ready, up)
        yield up
    finally:
        if up.process.poll() is None:
            stop(up.process, signal.SIGTERM, timeout_s=30)
