"""Growth: what a piece of each stage's work costs among a million people, beside what it costs among ten thousand."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random, SystemRandom

from sqlalchemy import delete, select, text

from benchmarks.crowd import ANSWERED, address, answers_of, make_due, populate
from benchmarks.mail import Sink, counting_sink, drained
from benchmarks.measure import Goal, Options, Row, Side, compare, figure, tell
from benchmarks.stage import EARLY, databases, toml
from benchmarks.sync import Stub, at_any_rate, segment, told
from hub.pipeline import decide, deliver, respond, sync
from hub.pipeline.hub import Hub
from hub.store import tables
from hub.store.configuration import Role
from hub.store.intake import AcceptedBody, Appender
from hub.store.sql import is_among
from hub.store.types import new_id
from tests.configured import configured_hub
from tests.running_hub import RunningHub

FEWEST = 10_000
MOST = 1_000_000
PIECES = 1_000
"""Of work in a round: few beside FEWEST."""
COMMIT = 16
"""Bodies that intake stores together: as many as come from a busy server's threads."""
LONGEST_S = 120.0
WORKERS = (1, 2, 4)
GOAL = Goal(at_most=1.3)
_ON_DISK = {
    "person": ("person", "identity"),
    "event": ("event", "decision"),
    "invitation": ("invitation",),
    "answer": ("response", "response_version", "outbox"),
}


def measure(options: Options) -> list[Row]:
    """Compare hubs that hold more and more people; at the largest, count bytes and add workers."""
    seed = SystemRandom().getrandbits(32)
    tell(f"  seed {seed}")
    rows: list[Row] = []
    with counting_sink() as sink, segment() as stub, at_any_rate():
        for name in options.databases:
            with ExitStack() as stack:
                hubs = [
                    stack.enter_context(_grown(name, count, sink, stub, Random(seed))) for count in sizes(options.scale)
                ]
                rows += _compared(name, hubs, options)
                rows += _on_disk(name, hubs[-1])
                rows += _with_workers(name, hubs[-1], sink, options)
    return rows


def sizes(scale: float) -> list[int]:
    """Return how many people each hub holds: ten times as many as the one before, up to a million times the scale."""
    found = [FEWEST]
    while len(found) < 2 or found[-1] * 10 <= MOST * scale:
        found.append(found[-1] * 10)
    return found


