"""The RQ worker, which runs our jobs and nothing else that may stand in Redis."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker, worker_registration
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

from hub import stopping
from hub.config import Settings, load_settings
from hub.containment import share_notes
from hub.wake import JOB_FUNCTION, QUEUE
from hub.work import jobs
from hub.work.deaths import report_death

log = logging.getLogger(__name__)

_ENDING = {signal.SIGTERM}
WORKER_TTL_S = 60
"""A worker says every so often that it is alive; after this long without a word it counts as gone."""
MONITOR_S = 10
"""How often a worker looks whether a job takes too long."""


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

    def handle_warm_shutdown_request(self) -> None:
        """Have the job under way end soon, too."""
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def set_shutdown_requested_date(self) -> None:
        """Note when we were asked to end; a Redis that is away is no reason to end before the job does."""
        with suppress(RedisError):
            super().set_shutdown_requested_date()  # type: ignore[no-untyped-call]

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Start a job's process; until that listens, nobody can ask it to end."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        try:
            super().fork_work_horse(job, queue)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)

    def setup_work_horse_signals(self) -> None:
        """Listen, in a job's process."""
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]
        stopping.listen()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)

    def monitor_work_horse(self, job: Job, queue: Queue, execution: Execution) -> None:
        """Wait for a job's end; one that began while we were asked to end is asked as well."""
        if self._stop_requested:
            self.handle_warm_shutdown_request()
        super().monitor_work_horse(job, queue, execution)

    def execute_job(self, job: Job, queue: Queue) -> Any:
        """Run a job of ours; delete any other."""
        if is_ours(job):
            return super().execute_job(job, queue)
        log.error("Job %s is none of the hub's and was refused", job.id)
        job.delete()
        return None

    def handle_work_horse_killed(self, job: Job, retpid: int | None, ret_val: int | None, rusage: Any) -> None:
        """Name the plugin in whose hands a job ended its process, unless it was asked to end."""
        if self._stop_requested:
            return
        log.warning("Job %s ended its process", job.args[0])
        report_death(jobs.settings(), ret_val)


def make_worker(redis: Redis, settings: Settings | None = None) -> HubWorker:
    """Return a worker on the hub's queue. `settings` are those of before any plugin was loaded."""
    jobs.preload(settings or load_settings())
    share_notes()
    return HubWorker(
        [Queue(QUEUE, connection=redis, serializer=JSONSerializer, job_class=HubJob)],
        connection=redis,
        serializer=JSONSerializer,
        job_class=HubJob,
        worker_ttl=WORKER_TTL_S,
        maintenance_interval=60,
        job_monitoring_interval=MONITOR_S,
        log_job_description=False,
    )
