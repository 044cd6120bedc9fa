"""The page of the hub's parts: what is there, what waits, what failed and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from hub import __version__
from hub.admin import audit
from hub.admin.operations import jobs
from hub.admin.operations.doctor import examine
from hub.admin.paging import Slice
from hub.admin.trouble import Conflict, NotThere
from hub.pipeline.hub import Hub
from hub.plugins import Plugin
from hub.store import processes, tables
from hub.wake import QUEUE, Wake
from hub.web.console import system
from hub.work.jobs import JOBS
from hub.work.worker import make_worker
from tests.configured import configured_hub
from tests.console.browsing import Visitor, visitor_of
from tests.lab import Lab, identify


@pytest.fixture
def page(lab: Lab) -> Iterator[Visitor]:
    """The pages of a hub whose Redis is away."""
    with visitor_of(lab.hub) as page:
        yield page


@pytest.fixture
def hub(tmp_path: Path, redis_url: str) -> Iterator[Hub]:
    """A hub with Redis."""
    with configured_hub(tmp_path, f"sqlite:///{tmp_path}/hub.db", redis_url=redis_url) as configured:
        yield configured


@pytest.fixture
def page_with_redis(hub: Hub) -> Iterator[Visitor]:
    with visitor_of(hub) as page:
        yield page


def queue(hub: Hub) -> Queue:
    redis = Redis.from_url(hub.settings.effective_redis_url)
    return Queue(QUEUE, connection=redis, serializer=JSONSerializer)


def fail(hub: Hub, name: str = "deliver") -> str:
    """Have a worker fail at a job; return the job's id."""
    Wake(hub.settings.effective_redis_url)(name)
    waiting = queue(hub)
    (job_id,) = waiting.job_ids
    job = waiting.fetch_job(job_id)
    assert job is not None
    waiting.remove(job_id)
    make_worker(waiting.connection).handle_job_failure(job, waiting)
    return job_id


def plant(hub: Hub, function: str = "os.getcwd") -> str:
    """Put a failed job into Redis that is none of the hub's."""
    job = queue(hub).enqueue_call(function, args=("<script>",))
    queue(hub).remove(job.id)
    queue(hub).failed_job_registry.add(job, ttl=60)
    return job.id


# Without Redis


def test_without_redis_the_page_says_that_nothing_is_lost(page: Visitor) -> None:
    text = page.text("/system")
    assert "Redis cannot be reached. Nothing is lost" in text
    assert "Failed jobs" not in text


def test_parts_and_versions_are_told(page: Visitor) -> None:
    text = page.text("/system")
    assert f"Survey Hub {__version__}" in text
    assert "Schema working The schema is the one of this version." in text
    assert "up to date" in text


def test_a_scheduler_is_shown_with_where_it_runs_and_one_that_ended_as_silent(lab: Lab, page: Visitor) -> None:
    now = lab.clock()
    with lab.hub.store.write() as connection:
        for host, seen_at in (("here.example", now), ("gone.example", now - timedelta(minutes=2))):
            processes.beat(connection, process_id=host, role="scheduler", host=host, pid=7, started_at=now, now=seen_at)
    text = page.text("/system")
    assert "scheduler working here.example process 7" in text
    assert "scheduler silent gone.example process 7" in text


def test_what_waits_to_be_decided_is_counted(lab: Lab, page: Visitor) -> None:
    assert "To be decided Nothing" in page.text("/system")
    lab.receive(identify())
    assert "1 request of senders, the oldest came just now" in page.text("/system")


def test_mails_that_are_due_are_told(lab: Lab, page: Visitor) -> None:
    assert "Nothing is due" in page.text("/system")
    lab.decide(identify())
    lab.clock.advance(timedelta(minutes=3))
    assert "The first mail was due 3 minutes ago" in page.text("/system")


def test_a_broken_plugin_is_told_with_why(lab: Lab, page: Visitor) -> None:
    broken = Plugin(name="odd", distribution="odd-plugin", version="1", problems=["cannot be loaded: <b>no</b>"])
    lab.hub.registry.plugins.installed.append(broken)
    answer = page.get("/system")
    assert "broken" in answer.text
    assert "cannot be loaded: &lt;b&gt;no&lt;/b&gt;" in answer.text


# Jobs


def test_a_worker_that_just_started_is_not_yet_called_working(hub: Hub, page_with_redis: Visitor) -> None:
    worker = make_worker(Redis.from_url(hub.settings.effective_redis_url))
    worker.register_birth()  # type: ignore[no-untyped-call]
    assert "worker just started" in page_with_redis.text("/system")
    worker.set_state("idle")
    assert "worker working waits for work" in page_with_redis.text("/system")


