"""Best-effort wake-ups: an RQ job names a kind of work, and SQL says what is to be done.

A wake-up may be lost at any moment; the scheduler asks again every second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

log = logging.getLogger(__name__)

QUEUE = "hub"
JOB_FUNCTION = "hub.work.jobs.run"
ASK_AGAIN_S = 10
REST_S = 5
JOB_TIMEOUT_S = 90
"""More than any job needs: plugins that hang are left behind before. A minute later its process is killed."""
FAILURE_TTL_S = 3_600
LONGEST_QUEUE = 50
_TIMEOUT_S = 0.05


def connect(redis_url: str, *, timeout_s: float | None = _TIMEOUT_S) -> Redis:
    """Return a client that gives up at once: Redis being away is nobody's error."""
    return Redis.from_url(
        redis_url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )


class Wake:
    """Wakes workers by job name. Never raises for Redis' sake, never waits longer than its time limits.

    A key is there while a job of a name is queued, so that asking again queues no second one.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = connect(redis_url)
        self._queue = Queue(QUEUE, connection=self._redis, serializer=JSONSerializer)
        self._is_away = False

    def __call__(self, job_name: str) -> bool:
        """Have a worker do a kind of work soon; return whether Redis took the message."""
        return self._tried(lambda: self._enqueue(job_name))

    def started(self, job_name: str) -> None:
        """A job that starts says so: the next wake-up queues another."""
        self._tried(lambda: self._redis.delete(_asked(job_name)))

    def rest(self, job_name: str) -> None:
        """A job that failed gives its cause some time: no other is queued for a while."""
        self._tried(lambda: self._redis.set(_asked(job_name), "failed", ex=REST_S))

    def _enqueue(self, job_name: str) -> None:
        key = _asked(job_name)
        is_first = self._redis.set(key, "1", nx=True, ex=ASK_AGAIN_S)
        if not is_first and self._redis.ttl(key) > ASK_AGAIN_S:  # Redis' clock was set back; it would stay till then
            is_first = self._redis.set(key, "1", ex=ASK_AGAIN_S)
        if is_first and self._queue.count < LONGEST_QUEUE:
            self._queue.enqueue_call(
                JOB_FUNCTION, args=(job_name,), timeout=JOB_TIMEOUT_S, result_ttl=0, failure_ttl=FAILURE_TTL_S
            )

    def _tried(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except RedisError as error:
            if not self._is_away:
                log.warning("Redis is away; the scheduler finds the work once it is back: %s", error)
            self._is_away = True
            return False
        self._is_away = False
        return True


def _asked(job_name: str) -> str:
    return f"hub:asked:{job_name}"


class BackgroundWake:
    """Wakes from a thread of its own, many calls at once: what a request path may call."""

    PAUSE_S = 0.1

    def __init__(self, wake: Wake, job_name: str) -> None:
        self._wake = wake
        self._job_name = job_name
        self._called = threading.Event()
        threading.Thread(target=self._run, name=f"wake-{job_name}", daemon=True).start()

    def __call__(self) -> None:
        """Return at once; the wake-up follows."""
        self._called.set()

    def _run(self) -> None:
        while True:
            self._called.wait()
            self._called.clear()
            self._wake(self._job_name)
            time.sleep(self.PAUSE_S)
