"""System: whether the hub's parts are there and at work, and what to do about what is not."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import flash, redirect, url_for
from redis.exceptions import RedisError

from hub.admin.health import readiness
from hub.admin.operations import doctor as examining
from hub.admin.operations import jobs, processes, versions
from hub.admin.operations.backlog import backlog
from hub.admin.operations.jobs import Work
from hub.admin.operations.processes import Process
from hub.admin.trouble import Conflict, NotThere
from hub.web import guard
from hub.web.backing import hub
from hub.web.console.frame import pages, show

LONGEST_LOOK_S = 20.0
_looking = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class _Redis:
    """What Redis says of jobs and workers; nothing while it is away."""

    work: Work | None = None
    workers: Sequence[Process] = ()


@pages.get("/system")
def system() -> Any:
    """Show the parts, the processes, what waits, failed jobs, versions and plugins."""
    checks = readiness(hub())
    is_redis_there = any(one.name == "redis" and one.ok for one in checks)
    redis = _redis() if is_redis_there else _Redis()
    return show(
        "system.html",
        checks=checks,
        processes=[processes.this_one(hub()), *processes.schedulers(hub()), *redis.workers],
        work=redis.work,
        most=jobs.MOST,
        backlog=backlog(hub()),
        schema=versions.schema(hub()),
        versions=versions.versions(hub(), with_redis=is_redis_there),
        plugins=hub().registry.plugins.installed,
    )


@pages.post("/system/jobs/<string:job_id>/retry")
@guard.needs("editor")
def retry_job(job_id: str) -> Any:
    """Have a worker do a failed job again."""
    return _acted(lambda: f"{jobs.retry(hub(), job_id).what} is tried again.")


@pages.post("/system/jobs/<string:job_id>/forget")
@guard.needs("editor")
def forget_job(job_id: str) -> Any:
    """Take a failed job out of the list."""
    return _acted(lambda: _forgotten(job_id))


@pages.get("/system/doctor")
def doctor() -> Any:
    """Say what the doctor looks at."""
    return show("doctor.html", findings=None, at=None, within_s=LONGEST_LOOK_S)


@pages.post("/system/doctor")
@guard.needs("viewer")
def examine() -> Any:
    """Check the invariants, one look at a time, and show what was found."""
    if not _looking.acquire(blocking=False):
        raise Conflict("Somebody runs a check-up right now; it takes 20 seconds at most. Try again then")
    try:
        findings = examining.examine(hub(), within_s=LONGEST_LOOK_S)
    finally:
        _looking.release()
    at: datetime = hub().now()
    return show("doctor.html", findings=findings, at=at, within_s=LONGEST_LOOK_S)


def _redis() -> _Redis:
    try:
        return _Redis(work=jobs.work(hub()), workers=processes.workers(hub()))
    except RedisError:
        return _Redis()


def _forgotten(job_id: str) -> str:
    jobs.forget(hub(), job_id)
    return "The failed job is forgotten. What it was to do is still done when it is due."


def _acted(act: Any) -> Any:
    try:
        flash(act())
    except (Conflict, NotThere) as error:
        flash(f"{error.problems[0]}.", "attention")
    return redirect(url_for("console.system"), 303)
