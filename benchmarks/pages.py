"""Pages of the console: how long the server takes for each among a million people who all answered, and their size."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import select

from benchmarks.crowd import address, populate
from benchmarks.measure import Goal, Options, Row, figure, tell
from benchmarks.stage import EARLY, databases, toml
from hub.admin.access import accounts, sessions
from hub.admin.access.accounts import AccountRole
from hub.pipeline import count as counting
from hub.pipeline.hub import Hub
from hub.store import tables
from hub.store.configuration import SEGMENT_TRAITS, raise_revision, write_setting
from hub.web.app import create_app
from tests.configured import configured_hub

PEOPLE = 1_000_000
QUICK, SMALL = Goal(at_most=100.0), Goal(at_most=100.0)
"""Milliseconds, and thousands of bytes."""


def measure(options: Options) -> list[Row]:
    """Ask for each page several times, as somebody who is logged in."""
    count = options.sized(PEOPLE)
    rows: list[Row] = []
    for name in options.databases:
        with _peopled(name, count) as hub:
            client = _logged_in(hub)
            sizes = []
            for what, path in _paths(hub).items():
                took_ms, kilobytes = _page(f"{what}, {count:,} people, {name}", client, path, options.rounds)
                rows.append(figure(f"{what}, {count:,} people, {name}", took_ms, "ms", QUICK))
                sizes.append(kilobytes)
            rows.append(figure(f"the largest page, {count:,} people, {name}", [max(sizes)], "kB", SMALL))
    return rows


def _page(what: str, client: FlaskClient, path: str, rounds: int) -> tuple[list[float], float]:
    """Return the milliseconds of each round, and the page's thousands of bytes."""
    took_ms, kilobytes = [], 0.0
    client.get(path)
    for _ in range(rounds):
        started = time.perf_counter()
        answer = client.get(path)
        took_ms.append(1_000 * (time.perf_counter() - started))
        kilobytes = len(answer.data) / 1_000
        assert answer.status_code == 200, f"{path} answered {answer.status_code}"
    tell(f"  {what}: {min(took_ms):.0f} ms, {kilobytes:.0f} kB")
    return took_ms, kilobytes


def _paths(hub: Hub) -> Mapping[str, str]:
    with hub.store.read() as connection:
        response, person = connection.execute(select(tables.response.c.id, tables.response.c.person_id).limit(1)).one()
        event = connection.scalar(select(tables.event.c.id).limit(1))
        [survey] = connection.scalars(select(tables.survey.c.name))
    return {
        "home": "/?period=all",
        "home of a year": "/?period=365",
        "home of a language": "/?period=all&among=language%3Dde",
        "home of a trait": "/?period=all&among=plan%3Dpro",
        "surveys": "/surveys",
        "a survey": f"/surveys/{survey}",
        "people": "/people",
        "a search": f"/people?who={address('nobody')}",
        "a person": f"/people/{person}",
        "queue": "/queue",
        "responses": "/responses",
        "responses of a band": "/responses?score=detractor",
        "responses searched": "/responses?said=nowhere+to+be+found",
        "a response": f"/responses/{response}",
        "events": "/events",
        "an event": f"/events/{event}",
        "connections": "/connections",
        "system": "/system",
        "settings": "/settings",
        "suppressions": "/settings/suppressions",
        "audit log": "/settings/audit",
    }


def _logged_in(hub: Hub) -> FlaskClient:
    account = accounts.add(hub, "ada", "four yellow teapots", AccountRole.ADMIN)
    client = create_app(hub).test_client()
    client.set_cookie("__Host-hub", sessions.begin(hub, account), secure=True)
    client.environ_base["wsgi.url_scheme"] = "https"
    return client


@contextmanager
def _peopled(name: str, count: int) -> Iterator[Hub]:
    with (
        databases([name]) as urls,
        tempfile.TemporaryDirectory(prefix="hub-bench-") as directory,
        configured_hub(Path(directory), urls[name], toml=toml(segment="http://127.0.0.1:9", **EARLY)) as hub,
    ):
        started = time.monotonic()
        with hub.store.write() as connection:
            write_setting(connection, SEGMENT_TRAITS, ["plan"])
            raise_revision(connection)
        populate(hub, count, answered=1)
        tell(f"  {count:,} people, {name}: made within {time.monotonic() - started:.0f} s")
        started = time.monotonic()
        while not counting.drain(hub, until=time.monotonic() + 60):
            pass
        tell(f"  {count:,} people, {name}: counted within {time.monotonic() - started:.0f} s")
        yield hub