def test_jobs_that_wait_are_counted(hub: Hub, page_with_redis: Visitor) -> None:
    Wake(hub.settings.effective_redis_url)("decide")
    text = page_with_redis.text("/system")
    assert "1 waiting, 0 at work" in text
    assert "No job failed within the last hour." in text


def test_a_failed_job_is_told_in_words(hub: Hub, page_with_redis: Visitor) -> None:
    job_id = fail(hub)
    text = page_with_redis.text("/system")
    assert "Sending mails" in text
    assert "The worker's log says why." in text
    assert job_id in text


def test_every_job_has_words_and_can_be_retried() -> None:
    assert jobs.WORDS.keys() == JOBS.keys()


def test_a_failed_job_is_retried(hub: Hub, page_with_redis: Visitor) -> None:
    job_id = fail(hub)
    assert "Sending mails is tried again." in page_with_redis.post(f"/system/jobs/{job_id}/retry").text
    assert queue(hub).job_ids == [job_id]
    assert queue(hub).failed_job_registry.count == 0
    [entry] = audit.entries(hub, audit.Wanted(action=audit.Action.JOB_RETRIED), Slice()).items
    assert entry.subject == "jobs.deliver"


def test_a_failed_job_is_forgotten(hub: Hub, page_with_redis: Visitor) -> None:
    job_id = fail(hub)
    assert "The failed job is forgotten." in page_with_redis.post(f"/system/jobs/{job_id}/forget").text
    assert queue(hub).failed_job_registry.count == 0
    assert queue(hub).fetch_job(job_id) is None
    [entry] = audit.entries(hub, audit.Wanted(action=audit.Action.JOB_FORGOTTEN), Slice()).items
    assert entry.subject == "jobs.deliver"


def test_a_job_of_somebody_else_is_shown_and_can_only_be_forgotten(hub: Hub, page_with_redis: Visitor) -> None:
    job_id = plant(hub)
    answer = page_with_redis.get("/system")
    assert "Something that is none of the hub" in answer.text
    assert f"/system/jobs/{job_id}/retry" not in answer.text
    with pytest.raises(Conflict, match="no job of the hub's"):
        jobs.retry(hub, job_id)
    jobs.forget(hub, job_id)
    assert jobs.work(hub).failed == 0
    [entry] = audit.entries(hub, audit.Wanted(action=audit.Action.JOB_FORGOTTEN), Slice()).items
    assert entry.subject == f"jobs.{job_id}"


def test_a_job_that_cannot_be_read_is_no_error(hub: Hub) -> None:
    job_id = plant(hub)
    redis = queue(hub).connection
    redis.hset(f"rq:job:{job_id}", "data", b"\x80garbage")
    assert [one.what for one in jobs.work(hub).newest] == ["Something that cannot be read"]
    jobs.forget(hub, job_id)
    assert jobs.work(hub).newest == []


def test_only_the_newest_failed_jobs_are_read(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST", 2)
    planted = [plant(hub) for _ in range(3)]
    found = jobs.work(hub)
    assert found.failed == 3
    assert len(found.newest) == 2
    assert {one.id for one in found.newest} < set(planted)


@pytest.mark.parametrize("act", [jobs.retry, jobs.forget])
def test_a_failed_job_that_is_gone_is_said_so(hub: Hub, act: object) -> None:
    with pytest.raises(NotThere, match="There is no such failed job"):
        act(hub, "gone")  # type: ignore[operator]


def test_without_redis_a_retry_says_that_nothing_was_done(page: Visitor) -> None:
    assert "nothing was done" in page.post("/system/jobs/any/retry").text


# The doctor


def test_the_doctor_says_what_it_does_before_it_looks(page: Visitor) -> None:
    text = page.text("/system/doctor")
    assert "It changes nothing." in text
    assert "Holds." not in text


def test_the_doctor_tells_what_holds(lab: Lab, page: Visitor) -> None:
    lab.set(enabled=False)
    text = page.post("/system/doctor").text
    assert "Every event has its decision" in text
    assert "Everything holds." in text


def test_the_doctor_tells_what_is_broken_first(lab: Lab, page: Visitor) -> None:
    lab.decide(identify())
    with lab.hub.store.write() as connection:
        connection.execute(tables.decision.delete())
    text = page.post("/system/doctor").text
    assert "2 of what must always hold do not." in text
    assert text.index("1 event without a decision") < text.index("No mail is in doubt")


def test_the_doctor_stops_after_a_while_and_says_so(lab: Lab) -> None:
    lab.decide(*(identify(f"u{number}") for number in range(200)))
    found = examine(lab.hub, within_s=0)
    assert re.match("0 of [0-9]+ checks were made within 0 seconds; `hub doctor`", found[0].sentence)


def test_only_one_doctor_looks_at_a_time(page: Visitor) -> None:
    with system._looking:
        answer = page.post("/system/doctor")
    assert answer.status_code == 409
    assert "Somebody runs a check-up right now" in answer.text
