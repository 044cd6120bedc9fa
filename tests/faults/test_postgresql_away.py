"""PostgreSQL cuts connections, crashes, or takes no writes: senders come again, and everything goes on by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.asking import end_leases, identify, setup, states
from tests.faults.breakable import BreakablePostgres, breakable_postgres
from tests.running_hub import ROLES, RunningHub, running_hub
from tests.servers import RedisServer, SmtpSink, find_postgres

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

CUSTOMERS = 100


@pytest.fixture(scope="module")
def postgres() -> Iterator[BreakablePostgres]:
    if find_postgres() is None:
        pytest.skip("PostgreSQL is not installed")
    with breakable_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: BreakablePostgres,
    redis_server: RedisServer,
    sink: SmtpSink,
) -> Iterator[RunningHub]:
    """A hub that the tests of this module share. Nobody starts any of its processes again."""
    redis_server.flush()
    folder = tmp_path_factory.mktemp("hub")
    with (
        postgres.database() as url,
        running_hub(folder, database_url=url, redis_url=redis_server.url, toml=setup(sink)) as running,
    ):
        yield running


FAULTS: dict[str, tuple[Callable[[BreakablePostgres], None], Callable[[BreakablePostgres], None]]] = {
    "cut": (BreakablePostgres.cut, BreakablePostgres.cut),
    "crashed": (BreakablePostgres.crash, BreakablePostgres.start),
    "read-only": (BreakablePostgres.protect, BreakablePostgres.unprotect),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_happens_to_postgresql_everybody_is_asked_once_it_is_over(
    hub: RunningHub, postgres: BreakablePostgres, sink: SmtpSink, fault: str
) -> None:
    begin, end = FAULTS[fault]
    before = sum(states(hub).values())
    refused: list[str | None] = []

    def send(number: int) -> None:
        """Send an event as the SDKs do: again, until it is taken."""
        while not (answer := identify(hub, f"{fault}-{number}")).ok:
            assert answer.status_code == 503, answer.text
            refused.append(answer.headers["Retry-After"])

    with ThreadPoolExecutor(4) as senders:
        sent = [senders.submit(send, number) for number in range(CUSTOMERS)]
        sent[CUSTOMERS // 2].result(60)
        begin(postgres)
        try:
            if fault != "cut":
                hub.wait_for(lambda: len(refused) > 20, "senders that are sent away")
                hub.wait_for(lambda: not hub.is_ready(), "the trouble to be told")
        finally:
            end(postgres)
        for one in sent:
            one.result(60)
    hub.wait_for(lambda: sum(states(hub).values()) == before + CUSTOMERS, "every event decided")
    hub.wait_for(lambda: (end_leases(hub), states(hub).keys() <= {"sent", "unknown"})[1], "every invitation concluded")
    mailed = Counter(mail.recipients for mail in sink.mails)
    assert max(mailed.values()) == 1
    found = states(hub)
    assert found["sent"] <= len(mailed) <= found["sent"] + found["unknown"] == before + CUSTOMERS
    assert [role for role in ROLES if hub.processes[role].poll() is not None] == []
    hub.wait_for(hub.is_ready, "everything at work")
    hub.hub("doctor")


def test_mail_that_was_taken_while_postgresql_was_away_is_in_no_doubt(
    hub: RunningHub, postgres: BreakablePostgres, sink: SmtpSink
) -> None:
    before = len(sink.mails)
    sink.hold()
    assert identify(hub, "in-hand").ok
    hub.wait_for(lambda: states(hub)["sending"] == 1, "a mail on its way")
    postgres.crash()
    sink.let_go()
    sink.wait_for(before + 1)
    postgres.start()
    hub.wait_for(lambda: states(hub).keys() == {"sent"}, "its outcome")
