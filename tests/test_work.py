"""Workers, wake-ups and the schedule, with a real Redis-compatible server."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue, Worker
from rq.command import send_command
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.admin.health import readiness
from hub.pipeline import decide, sync
from hub.pipeline.hub import Hub
from hub.store import intake, processes, tables
from hub.store.configuration import Role
from hub.store.intake import AcceptedBody
from hub.testing.http_server import RecordingServer
from hub.wake import QUEUE, Wake
from hub.work.jobs import JOBS
from hub.work.schedule import Schedule, due_jobs
from hub.work.worker import PAUSE_S, HubJob, HubWorker, is_ours, make_worker
from tests.clock import Clock
from tests.configured import TOML, configured_hub


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return Redis.from_url(redis_url)


@pytest.fixture
def hub(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Hub]:
    with configured_hub(tmp_path, database_url, redis_url=redis_url) as configured:
        yield configured


def queue(redis: Redis) -> Queue:
    return Queue(QUEUE, connection=redis, serializer=JSONSerializer)


def accept(hub: Hub, **event: object) -> None:
    source = hub.registry.current().named(Role.SOURCE, "product")
    assert source is not None
    body = json.dumps({"messageId": "m1", **event}).encode()
    intake.append(hub.store, [AcceptedBody(source_id=source.id, hint="identify", arrived_at=hub.now(), body=body)])


def test_a_wake_up_queues_one_job_however_often_it_is_asked(redis_url: str, redis: Redis) -> None:
    wake = Wake(redis_url)
    assert [wake("decide") for _ in range(5)] == [True] * 5
    wake("deliver")
    assert [queue(redis).fetch_job(id).args for id in queue(redis).job_ids] == [["decide"], ["deliver"]]  # type: ignore[union-attr]


def test_a_job_that_started_can_be_asked_for_again(redis_url: str, redis: Redis) -> None:
    wake = Wake(redis_url)
    wake("decide")
    wake.started("decide")
    wake("decide")
    assert queue(redis).count == 2


@pytest.mark.parametrize("why", ["1", "failed"])
def test_a_job_can_be_asked_for_though_the_clock_of_redis_was_set_back(redis_url: str, redis: Redis, why: str) -> None:
    redis.set("hub:asked:decide", why, ex=86_400)  # what a key of some seconds becomes then
    wake = Wake(redis_url)
    wake("decide")
    wake("decide")
    assert queue(redis).count == 1


def test_a_job_that_failed_is_not_asked_for_at_once(redis_url: str, redis: Redis) -> None:
    wake = Wake(redis_url)
    wake.rest("decide")
    wake("decide")
    assert queue(redis).count == 0


def test_without_redis_a_wake_up_is_no_error_and_takes_no_time(tmp_path: Path) -> None:
    wake = Wake(f"unix://{tmp_path}/nobody.sock")
    started = time.monotonic()
    assert not wake("decide")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "put",
    [
        lambda q: q.enqueue_call("os.system", args=("true",)),
        lambda q: q.enqueue_call("hub.work.jobs.run", args=("unheard-of",)),
        lambda q: q.enqueue_call("hub.work.jobs.run", args=("decide", "more")),
        lambda q: q.enqueue_call("hub.work.jobs.run", args=("decide",), kwargs={"more": 1}),
        lambda q: q.enqueue_call("hub.work.jobs.preload"),
    ],
)
def test_a_job_that_is_not_ours_is_refused_and_never_runs(redis: Redis, put: object, tmp_path: Path) -> None:
    job = put(queue(redis))  # type: ignore[operator]
    make_worker(redis).work(burst=True, logging_level="CRITICAL")
    assert not Job.exists(job.id, connection=redis)
    assert queue(redis).failed_job_registry.count == 0


def test_callbacks_that_stand_in_redis_are_never_called(redis: Redis) -> None:
    ours = queue(redis).enqueue_call("hub.work.jobs.run", args=("decide",))
    for name in ("success", "failure", "stopped"):
        redis.hset(ours.key, f"{name}_callback_name", "os.system")
    fetched = HubJob.fetch(ours.id, connection=redis, serializer=JSONSerializer)
    assert is_ours(fetched)
    assert (fetched.success_callback, fetched.failure_callback, fetched.stopped_callback) == (None, None, None)


def test_maintenance_calls_no_callback_of_a_planted_job(redis: Redis, tmp_path: Path) -> None:
    planted = queue(redis).enqueue_call("hub.work.jobs.run", args=("decide",))
    redis.hset(planted.key, mapping={"failure_callback_name": "os.mkdir", "status": "started"})
    redis.zadd("rq:wip:hub", {f"{planted.id}:execution": 1})
    make_worker(redis).run_maintenance_tasks()
    seen = HubJob.fetch(planted.id, connection=redis, serializer=JSONSerializer)
    assert seen.failure_callback is None


def test_worker_that_was_told_to_stop_does_so_even_where_the_signal_was_lost(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_worker(redis)
    monkeypatch.setattr(HubWorker, "is_told_to_stop", True)
    assert not worker.work(burst=True, logging_level="CRITICAL")
    worker.set_state(WorkerStatus.IDLE)
    with pytest.raises(StopRequested):
        worker.heartbeat()
    worker.set_state(WorkerStatus.BUSY)
    worker.heartbeat()


class Trap:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> object:
        return os.mkdir, (self.folder,)


WORK = """
import sys
from redis import Redis
from hub.work.worker import make_worker
worker = make_worker(Redis.from_url(sys.argv[1]))
worker.run_maintenance_tasks()
worker.work(burst=True, logging_level="CRITICAL")
"""


@pytest.mark.processes
def test_nothing_that_is_planted_in_redis_runs_beside_our_jobs(
    redis: Redis, redis_url: str, sqlite_template: Path, tmp_path: Path, http_server: RecordingServer
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    ours = queue(redis).enqueue_call("hub.work.jobs.run", args=("sweep",))
    redis.hset(ours.key, "meta", pickle.dumps(Trap(marks / "meta")))
    hook = {"url": http_server.url, "job_status": "finished"}
    redis.hset(ours.key, mapping={"webhooks": json.dumps([hook]), "success_callback_name": "os.mkdir"})
    queue(redis).enqueue_call("os.mkdir", args=(str(marks / "call"),))
    queue(redis).enqueue_call("os.mkdir", args=(str(marks / "dependent"),), depends_on=ours)
    Queue(QUEUE, connection=redis).enqueue_call("os.mkdir", args=(str(marks / "pickled-call"),))
    trap = queue(redis).enqueue_call("hub.work.jobs.run", args=("decide",))
    redis.hset(trap.key, "data", pickle.dumps(Trap(marks / "data")))
    lost = queue(redis).enqueue_call("hub.work.jobs.run", args=("decide",))
    redis.hset(lost.key, mapping={"failure_callback_name": "os.mkdir", "status": "started"})
    redis.zadd("rq:wip:hub", {f"{lost.id}:execution": 1})

    data = shutil.copytree(sqlite_template, tmp_path / "data")
    environ = {**os.environ, "HUB_DATA_DIR": str(data), "HUB_REDIS_URL": redis_url, "HUB_SECRET_KEY": "k" * 32}
    line = [sys.executable, "-c", WORK, redis_url]
    subprocess.run(line, env=environ, cwd=tmp_path, check=True, timeout=60)
    assert [path.name for path in marks.iterdir()] == []
    assert http_server.requests == []
    assert ours.get_status() == "finished"
    assert not Job.exists(trap.id, connection=redis)


@pytest.mark.parametrize("command", ["shutdown", "kill-horse", "stop-job", "no command"])
def test_workers_hear_no_commands_from_redis(redis: Redis, command: str) -> None:
    worker = make_worker(redis)
    worker.bootstrap("CRITICAL")
    send_command(redis, worker.name, command, job_id="1")
    assert redis.pubsub_numsub(worker.pubsub_channel_name) == [(worker.pubsub_channel_name.encode(), 0)]
    worker.teardown()


def test_a_connection_that_leads_nowhere_holds_a_worker_up_for_20_seconds_at_most(redis: Redis) -> None:
    worker = make_worker(redis)
    assert worker.connection.connection_pool.connection_kwargs["socket_timeout"] <= 20
    assert worker.max_connection_wait_time <= PAUSE_S


def test_a_worker_is_seen_again_after_redis_was_emptied(redis: Redis, hub: Hub) -> None:
    worker = make_worker(redis)
    worker.register_birth()
    redis.flushall()
    assert Worker.all(redis) == []
    worker.heartbeat()
    (seen,) = Worker.all(redis)
    assert seen.name == worker.name
    assert [check.ok for check in readiness(hub) if check.name == "workers"] == [True]
    worker.register_death()


def test_nothing_to_do_wakes_nobody(hub: Hub) -> None:
    assert due_jobs(hub) == []


def test_what_came_in_while_nobody_was_there_is_found(hub: Hub, redis: Redis) -> None:
    accept(hub, userId="ada", traits={"email": "ada@acme.example"})
    schedule = Schedule(hub, Wake(hub.settings.effective_redis_url))
    assert schedule.tick() == ["decide", "count"]
    for name in ("decide", "count"):
        JOBS[name](hub)
    assert schedule.tick() == ["deliver"]
    assert queue(redis).count == 3


def test_work_of_a_paused_survey_and_of_a_paused_channel_wakes_nobody(hub: Hub) -> None:
    accept(hub, userId="ada", traits={"email": "ada@acme.example"})
    decide.drain(hub, until=1e12)
    assert due_jobs(hub) == ["deliver"]
    JOBS["deliver"](hub)  # the mail server of this hub is not there: the channel is paused
    assert due_jobs(hub) == []


def test_leases_of_lost_workers_are_swept(hub: Hub) -> None:
    accept(hub, userId="ada", traits={"email": "ada@acme.example"})
    decide.drain(hub, until=1e12)
    long_ago = hub.now() - timedelta(hours=1)
    with hub.store.write() as connection:
        connection.execute(tables.invitation.update().values(state="claimed", claim="lost", lease_until=long_ago))
    assert due_jobs(hub) == ["sweep"]
    assert JOBS["sweep"](hub) == ["deliver"]
    assert due_jobs(hub) == ["deliver"]


def test_a_run_with_nothing_left_ends(hub: Hub) -> None:
    assert sync.start_now(hub) == ["product"]
    assert due_jobs(hub) == ["sync"]
    JOBS["sync"](hub)
    assert due_jobs(hub) == []


def test_a_connection_that_does_not_work_is_told_once_for_every_revision(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    schedule = Schedule(hub, Wake(hub.settings.effective_redis_url))
    schedule.tick()
    assert caplog.messages == []
    toml = TOML.replace('write_key = "write-key"', 'write_key = "$CRM_KEY"')
    for number in range(2):
        changed = f"{toml}min_delay_days = {number + 1}\n"
        applying.apply(hub, planning.plan(hub, changed, environ={"CRM_KEY": "secret"}))
        schedule.tick()
        schedule.tick()
    said = "targets.product does not work: write_key: the environment variable CRM_KEY is not set"
    assert caplog.messages == [said, said]


def test_the_schedule_is_seen_at_work_though_the_clock_was_set_back(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.work.schedule.BEAT_EVERY_S", 0)
    clock = Clock()
    schedule = Schedule(replace(hub, now=clock), Wake(hub.settings.effective_redis_url))
    schedule.tick()
    clock.advance(-timedelta(days=1))
    schedule.tick()
    with hub.store.read() as connection:
        assert processes.last_seen(connection, "scheduler") == clock()


def test_health_says_what_is_missing(hub: Hub) -> None:
    found = {check.name: check for check in readiness(hub)}
    assert found["database"].ok
    assert found["schema"].ok
    assert found["redis"].ok
    assert "hub worker" in found["workers"].sentence
    assert "hub scheduler" in found["scheduler"].sentence
    Schedule(hub, Wake(hub.settings.effective_redis_url)).tick()
    assert {check.name for check in readiness(hub) if not check.ok} == {"workers"}
