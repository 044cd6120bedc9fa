"""Answers told to Segment: from a database through the sync target, beside Segment's own library from memory."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests
from segment.analytics.client import Client

from benchmarks.crowd import answers
from benchmarks.measure import Goal, Options, Row, Side, compare
from benchmarks.stage import databases, listens, toml
from hub.pipeline import sync
from hub.pipeline.hub import Hub
from hub.plugin import CustomerUpdate, Limits, Person
from hub.store.configuration import Role
from hub.store.types import EPOCH
from hub_segment.target import SegmentTarget
from tests.configured import configured_hub
from tests.processes import free_port, running

ANSWERS = 20_000
LONGEST_S = 120.0
LIBRARY = "segment-analytics-python"


def measure(options: Options) -> list[Row]:
    """Compare a sync run with Segment's library, as it is by itself and with a call each."""
    rows: list[Row] = []
    with databases(options.databases) as urls, segment() as stub, at_any_rate():
        for name, url in urls.items():
            with (
                tempfile.TemporaryDirectory(prefix="hub-bench-") as directory,
                configured_hub(Path(directory), url, toml=toml(segment=stub.url)) as hub,
            ):
                rows += _beside_the_library(name, hub, stub, options)
    return rows


def _beside_the_library(name: str, hub: Hub, stub: Stub, options: Options) -> list[Row]:
    count = options.sized(ANSWERS)
    return compare(
        f"sync, {name}",
        unit="answers",
        hub=lambda: synced(hub, stub, count),
        beside=[
            Side(name=LIBRARY, run=lambda: _in_its_thread(stub, count), goal=Goal(at_least=20)),
            Side(name=f"{LIBRARY}, a call each", run=lambda: _a_call_each(stub, options.sized(ANSWERS // 40))),
            Side(name="the target alone, from memory", run=lambda: _pushed(hub, stub, count)),
        ],
        rounds=options.rounds,
    )


def synced(hub: Hub, stub: Stub, count: int) -> float:
    """Return how many new answers a second a sync run tells Segment."""
    answers(hub, count)
    return told(hub, stub, count)


def told(hub: Hub, stub: Stub, count: int) -> float:
    """Return how many answers a second a sync run tells Segment; so many wait."""
    sync.start_now(hub)
    return stub.rate(count, lambda: sync.drain(hub, until=time.monotonic() + LONGEST_S))


def _pushed(hub: Hub, stub: Stub, count: int) -> float:
    """Return what the target takes of answers that are in memory: as much as the database could give."""
    target = hub.registry.current().target(hub.registry.current().live(Role.TARGET)[0].id)
    assert target is not None
    updates = [_update(number) for number in range(count)]
    size = target.limits.count

    def work() -> None:
        for start in range(0, count, size):
            target.push(updates[start : start + size])

    return stub.rate(count, work)


def _update(number: int) -> CustomerUpdate:
    return CustomerUpdate(
        message_id=f"hub-benchmarks-{number}-1",
        person=Person(user_id=f"user-{number}"),
        survey="onboarding",
        rating=9,
        comment="It does what it says.",
        rated_at=EPOCH,
    )


def _in_its_thread(stub: Stub, count: int) -> float:
    client = Client("a-write-key-for-benchmarks", host=stub.url, max_queue_size=count)

    def work() -> None:
        _identify(client, count)
        client.flush()

    try:
        return stub.rate(count, work)
    finally:
        client.join()


def _a_call_each(stub: Stub, count: int) -> float:
    client = Client("a-write-key-for-benchmarks", host=stub.url, sync_mode=True)
    return stub.rate(count, lambda: _identify(client, count))


def _identify(client: Client, count: int) -> None:
    for number in range(count):
        traits = {"NPS_rating": 9, "NPS_comment": "It does what it says.", "NPS_date": "2026-01-01T00:00:00.000Z"}
        client.identify(f"user-{number}", traits)


class Stub:
    """Segment, or what stands for it here."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rate(self, count: int, work: Callable[[], object]) -> float:
        """Return how many events a second `work` sends; they have come in, each once."""
        before, started = self._events(), time.perf_counter()
        work()
        took_s = time.perf_counter() - started
        came = self._events() - before
        if came != count:
            raise AssertionError(f"{count} events were to be sent, {came} came in")
        return count / took_s

    def _events(self) -> int:
        return int(requests.get(self.url, timeout=10).text)


@contextmanager
def segment() -> Iterator[Stub]:
    """Run a stub of Segment."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.segment_stub", str(port)]
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-"))
        stack.enter_context(running(command, is_ready=lambda: listens(port), log=Path(directory, "log")))
        yield Stub(f"http://127.0.0.1:{port}")


@contextmanager
def at_any_rate() -> Iterator[None]:
    """Let the target send more than the thousand events a second that Segment asks for."""
    kept = SegmentTarget.limits
    SegmentTarget.limits = Limits(count=kept.count)
    try:
        yield
    finally:
        SegmentTarget.limits = kept
