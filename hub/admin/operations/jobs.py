"""The jobs of the workers: how many wait, and those that failed. What is to be done is in the database, not in them.

RQ keeps a failed job for an hour. Why it failed is in the worker's log alone: what was raised may hold what customers
said.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import DeserializationError, InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from hub.admin import audit
from hub.admin.operations.processes import aware
from hub.admin.trouble import Conflict, NotThere
from hub.pipeline.hub import Hub
from hub.wake import JOB_FUNCTION, QUEUE, connect

MOST = 50
"""Failed jobs that are shown, the newest."""
LONGEST_SAID = 300
_TIMEOUT_S = 1.0
T = TypeVar("T")
_NOT_HERE = "There is no such failed job; it may have been retried, or was forgotten after an hour"
WORDS: Mapping[str, str] = {
    "decide": "Deciding on events",
    "deliver": "Sending mails",
    "sync": "Pushing answers to targets",
    "notify": "Telling listeners",
    "report": "Sending the weekly report",
    "sweep": "Putting back what lost workers had in hand",
    "forget": "Having connections forget who was erased",
    "count": "Counting who was asked and who answered",
}
"""What each job of the hub does."""


@dataclass(frozen=True, kw_only=True)
class FailedJob:
    """A job that failed; `name` is empty for one that is none of the hub's. `said` is the last line about why."""

    id: str
    name: str
    what: str
    failed_at: datetime | None
    said: str


@dataclass(frozen=True, kw_only=True)
class Work:
    """What stands in Redis: jobs that wait, those at work, and those that failed, of which the newest are listed."""

    waiting: int
    running: int
    failed: int
    newest: Sequence[FailedJob]


def work(hub: Hub) -> Work:
    """Return how the jobs stand. Raises RedisError when Redis cannot be asked."""
    queue = _queue(hub)
    registry = queue.failed_job_registry
    return Work(
        waiting=queue.count,
        running=queue.started_job_registry.get_job_count(cleanup=False),
        failed=registry.get_job_count(),
        newest=[_failed(queue, id) for id in registry.get_job_ids(0, MOST - 1, desc=True, cleanup=False)],
    )


def retry(hub: Hub, job_id: str) -> FailedJob:
    """Have a worker do a failed job again. Raises NotThere, and Conflict for what is none of the hub's.

    Raises Conflict as well when Redis is away.
    """

    def again(queue: Queue) -> FailedJob:
        if job_id not in queue.failed_job_registry:
            raise NotThere(_NOT_HERE)
        failed = _failed(queue, job_id)
        if not failed.name:
            raise Conflict("It is no job of the hub's and is not run; forget it")
        queue.failed_job_registry.requeue(job_id)
        return failed

    failed = _with(hub, again)
    audit.note_alone(hub, audit.Action.JOB_RETRIED, f"jobs.{failed.name}")
    return failed


def forget(hub: Hub, job_id: str) -> None:
    """Take a failed job out of the list. Raises NotThere, and Conflict when Redis is away."""

    def take_out(queue: Queue) -> FailedJob:
        failed = _failed(queue, job_id)
        if not queue.failed_job_registry.remove(job_id):
            raise NotThere(_NOT_HERE)
        queue.connection.delete(Job.key_for(job_id))
        return failed

    failed = _with(hub, take_out)
    audit.note_alone(hub, audit.Action.JOB_FORGOTTEN, f"jobs.{failed.name or job_id}")


def _with(hub: Hub, act: Callable[[Queue], T]) -> T:
    try:
        return act(_queue(hub))
    except (NoSuchJobError, InvalidJobOperation):
        raise NotThere(_NOT_HERE) from None
    except RedisError as error:
        raise Conflict(f"Redis cannot be reached ({type(error).__name__}); nothing was done") from None


def _queue(hub: Hub) -> Queue:
    redis: Redis = connect(hub.settings.effective_redis_url, timeout_s=_TIMEOUT_S)
    return Queue(QUEUE, connection=redis, serializer=JSONSerializer)


def _failed(queue: Queue, job_id: str) -> FailedJob:
    try:
        job = Job.fetch(job_id, connection=queue.connection, serializer=JSONSerializer)
        name = _name(job)
        said, failed_at = _last_line(job), job.ended_at
    except (NoSuchJobError, DeserializationError, ValueError, TypeError, KeyError, AttributeError, zlib.error):
        return FailedJob(id=job_id, name="", what="Something that cannot be read", failed_at=None, said="")
    what = WORDS.get(name, "Something that is none of the hub's")
    return FailedJob(id=job_id, name=name, what=what, failed_at=aware(failed_at), said=said)


def _name(job: Job) -> str:
    """Return the name of a job of the hub's, "" of any other; never runs or imports what it names."""
    is_ours = job.func_name == JOB_FUNCTION and len(job.args) == 1 and not job.kwargs
    return job.args[0] if is_ours and job.args[0] in WORDS else ""


def _last_line(job: Job) -> str:
    result = job.latest_result()
    text = (result.exc_string if result else None) or ""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")[:LONGEST_SAID]
