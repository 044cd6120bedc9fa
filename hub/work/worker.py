"""The RQ worker, which runs our jobs and nothing else that may stand in Redis."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker, worker_registration
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat
from rq.worker import WorkerStatus

from hub import stopping
from hub.config import Settings, load_settings
from hub.containment import share_notes
from hub.wake import JOB_FUNCTION, JOB_TIMEOUT_S, QUEUE
from hub.work import jobs
from hub.work.alarm import Alarm
from hub.work.deaths import report_death

log = logging.getLogger(__name__)

_ENDING = {signal.SIGTERM}
WORKER_TTL_S = 25
"""RQ speaks to Redis 15 s before this is over, and gives up a connection 10 s after that: it may lead nowhere."""
PAUSE_S = 2.0
"""How long a worker waits between two attempts to reach Redis, about."""
SAY_AGAIN_S = 600.0
MONITOR_S = 10
"""How often a worker looks whether a job takes too long."""
LOOKS_ALLOWED = (JOB_TIMEOUT_S + 60) // MONITOR_S
"""A job that its alarm did not end is killed a minute later."""


def keep_working(redis: Redis, settings: Settings) -> None:
    """Work until told to stop. A Redis that is away, full or locked is waited for, however often.

    `settings` are those of before any plugin was loaded.
    """
    _prepare(settings)
    logging.getLogger("rq.worker").addFilter(_calm)
    said_at = -SAY_AGAIN_S
    with suppress(StopRequested):  # told so between two attempts
        while not HubWorker.is_told_to_stop:
            try:
                _worker(redis).work(logging_level="WARNING")
            except RedisError as error:
                if time.monotonic() - said_at >= SAY_AGAIN_S:
                    log.warning("Redis cannot be used; it is tried again every %.0f s: %s", PAUSE_S, error)
                    said_at = time.monotonic()
            if not HubWorker.is_told_to_stop:
                time.sleep(PAUSE_S)


def make_worker(redis: Redis) -> HubWorker:
    """Return a worker on the hub's queue."""
    _prepare(load_settings())
    return _worker(redis)


def _prepare(settings: Settings) -> None:
    jobs.preload(settings)
    share_notes()


def _worker(redis: Redis) -> HubWorker:
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


def _calm(record: logging.LogRecord) -> bool:
    """Take the traceback from RQ's complaint about Redis: where in RQ it was noticed helps nobody."""
    if record.exc_info and isinstance(record.exc_info[1], RedisError):
        record.msg, record.args, record.exc_info = "Redis failed: %s", (record.exc_info[1],), None
    return True


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
    """Refuses every job that is not ours before anything of it runs, and takes commands from signals alone."""

    death_penalty_class = Alarm
    max_connection_wait_time = PAUSE_S
    looks_allowed = LOOKS_ALLOWED
    is_told_to_stop = False
    """Of this process: a signal reaches the worker that came last, which may be gone by then."""

    def request_stop(self, signum: Any, frame: FrameType | None) -> None:
        """Stop after the job in hand."""
        HubWorker.is_told_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def set_shutdown_requested_date(self) -> None:
        """Leave Redis out of it: one that is away is no reason to end before the job does, nor to wait."""

    def subscribe(self) -> None:
        """Listen to no commands: RQ lets whoever reaches Redis stop a worker, or kill a job while it sends."""

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """Say that a long job is at work, and kill one that is overdue. That Redis is away meanwhile ends no job."""
        self._looks_left -= 1
        if self._looks_left < 0:
            self.kill_horse()
        with suppress(RedisError):
            super().maintain_heartbeats(job, execution)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Say that we are alive, also to a Redis that was emptied meanwhile. Raises StopRequested once told to stop.

        RQ's handler raised it too, but in whatever went on just then: logging for one swallows it.
        """
        if HubWorker.is_told_to_stop and self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        super().heartbeat(timeout, pipeline)
        if not self.connection.sismember(worker_registration.REDIS_WORKER_KEYS, self.key):
            worker_registration.register(self)
            self.connection.hset(self.key, mapping={"birth": utcformat(now()), "last_heartbeat": utcformat(now())})

    def handle_warm_shutdown_request(self) -> None:
        """Have the job under way end soon, too."""
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

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
        """Wait for a job's end; one that began while we were asked to end is asked as well.

        How long it takes is told by how often we looked. RQ would go by the clock, and kill a job that is well when
        that is set, or when the machine slept.
        """
        if self._stop_requested:
            self.handle_warm_shutdown_request()
        self._looks_left = self.looks_allowed
        job.timeout = -1
        super().monitor_work_horse(job, queue, execution)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log what a job raised as the hub logs everything: RQ would put the traceback into the message."""
        log.error("Job %s failed", job.args[0], exc_info=exc_info)

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: Any = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        """Tell Redis that a job failed, but not why: what was raised may hold what customers said. It is in the log."""
        super().handle_job_failure(job, queue, started_job_registry, "The worker's log says why.", execution)

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
        report_death(jobs.settings(), None if self._looks_left < 0 else ret_val)
