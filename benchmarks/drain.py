"""A process that does one kind of work when it is told to, and says how many pieces it did."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hub.config import load_settings
from hub.pipeline import decide, deliver
from hub.pipeline.hub import open_hub
from hub.work import jobs
from tests.processes import dying_with_parent
from tests.running_hub import RunningHub

LONGEST_S = 240.0
ROOT = Path(__file__).parent.parent
KINDS: Mapping[str, Callable[..., int]] = {"decide": decide.drain, "deliver": deliver.drain}


class Drain:
    """Another process that drains one kind of work of a hub."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begin(self) -> None:
        """Have it work until there is nothing left to do."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def finish(self) -> int:
        """Return how many pieces it did, once it has."""
        return int(self.line())

    def line(self) -> str:
        """Return the next that it says."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def draining(hub: RunningHub, kind: str) -> Iterator[Drain]:
    """Yield a process that is as ready for one kind of work as a worker is before it forks."""
    command = [*dying_with_parent(signal.SIGKILL), sys.executable, "-m", "benchmarks.drain", kind]
    with (hub.directory / "drain.log").open("a") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=hub.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        drain = Drain(process)
        assert drain.line() == "ready", hub.logs()
        yield drain
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def main(kind: str) -> None:
    """Get ready, then work at every line that comes in."""
    settings = load_settings()
    jobs.preload(settings)
    hub = open_hub(settings, pool_size=4)
    hub.registry.current()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(KINDS[kind](hub, until=time.monotonic() + LONGEST_S), flush=True)
    hub.registry.close()
    hub.close()


if __name__ == "__main__":
    main(sys.argv[1])
