"""A job that takes too long ends, told by the time it had, not by a clock that may be set."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from rq.timeouts import HorseMonitorTimeoutException, JobTimeoutException
from rq.utils import now
from rq.worker import worker_classes

from hub.containment import Note, note_down, share_notes
from hub.pipeline.hub import Hub
from hub.plugin import Sent
from hub.store import tables
from hub.store.configuration import Role
from hub.wake import JOB_FUNCTION, JOB_TIMEOUT_S, QUEUE
from hub.work import jobs
from hub.work.alarm import Alarm, OutOfTime
from hub.work.worker import HubJob, HubWorker
from tests.configured import configured_hub
from tests.lab import identify

AT_WORK = """
import sys
from rq.timeouts import JobTimeoutException
from hub.work.alarm import Alarm

with Alarm(2, JobTimeoutException):
    print("works", flush=True)
    print(sys.stdin.readline().strip(), flush=True)
"""


@pytest.fixture
def at_work() -> Iterator[subprocess.Popen[str]]:
    """A job that takes two seconds at most, and waits for a line."""
    command = [sys.executable, "-c", AT_WORK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "works\n"
        yield process
        process.kill()


def test_job_that_stood_still_past_its_time_hears_what_it_waited_for(at_work):
    at_work.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, at_work.pid, os.WSTOPPED)
    time.sleep(2 + 1.5)
    at_work.send_signal(signal.SIGCONT)
    at_work.stdin.write("there\n")
    at_work.stdin.flush()
    assert at_work.stdout.readline() == "there\n"


def takes_too_long() -> None:
    with suppress(Exception):  # as whatever deals with the errors of plugins
        time.sleep(60)


def is_held_up() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(2.5)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    time.sleep(60)


@pytest.mark.parametrize("work", [takes_too_long, is_held_up])
def test_job_that_takes_too_long_is_ended_and_nothing_takes_that_for_an_error_of_a_plugin(work):
    with pytest.raises(OutOfTime), Alarm(1, JobTimeoutException):
        work()


def test_other_alarms_are_as_rq_knows_them():
    with pytest.raises(HorseMonitorTimeoutException), Alarm(1, HorseMonitorTimeoutException):
        time.sleep(60)


@pytest.mark.parametrize(("departs", "state"), [(False, "queued"), (True, "unknown")])
def test_job_that_is_out_of_time_accuses_no_channel(lab, departs, state):
    goes_on = Event()

    def send(message, point_of_no_return):
        if departs:
            point_of_no_return()
        goes_on.wait(60)
        return Sent()

    lab.office.behaviour["relay"] = send
    lab.decide(identify())
    with pytest.raises(OutOfTime), Alarm(1, JobTimeoutException):
        lab.deliver()
    goes_on.set()
    assert lab.states() == [state]
    [relay] = lab.rows(tables.connection_state) or [None]
    assert relay is None or (relay.faults, relay.failures, relay.paused_until) == (0, 0, None)


class Slow(HubWorker):
    """A worker that looks after its jobs every second; they are in the hands of a plugin for a while."""

    works_s = 2.5
    channel_id = ""

    def main_work_horse(self, job, queue):
        note_down(Note(of=self.channel_id, doing="send"))
        time.sleep(self.works_s)
        os._exit(0)


@pytest.fixture
def slow(redis_url: str, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Slow:
    """Such a worker, with a job."""
    monkeypatch.setattr(jobs, "_settings", hub.settings)
    share_notes()
    redis = Redis.from_url(redis_url)
    queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer, job_class=HubJob)
    queue.enqueue_call(JOB_FUNCTION, args=("count",), timeout=JOB_TIMEOUT_S)
    worker = Slow([queue], connection=redis, serializer=JSONSerializer, job_class=HubJob, job_monitoring_interval=1)
    worker.looks_allowed = 10
    [channel] = hub.registry.current().live(Role.CHANNEL)
    worker.channel_id = channel.id
    return worker


@pytest.fixture
def hub(tmp_path: Path, redis_url: str) -> Iterator[Hub]:
    with configured_hub(tmp_path, f"sqlite:///{tmp_path / 'hub.db'}", redis_url=redis_url) as configured:
        yield configured


def test_job_goes_on_when_the_clock_is_set_an_hour_ahead(slow, monkeypatch, caplog):
    began_at = now()
    moments = iter([began_at])
    monkeypatch.setattr(worker_classes, "now", lambda: next(moments, began_at + timedelta(hours=1)))
    assert slow.work(burst=True, logging_level="CRITICAL")
    assert "ended its process" not in caplog.text


def test_job_that_its_alarm_does_not_end_is_killed_and_its_plugin_named(slow, caplog):
    slow.works_s, slow.looks_allowed = 60, 1
    assert slow.work(burst=True, logging_level="CRITICAL")
    assert "a worker died in its send (it took too long, and could not be stopped)" in caplog.text
