"""The RQ worker, which runs our jobs and nothing else that may stand in Redis."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from redis import Redis
from rq import Queue, Worker, worker_registration
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

from hub.wake import JOB_FUNCTION, QUEUE
from hub.work import jobs

if TYPE_CHECKING:
    from rq.job import Job

log = logging.getLogger(__name__)

WORKER_TTL_S = 60
"""A worker says every so often that it is alive; after this long without a word it counts as gone."""


def is_ours(job: Job) -> bool:
    """Return whether a job is one of ours, without callbacks: anything else was put into Redis by somebody else."""
    callbacks = ("_success_callback_name", "_failure_callback_name", "_stopped_callback_name", "webhooks")
    try:
        is_known = job.func_name == JOB_FUNCTION and len(job.args) == 1 and job.args[0] in jobs.JOBS and not job.kwargs
    except Exception:
        log.exception("A job could not be read")
        return False
    return is_known and not any(getattr(job, name, None) for name in callbacks)


class HubWorker(Worker):
    """Refuses every job that is not ours before anything of it runs."""

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Say that we are alive, also to a Redis that was emptied meanwhile."""
        super().heartbeat(timeout, pipeline)
        if not self.connection.sismember(worker_registration.REDIS_WORKER_KEYS, self.key):
            worker_registration.register(self)
            self.connection.hset(self.key, mapping={"birth": utcformat(now()), "last_heartbeat": utcformat(now())})

    def execute_job(self, job: Job, queue: Queue) -> Any:
        """Run a job of ours; delete any other."""
        if is_ours(job):
            return super().execute_job(job, queue)
        log.error("Job %s is none of the hub's and was refused", job.id)
        job.delete()
        return None


def make_worker(redis: Redis) -> HubWorker:
    """Return a worker on the hub's queue."""
    jobs.preload()
    return HubWorker(
        [Queue(QUEUE, connection=redis, serializer=JSONSerializer)],
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_S,
        maintenance_interval=60,
        log_job_description=False,
    )
