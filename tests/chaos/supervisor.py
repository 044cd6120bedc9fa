"""Keeps processes running as systemd or a container runtime does: what ends is started again a little later."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tests.processes import descendants, dying_with_parent, group_of, stop

START_AGAIN_AFTER_S = 0.3
READY_WITHIN_S = 60.0
ORPHANS_END_WITHIN_S = 12.0
"""A job that its worker's end leaves behind may finish what it has in hand for ten seconds."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A process to keep running. The next one is started once `is_ready` says so of this one."""

    name: str
    command: Sequence[str | Path]
    environ: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    prepare: Callable[[], None] = lambda: None
    """Done once, before it is started for the first time."""
    is_ready: Callable[[], bool] = lambda: True
    stop_signal: signal.Signals = signal.SIGTERM


class Supervisor:
    """Starts services in order and stops them in reverse. Safe to call from any thread.

    One thread starts all of them, since Linux ends a process with the thread that made it when it was asked to
    end it with its parent.
    """

    def __init__(self, services: Sequence[Service], *, directory: Path) -> None:
        self.ended: Counter[str] = Counter()
        """How often a service ended that nobody had killed, by name."""
        self.left_behind: list[str] = []
        """What outlived the service that had started it."""
        self.log = directory / "processes.log"
        self._services = list(services)
        self._directory = directory
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._killed: set[int] = set()
        self._ended_at: dict[int, float] = {}
        self._lock = threading.Lock()
        self._is_up = threading.Event()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor")

    def __enter__(self) -> Supervisor:
        self._thread.start()
        self._is_up.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def pid(self, name: str) -> int:
        """Return the id of a service's process as it is now."""
        with self._lock:
            return self._processes[name].pid

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> bool:
        """Send a signal that ends a service; it is started again soon. Return whether it ran."""
        with self._lock:
            process = self._processes[name]
            self._killed.add(process.pid)
            is_running = process.poll() is None
            process.send_signal(number)
        return is_running

    def kill_children(self, name: str) -> bool:
        """Kill what a service has started: the work-horse of a worker, the server behind `hub web`."""
        children = descendants(self.pid(name))[1:]
        for pid in children:
            _signal(pid, signal.SIGKILL)
        return bool(children)

    def busiest(self, names: Sequence[str], port: int) -> str:
        """Return which of these services has the most connections to a port on this machine."""
        return max(names, key=lambda name: len(_connections(port) & _sockets(descendants(self.pid(name)))))

    def freeze(self, name: str) -> list[int]:
        """Stop a service and all that it has started in its tracks; return the ids for `thaw`."""
        pids = descendants(self.pid(name))
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        return pids

    def thaw(self, pids: Sequence[int]) -> None:
        """Let go on what `freeze` stopped."""
        for pid in pids:
            _signal(pid, signal.SIGCONT)

    def limit_files(self, names: Sequence[str], largest: int) -> None:
        """Let these services write no file beyond so many bytes: to them the disk is full."""
        for pid in [pid for name in names for pid in descendants(self.pid(name))]:
            try:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
            except ProcessLookupError:
                continue

    def _run(self) -> None:
        try:
            with self.log.open("ab") as log:
                output = _Pipe(log)
                try:
                    self._start_all(output)
                    self._is_up.set()
                    self._watch(output)
                finally:
                    self._stop_all()
                    output.close()
        except BaseException as error:  # noqa: BLE001  raised again where somebody sees it
            self._failure = error
        finally:
            self._is_up.set()

    def _start_all(self, output: _Pipe) -> None:
        for service in self._services:
            service.prepare()
            self._start(service, output)
            deadline = time.monotonic() + READY_WITHIN_S
            while not service.is_ready():
                if self._processes[service.name].poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{service.name} did not start; see {self.log}")
                time.sleep(0.05)

    def _watch(self, output: _Pipe) -> None:
        again_at: dict[str, float] = {}
        while not self._stopping.wait(0.05):
            self._end_orphans()
            for service in self._services:
                process = self._processes[service.name]
                if process.poll() is None:
                    continue
                if service.name not in again_at:
                    self.ended[service.name] += process.pid not in self._killed
                    self._ended_at[process.pid] = time.monotonic()
                    again_at[service.name] = time.monotonic() + START_AGAIN_AFTER_S
                if time.monotonic() >= again_at[service.name]:
                    del again_at[service.name]
                    self._start(service, output)

    def _start(self, service: Service, output: _Pipe) -> None:
        process = subprocess.Popen(
            [*dying_with_parent(signal.SIGKILL), *service.command],
            env={**os.environ, **service.environ},
            cwd="/" if service.user else self._directory,
            stdin=subprocess.DEVNULL,
            stdout=output.entry,
            stderr=output.entry,
            user=service.user,
            group=group_of(service.user),
            extra_groups=[] if service.user else None,
            start_new_session=True,
        )
        with self._lock:
            self._processes[service.name] = process

    def _end_orphans(self) -> None:
        """Forget the services that ended without a trace; notice and end what one has left behind for too long."""
        now = time.monotonic()
        for session, ended_at in list(self._ended_at.items()):
            orphans = members(session)
            if orphans and now - ended_at < ORPHANS_END_WITHIN_S:
                continue
            del self._ended_at[session]
            for pid in orphans:
                self.left_behind.append(f"{pid}: {command_line(pid)}")
                _signal(pid, signal.SIGKILL)

    def _stop_all(self) -> None:
        for service in reversed(self._services):
            if service.name in self._processes:
                stop(self._processes[service.name], service.stop_signal, timeout_s=15)
                self._ended_at[self._processes[service.name].pid] = time.monotonic()
        while self._ended_at:
            self._end_orphans()
            time.sleep(0.1)


class _Pipe:
    """Carries what processes print to one file, so that a limit on their files leaves their words alone."""

    def __init__(self, log: BinaryIO) -> None:
        self._exit, self.entry = os.pipe()
        self._log = log
        self._thread = threading.Thread(target=self._carry, name="log")
        self._thread.start()

    def _carry(self) -> None:
        while text := os.read(self._exit, 65_536):
            self._log.write(text)
            self._log.flush()

    def close(self) -> None:
        """Return when everything is in the file: all who could write must have ended."""
        os.close(self.entry)
        self._thread.join()
        os.close(self._exit)


def _connections(port: int) -> set[str]:
    """Return the sockets that are connected to a port, as they are called among the files of their processes."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if int(row[2].partition(":")[2], 16) == port}


def _sockets(pids: Sequence[int]) -> set[str]:
    found = set()
    for pid in pids:
        with suppress(OSError):
            found |= {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    return found


def members(session: int) -> list[int]:
    """Return the processes of a session that still run. Linux only."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, of, *_ = path.read_text().rpartition(")")[2].split()
            if int(of) == session and state not in "ZX":
                found.append(int(path.parent.name))
    return found


def command_line(pid: int) -> str:
    """Return how a process was started. Linux only."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    return ""


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
