"""Redis is only a wake-up: what happens to it makes mails late, and never lost, double or unknown."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.faults.asking import identify, setup, states
from tests.faults.breakable import BreakableRedis
from tests.running_hub import ROLES, RunningHub, running_hub
from tests.servers import SmtpSink

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

REQUESTS = 300
SLOW_S = 0.5


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, breakable: BreakableRedis, sink: SmtpSink) -> Iterator[RunningHub]:
    """A hub that the tests of this module share. Nobody starts any of its processes again."""
    folder = tmp_path_factory.mktemp("hub")
    url = f"sqlite:///{folder / 'data' / 'hub.db'}"
    with running_hub(folder, database_url=url, redis_url=breakable.url, toml=setup(sink)) as running:
        yield running


FAULTS: dict[str, tuple[Callable[[BreakableRedis], None], Callable[[BreakableRedis], None]]] = {
    "dead": (BreakableRedis.kill, BreakableRedis.start),
    "hung": (BreakableRedis.freeze, BreakableRedis.thaw),
    "full": (BreakableRedis.fill, BreakableRedis.empty),
    "locked": (BreakableRedis.lock, BreakableRedis.unlock),
    "flushed": (BreakableRedis.flush, BreakableRedis.flush),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_happens_to_redis_intake_answers_and_mails_come_once_it_is_over(
    hub: RunningHub, breakable: BreakableRedis, sink: SmtpSink, fault: str
) -> None:
    """The half second is no benchmark: a request that waited for Redis would take as long as Redis is away."""
    begin, end = FAULTS[fault]
    before = len(sink.mails)
    with requests.Session() as session:
        taken = [send(hub, session, f"{fault}-before-{number}") for number in range(20)]  # so that work is in hand
        begin(breakable)
        try:
            taken += [send(hub, session, f"{fault}-{number}") for number in range(REQUESTS)]
        finally:
            end(breakable)
    assert sum(seconds > SLOW_S for seconds in taken[20:]) <= REQUESTS / 100
    mails = sink.wait_for(before + len(taken), 90)
    assert max(Counter(mail.recipients for mail in mails).values()) == 1
    hub.wait_for(lambda: states(hub).keys() == {"sent"}, "every mail known to be sent")
    assert [role for role in ROLES if hub.processes[role].poll() is not None] == []
    hub.wait_for(hub.is_ready, "everything at work")


def send(hub: RunningHub, session: requests.Session, user: str) -> float:
    """Send an event and return how many seconds the answer took."""
    started = time.monotonic()
    answer = identify(hub, user, session)
    assert answer.status_code == 200, answer.text
    return time.monotonic() - started


def test_worker_that_is_stopped_while_redis_is_away_finishes_what_it_sends(
    hub: RunningHub, breakable: BreakableRedis, sink: SmtpSink
) -> None:
    before = len(sink.mails)
    sink.hold()
    assert identify(hub, "in-hand").ok
    hub.wait_for(lambda: states(hub)["sending"] == 1, "a mail on its way")
    breakable.kill()
    workers = [hub.processes.pop(role) for role in ROLES if role.startswith("worker")]
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    sink.let_go()
    sink.wait_for(before + 1)
    hub.wait_for(lambda: all(worker.poll() is not None for worker in workers), "the workers to end")
    assert [worker.returncode for worker in workers] == [0, 0]
    assert states(hub).keys() == {"sent"}
    hub.start("worker-1")  # before Redis: it waits
    breakable.start()
    hub.wait_for(hub.is_ready, "everything at work")
