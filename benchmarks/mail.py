"""Mails that are due, sent through the point of no return to a mail system that takes everything."""

from __future__ import annotations

import re
import smtplib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis
from rq import Queue

from benchmarks.crowd import invite
from benchmarks.drain import LONGEST_S, draining
from benchmarks.machine import find, require
from benchmarks.measure import Goal, Options, Row, Side, compare, figure
from benchmarks.one_job_each import send
from benchmarks.render import SENDER, invitation, with_email_message, with_templates_compiled
from benchmarks.stage import databases, far_away, hub_over, listens, smtp_source, toml, unprivileged
from hub.mail.message import InvitationMail, render
from tests.processes import free_port, running
from tests.running_hub import RunningHub

MAILS = 10_000
JOBS = 400


def measure(options: Options) -> list[Row]:
    """Compare two processes with Postfix' own load generator and with RQ, and one process with smtplib."""
    rows: list[Row] = []
    size = len(render(invitation(0)).mime(SENDER))
    with databases(options.databases) as urls, counting_sink() as sink:
        for name, url in urls.items():
            with hub_over(url, toml=toml(smtp_port=sink.port)) as hub:
                rows += _beside_smtp_source(name, hub, sink, options, size)
                rows += _beside_smtplib(name, hub, sink, options)
                rows += _beside_a_job_each(name, hub, sink, options)
                rows.append(_far_away(name, hub, sink, options))
    return rows


def _beside_smtp_source(name: str, hub: RunningHub, sink: Sink, options: Options, size: int) -> list[Row]:
    mails = options.sized(MAILS)

    def floor(*, keeps_connections: bool) -> float:
        return sink.rate(
            mails, lambda: smtp_source(sink.port, mails=mails, size=size, keeps_connections=keeps_connections)
        )

    return compare(
        f"mail, two processes, {name}",
        unit="mails",
        hub=lambda: drained(hub, sink, mails=mails, processes=2),
        beside=[
            Side(name="smtp-source -s 4", run=lambda: floor(keeps_connections=False), goal=Goal(at_least=0.6)),
            Side(name="smtp-source -s 4 -d", run=lambda: floor(keeps_connections=True)),
        ],
        rounds=options.rounds,
    )


def _beside_smtplib(name: str, hub: RunningHub, sink: Sink, options: Options) -> list[Row]:
    def naive(mails: int, make: Callable[[InvitationMail], bytes]) -> float:
        return sink.rate(mails, lambda: _with_smtplib(sink.port, mails, make))

    return compare(
        f"mail, one process, {name}",
        unit="mails",
        hub=lambda: drained(hub, sink, mails=options.sized(MAILS // 2), processes=1),
        beside=[
            Side(
                name="smtplib and EmailMessage",
                run=lambda: naive(options.sized(MAILS // 10), with_email_message),
                goal=Goal(at_least=8),
            ),
            Side(
                name="smtplib and EmailMessage, templates compiled each time",
                run=lambda: naive(options.sized(MAILS // 100), with_templates_compiled),
            ),
        ],
        rounds=options.rounds,
    )


def _with_smtplib(port: int, mails: int, make: Callable[[InvitationMail], bytes]) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        for one in map(invitation, range(mails)):
            client.sendmail("hello@acme.example", [one.to], make(one))


def _beside_a_job_each(name: str, hub: RunningHub, sink: Sink, options: Options) -> list[Row]:
    return compare(
        f"surveys sent, two processes, {name}",
        unit="mails",
        hub=lambda: drained(hub, sink, mails=options.sized(MAILS), processes=2),
        beside=[
            Side(
                name="two RQ workers with a job a survey",
                run=lambda: _with_jobs(hub, sink, options.sized(JOBS)),
                goal=Goal(at_least=50),
            )
        ],
        rounds=options.rounds,
    )


def _with_jobs(hub: RunningHub, sink: Sink, jobs: int) -> float:
    redis = Redis.from_url(hub.environ["HUB_REDIS_URL"])
    queue = Queue("naive", connection=redis)
    preloaded = "import benchmarks.one_job_each; from rq.cli import main; main()"  # no job pays for imports
    command = [sys.executable, "-c", preloaded, "worker", "naive", "--url", hub.environ["HUB_REDIS_URL"], "--quiet"]
    with ExitStack() as stack:
        log = hub.directory / "rq.log"
        stack.enter_context(running([*command], is_ready=lambda: _workers(redis) >= 1, log=log))
        stack.enter_context(running([*command], is_ready=lambda: _workers(redis) >= 2, log=log))
        work = [Queue.prepare_data(send, args=(sink.port, number), result_ttl=0) for number in range(jobs)]

        return sink.rate(jobs, lambda: queue.enqueue_many(work))


def _workers(redis: Redis) -> int:
    return int(redis.scard("rq:workers:naive"))


def _far_away(name: str, hub: RunningHub, sink: Sink, options: Options) -> Row:
    with far_away(sink.port, round_trip_ms=60) as port:
        hub.apply(toml(smtp_port=port, connections=24))
        rates = [drained(hub, sink, mails=options.sized(MAILS // 5), processes=1) for _ in range(options.rounds)]
    hub.apply(toml(smtp_port=sink.port))
    what = f"mail to a relay 60 ms away, 24 connections, {name}"
    return figure(what, rates, "mails/s", Goal(at_least=300))


def drained(hub: RunningHub, sink: Sink, *, mails: int, processes: int) -> float:
    """Return how many mails a second new processes of the hub send that were due and not touched yet."""
    with hub.opened() as opened:
        invite(opened, mails)
    with ExitStack() as stack:
        workers = [stack.enter_context(draining(hub, "deliver")) for _ in range(processes)]

        def work() -> None:
            for worker in workers:
                worker.begin()
            told = [worker.finish() for worker in workers]
            assert sum(told) == mails, f"{told} of {mails} mails: {hub.logs()}"

        return sink.rate(mails, work)


class Sink:
    """A mail system that takes every mail, keeps none, and counts them."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._log = log

    @property
    def mails(self) -> int:
        """How many came in so far."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - 200))
            counts = re.findall(rb"mesg=(\d+)\r", log.read())
        return int(counts[-1]) if counts else 0

    def rate(self, mails: int, work: Callable[[], object]) -> float:
        """Return how many mails a second come of `work`, until all have come in; each came once."""
        before, started = self.mails, time.perf_counter()
        work()
        while self.mails < before + mails:
            assert time.perf_counter() < started + LONGEST_S, f"only {self.mails - before} of {mails} mails came in"
            time.sleep(0.005)
        took_s = time.perf_counter() - started
        assert self.mails == before + mails, f"{self.mails - before} mails came in, {mails} were sent"
        return mails / took_s


@contextmanager
def counting_sink() -> Iterator[Sink]:
    """Run Postfix' `smtp-sink` and have it count."""
    require("smtp-sink", "smtp-source")
    port = free_port()
    with TemporaryDirectory(prefix="hub-bench-") as directory:
        log = Path(directory, "log")
        command = [str(find("smtp-sink")), "-c", *unprivileged(), f"127.0.0.1:{port}", "1024"]
        with running(command, is_ready=lambda: listens(port), log=log):
            yield Sink(port, log)
