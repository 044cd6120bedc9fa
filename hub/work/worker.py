"""The RQ worker, which runs our jobs and nothing else that may stand in Redis."""

from __future__ import annotations

import logging
from typing import Any

from redis import Redis
from rq import Queue, Worker, worker_registration
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

from hub.wake import JOB_FUNCTION, QUEUE
from hub.work import jobs

log = logging.getLogger(__name__)

WORKER_TTL_S = 60
"""A worker says every so often that it is alive; after this long without a word it counts as gone."""


class HubJob(Job):
    """A job without callbacks and webhooks, whatever Redis says: RQ calls them also for jobs it never ran."""

    def restore(self, raw_data: Any) -> None:
        """Take in what Redis holds, but nothing that RQ would call beside the job."""
        super().restore(raw_data)
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks = []


def is_ours(job: Job) -> bool:
    """Return whether a job is one of ours: anything else was put into Redis by somebody else."""
    try:
        return job.func_name == JOB_FUNCTION and len(job.args) == 1 and job.args[0] in jobs.JOBS and not job.kwargs
    except Exception:
        log.exception("A job could not be read")
        return False


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
        [Queue(QUEUE, connection=redis, serializer=JSONSerializer, job_class=HubJob)],
        connection=redis,
        serializer=JSONSerializer,
        job_class=HubJob,
        worker_ttl=WORKER_TTL_S,
        maintenance_interval=60,
        log_job_description=False,
    )
