"""Start real server processes for tests and end them again, by their own ids."""

from __future__ import annotations

import ctypes
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    is_ready: Callable[[], bool],
    log: Path,
    user: str | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    timeout_s: float = 30,
    stop_timeout_s: float = 10,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server and yield once `is_ready` says so. A server that ends first is an error.

    `user` runs it as that user and group; the groups of this process are dropped. On Linux the server gets
    `stop_signal` also when this process dies without a chance to clean up.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*dying_with_parent(stop_signal), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=user,
            group=group_of(user),
            extra_groups=[] if user else None,
        )
    try:
        wait_until_ready(process, is_ready=is_ready, log=log, timeout_s=timeout_s)
        yield process
    finally:
        stop(process, stop_signal, timeout_s=stop_timeout_s)


def wait_until_ready(
    process: subprocess.Popen[bytes], *, is_ready: Callable[[], bool], log: Path, timeout_s: float
) -> None:
    """Return when the server answers; raise RuntimeError with the end of its log when it doesn't."""
    deadline = time.monotonic() + timeout_s
    while not is_ready():
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            what = f"ended with {process.returncode}" if ended else f"was not ready after {timeout_s:g} s"
            tail = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{process.args!r} {what}:\n{tail}")
        time.sleep(0.01)


def stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals, *, timeout_s: float) -> None:
    """Ask a process to stop; kill it when it doesn't."""
    process.send_signal(stop_signal)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def dying_with_parent(stop_signal: signal.Signals) -> list[str]:
    """Return a prefix of a command that ends it with this process; nothing where the system can't."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", stop_signal.name.removeprefix("SIG")] if setpriv else []


def descendants(pid: int) -> list[int]:
    """Return the id of a process and of all that it started and that still run, parents first. Linux only."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent_of(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def _parent_of(entry: Path) -> int | None:
    try:
        state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(parent)  # has ended, and nobody asked how


def adopt_orphans() -> None:
    """Have processes whose parent ended become children of this one, so that `below_this` finds them; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def below_this() -> dict[int, str]:
    """Return what runs below this process, by id, each with its command line. Linux only; elsewhere nothing."""
    if sys.platform != "linux":
        return {}
    return {pid: _command_line(pid) for pid in descendants(os.getpid())[1:]}


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""


def group_of(user: str | None) -> int | None:
    """Return the id of a user's own group."""
    return pwd.getpwnam(user).pw_gid if user else None


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that is free right now, below those of outgoing connections.

    Tests that run in several processes at once each take from ports of their own.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    of_all = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    for port in random.sample(range(20_000, 32_000)[number::of_all], 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 20000 and 32000")
