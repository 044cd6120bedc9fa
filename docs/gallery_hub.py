"""The hub of the pictures: what furnishes the console's tests, come about over a week, after half a year of answers."""

from __future__ import annotations

import os
import platform
import random
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rq import Worker
from rq.worker import WorkerStatus

from hub.admin.access import accounts, sessions
from hub.admin.access.accounts import AccountRole
from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.pipeline.hub import Hub
from hub.store import processes
from hub.wake import QUEUE, connect
from tests.clock import Clock
from tests.configured import API_KEY
from tests.console.answers import give
from tests.console.crowd import PASSING
from tests.console.furnished import TOML, furnished_hub

BASE_URL = "https://surveys.acme.example"
NAME, PASSWORD = "ada@acme.example", "a long enough password"
_OTHERS = {
    "grace@acme.example": (AccountRole.EDITOR, timedelta(days=160)),
    "alan@acme.example": (AccountRole.VIEWER, timedelta(days=20)),
}
_ADDRESSES = {
    "api_key": API_KEY,
    "mail_port": 587,
    "sendgrid": "https://api.sendgrid.com",
    "segment": "https://api.segment.io",
    "ops": "https://ops.acme.example",
    "secret": "e" * 32,
}


@contextmanager
def gallery_hub(directory: Path, *, redis_url: str) -> Iterator[Hub]:
    """Yield a hub at work, as its people see it today."""
    today = datetime.now(UTC)
    clock = Clock(today - PASSING - timedelta(minutes=40))
    url = f"sqlite:///{directory}/hub.db"
    with furnished_hub(directory, url, redis_url=redis_url, base_url=BASE_URL, clock=clock) as hub:
        _let_colleagues_in(hub, clock, today)
        clock.moment = today
        applying.apply(hub, planning.plan_change(hub, _connections()))
        _look_alive(hub)
        _remember_half_a_year(hub)
        clock.moment = datetime.now(UTC)
        yield hub


def _connections() -> dict[str, Any]:
    """Return what the hub is connected to, at addresses that look like somebody's."""
    tables = tomllib.loads(TOML.format(**_ADDRESSES).replace('"127.0.0.1"', '"mail.acme.example"'))
    return {name: table for name, table in tables.items() if name != "surveys"}


def _let_colleagues_in(hub: Hub, clock: Clock, today: datetime) -> None:
    for name, (role, ago) in {NAME: (AccountRole.ADMIN, timedelta(days=180)), **_OTHERS}.items():
        clock.moment = today - ago
        accounts.add(hub, name, PASSWORD, role)
        clock.moment = today - ago / 40
        sessions.log_in(hub, name, PASSWORD, "the gallery")


def _look_alive(hub: Hub) -> None:
    """Have the pages see a worker and a scheduler; really at work, they would change what the pictures show."""
    worker = Worker([QUEUE], connection=connect(hub.settings.effective_redis_url, timeout_s=1))
    worker.hostname, worker.pid = platform.node(), os.getpid() + 1
    worker.register_birth()
    worker.set_state(WorkerStatus.IDLE)
    now, pid = hub.now(), os.getpid() + 2
    with hub.store.write() as connection:
        processes.beat(
            connection, process_id="s", role="scheduler", host=platform.node(), pid=pid, started_at=now, now=now
        )


def _remember_half_a_year(hub: Hub) -> None:
    """Add answers of the last months, so that there is a trend to see."""
    dice = random.Random(17)
    survey_id = next(one.id for one in hub.registry.current().surveys.values() if one.name == "onboarding")
    lab: Any = SimpleNamespace(hub=hub, clock=hub.now, survey_id=survey_id)
    for days in range(PASSING.days + 1, 180):
        scores = dice.choices(
            range(11), weights=[1, 1, 1, 2, 2, 4, 5, 9, 14, 22, 24 - days // 12], k=dice.randint(1, 5)
        )
        give(lab, scores, at=hub.now() - timedelta(days=days), language=dice.choice(["en", "en", "de"]))
