"""What `hub up` costs while nothing happens: processor time and memory of each of its processes."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.measure import Goal, Options, Row, figure
from tests.processes import descendants, free_port, running

MINUTES = 3.0
SETTLE_S = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a process has used so far: seconds of a core, bytes of memory."""

    cpu_s: float
    rss: int


def measure(options: Options) -> list[Row]:
    """Run `hub up` idle for some minutes; return what each process took of a core, and how much its memory grew."""
    with idle_hub() as pid:
        time.sleep(SETTLE_S)
        before, started = costs(pid), time.monotonic()
        time.sleep(MINUTES * 60 * options.scale)
        elapsed_s, after = time.monotonic() - started, costs(pid)
    return [row for name in after if name in before for row in _rows(name, before[name], after[name], elapsed_s)]


def _rows(name: str, before: Cost, after: Cost, elapsed_s: float) -> list[Row]:
    share = 100 * (after.cpu_s - before.cpu_s) / elapsed_s
    megabytes = f"{before.rss / 2**20:.0f} MiB, then {after.rss / 2**20:.0f} MiB"
    growth = (after.rss - before.rss) / 2**20
    return [
        figure(f"idle {name}", [share], "% of a core", Goal(at_most=1)),
        Row(what=f"memory of idle {name}, grown", values=[growth], unit="MiB", goal=Goal(at_most=2), hub=megabytes),
    ]


@contextmanager
def idle_hub() -> Iterator[int]:
    """Yield the process id of a `hub up` on SQLite and the bundled Valkey, in a new folder."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as directory:
        port = free_port()
        command = ["env", f"HUB_DATA_DIR={directory}/data", sys.executable, "-m", "hub", "up", "--port", str(port)]
        log = Path(directory, "log")
        with running(command, is_ready=lambda: _is_ready(port), log=log, stop_timeout_s=20) as up:
            yield up.pid


def costs(pid: int) -> Mapping[str, Cost]:
    """Return what the processes below one cost, by what they do."""
    found: dict[str, Cost] = {}
    for one in descendants(pid):
        name = _name_of(one)
        while name in found:
            name += "'"
        found[name] = cost_of(one)
    return found


def cost_of(pid: int) -> Cost:
    """Return what a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Cost(cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS, rss=pages * _PAGE)


def _name_of(pid: int) -> str:
    """Return what a process does; of a role's processes the later ones, which do its work, get a stroke more."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if b"hub" not in words:
        return "Valkey" if any(b"valkey" in word or b"redis-server" in word for word in words[:1]) else "helper"
    return words[words.index(b"hub") + 1].decode()


def _is_ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=2).ok
    except requests.RequestException:
        return False