@dataclass(frozen=True, kw_only=True)
class _Grown:
    """A hub with people, and the work there is for it. Each work returns pieces a second."""

    count: int
    hub: Hub
    running: RunningHub
    people: Sequence[str]
    sink: Sink
    stub: Stub
    random: Random
    _not_asked: list[str] = field(default_factory=list)

    def append(self) -> float:
        """Store bodies durably, and throw them away."""
        took_s = self._append(self._bodies([new_id() for _ in range(PIECES)]))
        with self.hub.store.intake.begin() as connection:
            connection.execute(delete(tables.body))
        return PIECES / took_s

    def decide_new(self) -> float:
        """Decide on identifies of people never seen."""
        return self._decide([new_id() for _ in range(PIECES)])

    def decide_known(self) -> float:
        """Decide on identifies of people who wait for their mail."""
        return self._decide(self._some())

    def deliver(self) -> float:
        """Claim and send mails that fell due."""
        make_due(self.hub, self._next_to_ask())
        return self.sink.rate(PIECES, self._send)

    def respond(self) -> float:
        """Record answers, each in a transaction of its own, of people who were just asked."""
        people = self._next_to_ask()
        make_due(self.hub, people)
        self._send()
        tokens = [self.hub.keys.token_of(id) for id in self._sent(people)][: PIECES // 4]
        return len(tokens) / _timed(lambda: [respond.answer(self.hub, token, 9, "Fine.") for token in tokens])

    def sync(self) -> float:
        """Tell Segment answers."""
        sync.start_now(self.hub)
        sync.drain(self.hub, until=time.monotonic() + LONGEST_S)
        answers_of(self.hub, self._some())
        return told(self.hub, self.stub, PIECES)

    def _send(self) -> None:
        deliver.drain(self.hub, until=time.monotonic() + LONGEST_S)

    def _decide(self, people: Sequence[str]) -> float:
        self._append(self._bodies(people))
        return PIECES / _timed(lambda: decide.drain(self.hub, until=time.monotonic() + LONGEST_S))

    def _append(self, bodies: Sequence[AcceptedBody]) -> float:
        log = Appender(self.hub.store)

        def work() -> None:
            for start in range(0, len(bodies), COMMIT):
                log.append(bodies[start : start + COMMIT])

        try:
            return _timed(work)
        finally:
            log.close()

    def _bodies(self, people: Sequence[str]) -> list[AcceptedBody]:
        source_id = self.hub.registry.current().live(Role.SOURCE)[0].id
        now = self.hub.now()
        return [
            AcceptedBody(source_id=source_id, hint="identify", arrived_at=now, body=_identify(id, now)) for id in people
        ]

    def _some(self) -> list[str]:
        return self.random.sample(self.people, PIECES)

    def _next_to_ask(self) -> list[str]:
        """Return people who wait for a mail, none of them twice."""
        if not self._not_asked:
            self._not_asked.extend(self.random.sample(self.people, min(len(self.people), 50 * PIECES)))
        taken = self._not_asked[-PIECES:]
        del self._not_asked[-PIECES:]
        return taken

    def _sent(self, people: Sequence[str]) -> list[str]:
        table = tables.invitation
        with self.hub.store.read() as connection:
            theirs = (is_among(connection, table.c.person_id, people), table.c.state == "sent")
            return list(connection.scalars(select(table.c.id).where(*theirs).order_by(table.c.due_at.desc())))


def _identify(user_id: str, now: datetime) -> bytes:
    """Return what a person's application says again at every login."""
    traits = {"email": address(user_id), "firstName": "Ada", "createdAt": now.date().isoformat()}
    event = {"type": "identify", "userId": user_id, "messageId": new_id(), "timestamp": now.isoformat()}
    return json.dumps({**event, "traits": traits}).encode()


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def _grown(name: str, count: int, sink: Sink, stub: Stub, random: Random) -> Iterator[_Grown]:
    configuration = toml(segment=stub.url, smtp_port=sink.port, connections=32, **EARLY)
    with (
        databases([name]) as urls,
        tempfile.TemporaryDirectory(prefix="hub-bench-") as directory,
        configured_hub(Path(directory), urls[name], toml=configuration) as hub,
    ):
        started = time.monotonic()
        people = populate(hub, count)
        tell(f"  {count:,} people, {name}: made within {time.monotonic() - started:.0f} s")
        running = RunningHub(Path(directory), database_url=urls[name], redis_url=f"unix://{directory}/none")
        yield _Grown(count=count, hub=hub, running=running, people=people, sink=sink, stub=stub, random=random)


def _compared(name: str, hubs: Sequence[_Grown], options: Options) -> list[Row]:
    works: dict[str, Callable[[_Grown], float]] = {
        "append to the intake log": _Grown.append,
        "decide, new people": _Grown.decide_new,
        "decide, known people": _Grown.decide_known,
        "claim and send": _Grown.deliver,
        "respond": _Grown.respond,
        "sync": _Grown.sync,
    }
    smallest, *larger = hubs
    rows: list[Row] = []
    for what, work in works.items():
        sides = [Side(name=f"{hub.count:,}", run=partial(work, hub), goal=GOAL) for hub in larger]
        found = compare(f"{what}, {name}", unit="", hub=partial(work, smallest), beside=sides, rounds=options.rounds)
        rows += [
            replace(row, what=f"{what}, {name}: cost among {hub.count:,} / {smallest.count:,}")
            for row, hub in zip(found, larger, strict=True)
        ]
    return rows


def _on_disk(name: str, grown: _Grown) -> list[Row]:
    """Return how many bytes a piece takes, its indexes with it."""
    sized = _sizes_on_disk(grown.hub)
    counts = {"answer": grown.count / ANSWERED, "invitation": grown.count * (1 + 1 / ANSWERED)}
    return [
        figure(f"{what} on disk, {name}", [sum(sized[table] for table in its) / counts.get(what, grown.count)], "bytes")
        for what, its in _ON_DISK.items()
    ]


def _sizes_on_disk(hub: Hub) -> dict[str, int]:
    statement = "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'"
    if hub.store.is_sqlite:
        statement = "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_master m USING (name) GROUP BY 1"
    with hub.store.read() as connection:
        return {table: int(size) for table, size in connection.execute(text(statement)).all()}


def _with_workers(name: str, grown: _Grown, sink: Sink, options: Options) -> list[Row]:
    return [
        figure(
            f"mail, {workers} worker{'s' if workers > 1 else ''}, {grown.count:,} people, {name}",
            [drained(grown.running, sink, mails=5 * PIECES, processes=workers) for _ in range(options.rounds)],
            "mails/s",
        )
        for workers in WORKERS
    ]
