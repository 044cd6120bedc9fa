"""Intake: identifies by HTTP until they are durable, beside a hello-world on the same web server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select

from benchmarks.load import CONNECTIONS, Load, send
from benchmarks.machine import require
from benchmarks.measure import Goal, Options, Row, Side, compare, figure
from benchmarks.stage import EARLY, databases, hello_world, hub_over, listens, toml
from hub.cli.processes import WEB_THREADS
from hub.store import intake, tables
from tests.processes import free_port, running
from tests.running_hub import RunningHub

SECONDS = 5
BATCH = 100
_GOALS = {"sqlite": 0.9, "postgres": 0.6}


def measure(options: Options) -> list[Row]:
    """Measure identifies alone and in batches, and how long they take while a worker decides a backlog."""
    require("wrk")
    rows: list[Row] = []
    with databases(options.databases) as urls:
        for name, url in urls.items():
            with (
                hub_over(url, toml=toml(surge_brake=True, **EARLY)) as hub,
                hello_world(WEB_THREADS) as hello,
                web(hub),
            ):
                stage = _Intake(hub, hello, name=name, options=options)
                rows += stage.rows()
                if name == "postgres":
                    rows += stage.two_processes()
                rows += stage.beside_a_worker()
    return rows


@contextmanager
def web(hub: RunningHub) -> Iterator[None]:
    """Run the hub's web process."""
    hub.start("web")
    hub.wait_for(hub.is_answering, "the web process")
    yield


@contextmanager
def web_of(hub: RunningHub, processes: int) -> Iterator[str]:
    """Yield the address of another web server over the same database, of so many processes."""
    port = free_port()
    settings = [f"{name}={value}" for name, value in hub.environ.items() if name.startswith("HUB_")]
    command = ["env", *settings, sys.executable, "-m", "hub", "web"]
    options = ["--port", str(port), "--processes", str(processes)]
    log = hub.directory / f"web-{processes}.log"
    with running([*command, *options], is_ready=lambda: listens(port), log=log):
        yield f"http://127.0.0.1:{port}"


class _Intake:
    """The measurements on one database."""

    def __init__(self, hub: RunningHub, hello: str, *, name: str, options: Options) -> None:
        self._hub = hub
        self._hello = hello.rstrip("/")
        self._name = name
        self._options = options
        self._seconds = max(1, round(SECONDS * options.scale))
        self._sent: list[tuple[Load, int]] = []

    def rows(self) -> list[Row]:
        """Compare identifies alone and in batches with a hello-world."""
        rounds = self._options.rounds
        alone = compare(
            f"identify, {self._name}",
            unit="identifies",
            hub=lambda: self._send().rate,
            beside=[
                Side(name="hello-world", run=lambda: self._greet("/"), goal=Goal(at_least=_GOALS[self._name])),
                Side(name="hello-world that reads the request", run=lambda: self._greet("/read")),
            ],
            rounds=rounds,
        )
        calm = [load.p99_ms for load, _ in self._sent[1:]]
        batches = compare(
            f"identifies in batches of {BATCH}, {self._name}",
            unit="identifies",
            hub=lambda: self._send(batch=BATCH).rate * BATCH,
            beside=[Side(name="hello-world", run=lambda: self._greet("/"), goal=Goal(at_least=10))],
            rounds=rounds,
        )
        self._check()
        return [
            *alone,
            figure(f"99 of 100 identifies, {self._name}, take", calm, "ms", Goal(at_most=30)),
            *batches,
        ]

    def two_processes(self) -> list[Row]:
        """Compare two web processes with one."""
        with web_of(self._hub, 2) as two:
            return compare(
                f"identify, {self._name}, two web processes",
                unit="identifies",
                hub=lambda: self._send(url=two).rate,
                beside=[Side(name="one", run=lambda: self._send().rate)],
                rounds=self._options.rounds,
            )

    def beside_a_worker(self) -> list[Row]:
        """Measure how long identifies take while a worker decides what came before."""
        for role in ("worker-1", "scheduler"):
            self._hub.start(role)
        self._hub.wait_for(self._is_deciding, "deciding")
        found = [self._send().p99_ms for _ in range(self._options.rounds)]
        if not self._waiting():
            raise AssertionError("the backlog ended before the measurement; make its rounds longer")
        return [figure(f"99 of 100 while a backlog is decided, {self._name}, take", found, "ms", Goal(at_most=60))]

    def _send(self, *, batch: int = 0, url: str | None = None) -> Load:
        path = "/v1/batch" if batch else "/v1/identify"
        load = send(url or self._hub.url, path, seconds=self._seconds, batch=batch)
        self._sent.append((load, batch))
        return load

    def _greet(self, path: str) -> float:
        return send(self._hello, path, seconds=self._seconds).rate

    def _check(self) -> None:
        """Raise unless all that was answered is in the intake log; what was on its way at an end may be there too."""
        answered = sum(load.answered for load, _ in self._sent)
        with self._hub.opened() as hub:
            stored = intake.waiting(hub.store)[0]
        if not answered <= stored <= answered + len(self._sent) * CONNECTIONS:
            raise AssertionError(f"{answered} requests were answered, but {stored} are in the intake log")

    def _is_deciding(self) -> bool:
        with self._hub.opened() as hub, hub.store.read() as connection:
            return bool(connection.scalar(select(func.count()).select_from(tables.event)))

    def _waiting(self) -> int:
        with self._hub.opened() as hub:
            return intake.backlog(hub.store)[0]
