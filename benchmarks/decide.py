"""Decide: events from the intake log until they are decisions and invitations, beside taking them in one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import delete

from benchmarks.drain import Drain, draining
from benchmarks.intake import web
from benchmarks.load import identify, send
from benchmarks.machine import require
from benchmarks.measure import Goal, Options, Row, Side, compare
from benchmarks.stage import EARLY, databases, hub_over, toml
from hub.store import intake, tables, tallies
from hub.store.configuration import Role
from hub.store.intake import AcceptedBody
from tests.running_hub import RunningHub

EVENTS = 20_000
SECONDS = 3
_STORED_AT_ONCE = 1_000


def measure(options: Options) -> list[Row]:
    """Measure one process that decides events of new people, of known people, and some that it decided before."""
    require("wrk")
    rows: list[Row] = []
    with databases(options.databases) as urls:
        for name, url in urls.items():
            with hub_over(url, toml=toml(**EARLY)) as hub, web(hub), draining(hub, "decide") as drain:
                rows += _Decide(hub, drain, options).rows(name)
    return rows


class _Decide:
    """The measurements on one database."""

    def __init__(self, hub: RunningHub, drain: Drain, options: Options) -> None:
        self._hub = hub
        self._drain = drain
        self._options = options
        self._events = options.sized(EVENTS)
        self._rounds = count()
        self._now = datetime.now(UTC).isoformat()

    def rows(self, name: str) -> list[Row]:
        """Compare what is decided a second with identifies that are taken in a second, one a request."""
        cases: Sequence[tuple[str, Callable[[], float]]] = [
            ("new people", self._new_people),
            ("people known before", self._known_people),
            ("events decided before", self._duplicates),
        ]
        rows: list[Row] = []
        for what, run in cases:
            single = Side(name="single intake", run=self._take_in, goal=Goal(at_least=2))
            rows += compare(
                f"decide, {what}, {name}", unit="events", hub=run, beside=[single], rounds=self._options.rounds
            )
        return rows

    def _new_people(self) -> float:
        number = next(self._rounds)
        return self._decided(people=f"p{number}", messages=f"m{number}", expected="scheduled")

    def _known_people(self) -> float:
        return self._decided(people="p0", messages=f"m{next(self._rounds)}", expected="already_scheduled")

    def _duplicates(self) -> float:
        return self._decided(people="p0", messages="m0", expected="duplicate")

    def _decided(self, *, people: str, messages: str, expected: str) -> float:
        """Return how many events a second are decided, each with the reason that is expected of it."""
        numbers = range(self._events)
        self._store([identify(f"{people}-{number}", f"{messages}-{number}", at=self._now) for number in numbers])
        before, started = self._count(expected), time.perf_counter()
        self._drain.begin()
        decided = self._drain.finish()
        took_s = time.perf_counter() - started
        so_decided = self._count(expected) - before
        if not decided == so_decided == self._events:
            raise AssertionError(
                f"{so_decided} of {decided} events, of {self._events}, are {expected}: {self._hub.logs()}"
            )
        return decided / took_s

    def _store(self, bodies: Sequence[bytes]) -> None:
        """Put bodies into the intake log as HTTP does."""
        with self._hub.opened() as hub:
            source = hub.registry.current().named(Role.SOURCE, "product")
            assert source is not None
            now = hub.now()
            accepted = [
                AcceptedBody(source_id=source.id, hint="identify", arrived_at=now, body=body) for body in bodies
            ]
            for start in range(0, len(accepted), _STORED_AT_ONCE):
                intake.append(hub.store, accepted[start : start + _STORED_AT_ONCE])

    def _count(self, reason: str) -> int:
        with self._hub.opened() as hub, hub.store.read() as connection:
            return sum(number for tally, number in tallies.read(connection).items() if tally[-1] == reason)

    def _take_in(self) -> float:
        """Return how many identifies a second are taken in, and empty the intake log again."""
        rate = send(self._hub.url, "/v1/identify", seconds=max(1, round(SECONDS * self._options.scale))).rate
        with self._hub.opened() as hub, hub.store.intake.begin() as connection:
            connection.execute(delete(tables.body))
        return rate
