"""The schedule: asks every second whether anything is due, and wakes a worker for it.

It remembers nothing, so it catches up after any outage, and two of them do no harm.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from hub.admin.reporting import weekly_sending
from hub.pipeline import count, notify, remind, sync
from hub.pipeline.hub import Hub
from hub.pipeline.sources import readable_sources
from hub.pipeline.turns import turns_to_see
from hub.registry import Configuration, log_broken
from hub.store import claims, forgettings, holds, intake, leases, notices, outboxes, pauses, processes, sessions
from hub.store.configuration import Role
from hub.store.types import new_id
from hub.wake import Wake

log = logging.getLogger(__name__)

TICK_S = 1.0
BEAT_EVERY_S = 5.0


class Schedule:
    """Ticks until it is stopped."""

    def __init__(self, hub: Hub, wake: Wake) -> None:
        self._hub = hub
        self._wake = wake
        self._stopped = threading.Event()
        self._id = new_id()
        self._started_at = hub.now()
        self._beaten_at = -BEAT_EVERY_S
        self._revision: int | None = None

    def run(self) -> None:
        """Tick every second. A database that is away is waited for."""
        is_away = False
        while not self._stopped.wait(TICK_S):
            try:
                self.tick()
            except SQLAlchemyError as error:
                if not is_away:
                    log.error("The database cannot be reached: %s", type(error).__name__)  # noqa: TRY400  no bug of ours
                is_away = True
            else:
                is_away = False

    def stop(self) -> None:
        """End `run` within a tick."""
        self._stopped.set()

    def tick(self) -> list[str]:
        """Wake workers for everything that is due; return the names of the jobs."""
        now = self._hub.now()
        if time.monotonic() - self._beaten_at >= BEAT_EVERY_S:
            self._beat(now)
        self._look_at(self._hub.registry.current())
        started = sync.start_daily_runs(self._hub)
        if started:
            log.info("Daily sync started for %s", ", ".join(started))
        sync.start_soon_runs(self._hub)
        names = [*due_jobs(self._hub), *background_jobs(self._hub)]
        for name in names:
            self._wake(name)
        return names

    def _look_at(self, configuration: Configuration) -> None:
        if configuration.revision != self._revision:
            log_broken(configuration)
        self._revision = configuration.revision

    def _beat(self, now: datetime) -> None:
        with self._hub.store.write() as connection:
            processes.beat(
                connection,
                process_id=self._id,
                role="scheduler",
                host=platform.node(),
                pid=os.getpid(),
                started_at=self._started_at,
                now=now,
            )
        self._beaten_at = time.monotonic()


def due_jobs(hub: Hub) -> list[str]:
    """Return the names of the jobs that would find something to do right now."""
    now = hub.now()
    configuration = hub.registry.current()
    names = ["decide"] if intake.is_anything_waiting(hub.store, readable_sources(hub)) else []
    with hub.store.read() as connection:
        if _has_to_sweep(connection, now):
            names.append("sweep")
        if forgettings.is_any_due(connection, now):
            names.append("forget")
        turns = turns_to_see(connection, configuration, now)
        sending = [
            survey.id
            for survey in configuration.rules
            if survey.enabled and turns.room(configuration.surveys[survey.id].connections[Role.CHANNEL])
        ]
        if holds.current(connection) is None:
            due_at = claims.next_due_at(connection, sending)
            is_due = due_at is not None and due_at <= now
            if is_due or remind.is_any_due(connection, configuration, now):
                names.append("deliver")
        paused = pauses.paused(connection, now)
        runs = [
            run
            for run in outboxes.unfinished_runs(connection)
            if run.target_id not in paused and not _waits_for_its_plugin(configuration, run)
        ]
        if any(_has_work(connection, run, sync.horizon(configuration, run, now), now) for run in runs):
            names.append("sync")
        if notify.is_due(hub, connection):
            names.append("notify")
        if weekly_sending.is_due(hub, connection):
            names.append("report")
    return names


def background_jobs(hub: Hub) -> list[str]:
    """Return the names of the jobs that would find something to do for which nobody waits."""
    with hub.store.read() as connection:
        return ["count"] if count.is_due(connection, hub.now()) else []


def _has_to_sweep(connection: Connection, now: datetime) -> bool:
    return (
        leases.has_expired_leases(connection, now)
        or sessions.is_any_over(connection, now)
        or notices.is_any_old(connection, now)
    )


def _waits_for_its_plugin(configuration: Configuration, run: Any) -> bool:
    target = configuration.connections[run.target_id]
    return target.provider is None and target.stored.retired_at is None


def _has_work(connection: Connection, run: Any, before: datetime, now: datetime) -> bool:
    is_due = outboxes.is_due(connection, run.target_id, before, now)
    return is_due or not outboxes.is_open(connection, run.target_id, before)
