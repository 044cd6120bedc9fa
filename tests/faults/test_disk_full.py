"""No room for SQLite's files: senders come again, nothing that was accepted is lost, and it goes on by itself."""

from __future__ import annotations

import resource
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest
from redis import Redis

from tests.faults.asking import end_leases, identify, setup, states
from tests.processes import descendants
from tests.running_hub import ROLES, RunningHub, running_hub
from tests.servers import RedisServer, SmtpSink

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the files of a process that runs"),
]

USUAL, FULL = 20, 30


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, sink: SmtpSink) -> Iterator[RunningHub]:
    """A hub on SQLite that the tests of this module share. Nobody starts any of its processes again."""
    redis_server.flush()
    folder = tmp_path_factory.mktemp("hub")
    url = f"sqlite:///{folder / 'data' / 'hub.db'}"
    with running_hub(folder, database_url=url, redis_url=redis_server.url, toml=setup(sink)) as running:
        yield running


def leave_room(hub: RunningHub, roles: tuple[str, ...], size: int) -> None:
    """Have every write of these processes beyond so many bytes of a file fail."""
    for pid in {pid for role in roles for pid in descendants(hub.processes[role].pid)}:
        with suppress(ProcessLookupError):  # a worker's job that has just ended
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_full_disk_refuses_events_and_loses_none(hub: RunningHub, sink: SmtpSink) -> None:
    taken = [user for user in names("before", USUAL) if identify(hub, user).ok]
    leave_room(hub, ROLES, 4_096)
    answers = {user: identify(hub, user) for user in names("full", FULL)}
    assert {(answer.status_code, answer.headers.get("Retry-After")) for answer in answers.values()} == {(503, "5")}
    hub.wait_for(lambda: "The database cannot be reached" in hub.logs(), "the scheduler to notice")
    leave_room(hub, ROLES, resource.RLIM_INFINITY)
    hub.wait_for(lambda: identify(hub, "first-again").ok, "the first event that is taken again")
    taken += ["first-again", *(user for user in names("after", USUAL) if identify(hub, user).ok)]
    assert len(taken) == 2 * USUAL + 1
    all_are_asked_once(hub, sink, taken)


def test_disk_that_is_full_for_the_workers_alone_makes_mails_late(
    hub: RunningHub, sink: SmtpSink, redis_server: RedisServer
) -> None:
    workers = tuple(role for role in ROLES if role.startswith("worker"))
    leave_room(hub, workers, 4_096)
    taken = [user for user in names("late", USUAL) if identify(hub, user).ok]
    assert len(taken) == USUAL
    with Redis.from_url(redis_server.url) as redis:
        hub.wait_for(lambda: redis.get("hub:asked:decide") == b"failed", "a job that fails")
    leave_room(hub, workers, resource.RLIM_INFINITY)
    all_are_asked_once(hub, sink, taken)


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


def all_are_asked_once(hub: RunningHub, sink: SmtpSink, users: list[str]) -> None:
    """Return once all these customers have their mail, and nobody has two, or any is in doubt."""
    wanted = {f"{user}@acme.example" for user in users}
    hub.wait_for(lambda: wanted <= mailed(sink).keys(), "a mail to everybody")
    assert max(mailed(sink).values()) == 1
    hub.wait_for(lambda: (end_leases(hub), states(hub).keys() == {"sent"})[1], "every mail known to be sent")
    assert [role for role in ROLES if hub.processes[role].poll() is not None] == []
    hub.hub("doctor")


def mailed(sink: SmtpSink) -> Counter[str]:
    return Counter(recipient for mail in sink.mails for recipient in mail.recipients)
