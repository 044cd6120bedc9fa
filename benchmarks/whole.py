"""The whole path: identifies by HTTP until their mails have arrived, beside mails alone that are due already."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count

from sqlalchemy import func, select

from benchmarks.load import AUTHORIZATION, identify
from benchmarks.mail import Sink, counting_sink, drained
from benchmarks.measure import Goal, Options, Row, Side, compare
from benchmarks.stage import databases, hub_over, toml
from hub.domain.states import State
from hub.store.tables import invitation
from tests.processes import stop
from tests.running_hub import ROLES, RunningHub

PEOPLE = 100_000
BATCH = 100
SENDERS = 4
ROUNDS_EACH = 5
"""Of this stage one round is as long as so many of another."""
_runs = count()


def measure(options: Options) -> list[Row]:
    """Compare a hub at work, of a web process, two workers and a scheduler, with two processes that only send."""
    rows: list[Row] = []
    people = options.sized(PEOPLE)
    with databases(options.databases) as urls, counting_sink() as sink:
        for name, url in urls.items():
            with hub_over(url, toml=toml(smtp_port=sink.port)) as hub:
                alone = Side(
                    name="the mails alone",
                    run=lambda hub=hub: drained(hub, sink, mails=people, processes=2),  # type: ignore[misc]
                    goal=Goal(at_least=0.7),
                )
                rows += compare(
                    f"identifies to mails, {name}",
                    unit="mails",
                    hub=lambda hub=hub: _surveyed(hub, sink, people),  # type: ignore[misc]
                    beside=[alone],
                    rounds=max(1, options.rounds // ROUNDS_EACH),
                )
    return rows


def _surveyed(hub: RunningHub, sink: Sink, people: int) -> float:
    """Return how many new people a second are identified and mailed, each once."""
    bodies = _batches(people)
    before, sent_before = sink.mails, _sent(hub)
    with _at_work(hub):
        rate = sink.rate(people, lambda: _post(hub.port, bodies))
        hub.wait_for(lambda: _sent(hub) == sent_before + people, "all mails being on record")
    assert sink.mails == before + people, f"{sink.mails - before} mails came in for {people} people"
    return rate


@contextmanager
def _at_work(hub: RunningHub) -> Iterator[None]:
    for role in ROLES:
        hub.start(role)
    try:
        hub.wait_for(hub.is_ready, "everything at work")
        yield
    finally:
        for role in ROLES:
            stop(hub.processes.pop(role), signal.SIGTERM, timeout_s=15)


def _batches(people: int) -> list[bytes]:
    run, now = next(_runs), datetime.now(UTC).isoformat()
    events = [identify(f"w{run}-{number}", f"w{run}-{number}", at=now) for number in range(people)]
    return [b'{"batch":[%s]}' % b",".join(events[start : start + BATCH]) for start in range(0, people, BATCH)]


def _post(port: int, bodies: Sequence[bytes]) -> None:
    with ThreadPoolExecutor(SENDERS) as senders:
        shares = [bodies[start::SENDERS] for start in range(SENDERS)]
        for _ in senders.map(lambda share: _post_share(port, share), shares):
            pass


def _post_share(port: int, bodies: Sequence[bytes]) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": AUTHORIZATION}
    for body in bodies:
        connection.request("POST", "/v1/batch", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, f"{answer.status}: {said!r}"
    connection.close()


def _sent(hub: RunningHub) -> int:
    statement = select(func.count()).select_from(invitation).where(invitation.c.state == State.SENT)
    with hub.opened() as opened, opened.store.read() as connection:
        return connection.scalar(statement) or 0
