"""A database that is stuck: senders are told to come again, soon and at no cost in memory, and nothing is lost."""

from __future__ import annotations

import json
import resource
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import requests
from sqlalchemy import select

from hub.store import tables
from tests.processes import descendants, stop
from tests.running_hub import API_KEY, RunningHub

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

SENDERS = 64
EACH = 3
BODY_BYTES = 500_000
WAITED_S = 15.0
"""Five for the first, who meet a database that seemed well; room for a machine that has other things to do."""
GROWN_BYTES = 128_000_000
TOML = f"""
[sources.product]
kind = "segment"
api_key = "{API_KEY}"
"""


@pytest.fixture
def hub(tmp_path: Path, database_url: str) -> Iterator[RunningHub]:
    """The web process of a hub, without anything else."""
    hub = RunningHub(tmp_path, database_url=database_url, redis_url=f"unix://{tmp_path}/nobody.sock")
    hub.apply(TOML)
    hub.start("web")
    try:
        hub.wait_for(hub.is_answering, "the web process")
        yield hub
    finally:
        stop(hub.processes["web"], signal.SIGTERM, timeout_s=15)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is looked up in /proc")
def test_senders_that_meet_a_stuck_database_are_sent_away_and_welcome_afterwards(
    hub: RunningHub, tmp_path: Path, database_url: str
) -> None:
    send(hub, "first")
    usual = memory(hub)
    with stuck(database_url, tmp_path), ThreadPoolExecutor(SENDERS) as senders:
        answers = list(senders.map(lambda number: send(hub, f"early-{number}"), range(SENDERS * EACH)))
        grown = memory(hub) - usual
        started = time.monotonic()
        assert hub.is_answering()
        assert time.monotonic() - started < 2
    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in answers} == {(503, "5")}
    assert max(answer.elapsed.total_seconds() for answer in answers) < WAITED_S
    assert grown < GROWN_BYTES
    names = [f"late-{number}" for number in range(SENDERS)]
    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(lambda name: hub.wait_for(lambda: send(hub, name).ok, f"{name} taken"), names))
    assert {"first", *names} <= stored(hub)


def send(hub: RunningHub, name: str) -> requests.Response:
    """Send a body of half a megabyte, as a sender who waits for as long as it takes."""
    event = {"type": "track", "event": "Bought", "userId": "ada", "properties": {"note": "x" * 30_000}}
    batch = [{**event, "messageId": f"{name}/{number}"} for number in range(BODY_BYTES // 31_000)]
    return requests.post(f"{hub.url}/v1/batch", json={"batch": batch}, auth=(API_KEY, ""), timeout=60)


def stored(hub: RunningHub) -> set[str]:
    """Return the names of the bodies in the intake log."""
    with hub.opened() as opened, opened.store.intake.connect() as connection:
        bodies = connection.scalars(select(tables.body.c.body)).all()
    return {json.loads(body)["batch"][0]["messageId"].partition("/")[0] for body in bodies}


def memory(hub: RunningHub) -> int:
    """Return how much memory the web process and its children use."""
    pids = descendants(hub.processes["web"].pid)
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() for pid in pids)


@contextmanager
def stuck(database_url: str, folder: Path) -> Iterator[None]:
    """Have nobody write to the intake log."""
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(folder / "intake.db", isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")
    else:
        with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
            connection.execute("LOCK TABLE body IN ACCESS EXCLUSIVE MODE")
            yield
