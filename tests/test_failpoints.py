"""A process dies at every failpoint, for real; what was seen outside, and what the database holds before and after.

One customer, Ada, goes the whole path. A process of the hub does one step of it and dies at the failpoint. Then all
that goes on by itself in a hub goes on: senders and people try again, leases run out, jobs run.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select
from werkzeug.test import Client

import hub as package
from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.admin.operations import doctor
from hub.config import ConfigError, load_settings, misspelt_settings
from hub.failpoints import FAILPOINTS, failpoint
from hub.pipeline import claim, respond, sync
from hub.pipeline.hub import Hub
from hub.plugin import CustomerUpdate, Person, SyncTarget
from hub.store import tables, tallies
from hub.store.configuration import Role
from hub.testing.http_server import RecordingServer
from hub.web.app import create_app
from hub.work.jobs import JOBS
from tests.clock import NOW
from tests.configured import API_KEY, configured_hub, environ_of
from tests.processes import dying_with_parent, free_port, wait_until_ready
from tests.servers import SmtpSink


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is there of Ada: in the database, and as `mails`, `updates` and `in_file` outside of it.

    `copies` are events found to be duplicates, `run` is the sync run, `owed` whom connections still have to forget.
    `updates` are those that the stand-in for Segment got, `in_file` says whether a CSV file names Ada,
    and a webhook was `told` of a `notice`.
    """

    bodies: int = 0
    events: int = 0
    copies: int = 0
    decisions: int = 0
    invitation: str = ""
    attempts: tuple[str, ...] = ()
    answers: int = 0
    outbox: str = ""
    run: str = ""
    owed: int = 0
    mails: int = 0
    updates: int = 0
    in_file: bool = False
    notice: str = ""
    told: int = 0


NOTHING = Facts()
ACCEPTED = Facts(bodies=1)
DECIDED = Facts(events=1, decisions=1, invitation="scheduled")
IN_HAND = replace(DECIDED, invitation="claimed")
DEPARTED = replace(DECIDED, invitation="sending")
SENT = replace(DECIDED, invitation="sent", attempts=("sent",), mails=1)
IN_DOUBT = replace(DECIDED, invitation="unknown")
ANSWERED = replace(SENT, answers=1, outbox="pending")
RUN_STARTED = replace(ANSWERED, run="open")
LEASED = replace(RUN_STARTED, outbox="leased")
SYNCED = replace(ANSWERED, outbox="done", run="ended", updates=1)
ERASED = Facts(events=1, decisions=1, mails=1)

FATES = [
    # What the process does,        what is there when it died,                     and when all went on.
    ("receive.before_commit", "take an event", NOTHING, SENT),
    ("receive.after_commit", "take an event", ACCEPTED, replace(SENT, copies=1)),
    ("decide.before_commit", "decide", ACCEPTED, SENT),
    ("decide.after_commit", "decide", replace(DECIDED, bodies=1), replace(SENT, copies=1)),
    ("deliver.claimed", "deliver", IN_HAND, SENT),
    ("deliver.before_departure", "deliver", IN_HAND, SENT),
    ("deliver.departed", "deliver", DEPARTED, IN_DOUBT),
    ("deliver.answered", "deliver", replace(DEPARTED, mails=1), replace(IN_DOUBT, mails=1)),
    ("deliver.recorded", "deliver", SENT, SENT),
    ("sweep.before_commit", "sweep", IN_HAND, SENT),
    ("respond.before_commit", "take an answer", SENT, SYNCED),
    ("respond.after_commit", "take an answer", ANSWERED, SYNCED),
    ("sync.started", "start a sync", RUN_STARTED, SYNCED),
    ("sync.leased", "sync", LEASED, SYNCED),
    ("sync.answered", "sync", replace(LEASED, updates=1), replace(SYNCED, updates=2)),
    ("sync.recorded", "sync", replace(SYNCED, run="open"), SYNCED),
    ("notify.leased", "notify", replace(ANSWERED, notice="leased"), replace(ANSWERED, notice="done", told=1)),
    (
        "notify.answered",
        "notify",
        replace(ANSWERED, notice="leased", told=1),
        replace(ANSWERED, notice="done", told=2),
    ),
    ("erase.after_commit", "erase", replace(ERASED, owed=1, in_file=True), ERASED),
    ("forget.answered", "erase", replace(ERASED, owed=1), ERASED),
]

EVENT = {"userId": "ada", "messageId": "m1", "traits": {"email": "ada@acme.example"}}
KEY = (API_KEY, "")
HOOK = "/hook"
SECRET = "whsec_" + "e" * 32


class Scene:
    """A hub on a database of its own, in this process, and what stands around it."""

    def __init__(
        self, hub: Hub, toml: str, directory: Path, environ: dict[str, str], sink: SmtpSink, segment: RecordingServer
    ):
        self.hub = hub
        self.toml = toml
        self.directory = directory
        self.environ = {**os.environ, **environ}
        self.sink = sink
        self.segment = segment
        self.web = Client(create_app(hub))

    def feed(self) -> None:
        """Send the event as an SDK does: until it is told that it arrived."""
        assert self.web.post("/v1/identify", json=EVENT, auth=KEY).status_code == 200

    def do(self, *names: str) -> None:
        """Do these jobs here."""
        for name in names:
            JOBS[name](self.hub)

    def claim(self) -> None:
        """Take the invitation in hand as a worker does that is never heard of again."""
        claim.claim(self.hub, self.hub.registry.current(), size=100, name="one that died")
        self.let_leases_run_out()

    def let_leases_run_out(self) -> None:
        """Have done what time does."""
        with self.hub.store.write() as connection:
            for table in (tables.invitation, tables.outbox, tables.notice):
                ended = self.hub.now() - timedelta(seconds=1)
                connection.execute(table.update().where(table.c.lease_until.is_not(None)).values(lease_until=ended))
            connection.execute(tables.forgetting.update().values(next_attempt_at=ended))

    def answer(self) -> None:
        """Answer the survey."""
        assert respond.answer(self.hub, self.token, 9, None)

    @property
    def token(self) -> str:
        """The token of the invitation's links."""
        [row] = self.rows(tables.invitation)
        return self.hub.keys.token_of(row.id)

    @property
    def file(self) -> Path:
        """The CSV file that another tool of the company wrote to."""
        return self.directory / "answers.csv"

    def rows(self, table: Any) -> list[Any]:
        """Return a table's rows."""
        with self.hub.store.read() as connection:
            return list(connection.execute(select(table)))

    def facts(self) -> Facts:
        """Return what is there."""
        invitations, outbox = self.rows(tables.invitation), self.rows(tables.outbox)
        with self.hub.store.intake.connect() as connection:
            bodies = connection.scalar(select(func.count()).select_from(tables.body))
        with self.hub.store.read() as connection:
            copies = tallies.read(connection).get(("event", "ignored", "duplicate"), 0)
        told = [request.headers["webhook-id"] for request in self.segment.requests if request.path == HOOK]
        batches = [json.loads(request.body) for request in self.segment.requests if request.path != HOOK]
        updates = [event["messageId"] for batch in batches for event in batch["batch"]]
        assert len(set(told)) <= 1, "a notice keeps its id at every attempt"
        assert len(set(updates)) <= 1, "an update keeps its messageId at every attempt"
        return Facts(
            bodies=bodies,
            events=len(self.rows(tables.event)),
            copies=copies,
            decisions=len(self.rows(tables.decision)),
            invitation="".join(row.state for row in invitations),
            attempts=tuple(row.outcome for row in self.rows(tables.attempt)),
            answers=len(self.rows(tables.response_version)),
            outbox="".join(row.state for row in outbox),
            run="".join("ended" if row.finished_at else "open" for row in self.rows(tables.sync_run)),
            owed=len(self.rows(tables.forgetting)),
            mails=len(self.sink.mails),
            updates=len(updates),
            in_file=self.file.exists() and "ada" in self.file.read_text(),
            notice="".join(row.state for row in self.rows(tables.notice)),
            told=len(told),
        )


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the path: what was before, the process that does it and dies, and who tries again afterwards."""

    before: Callable[[Scene], None]
    process: Callable[[Scene, str], None]
    again: Callable[[Scene], None] = lambda scene: None


def to_decide(scene: Scene) -> None:
    scene.feed()


def to_deliver(scene: Scene) -> None:
    scene.feed()
    scene.do("decide")


def to_sweep(scene: Scene) -> None:
    to_deliver(scene)
    scene.claim()


def to_answer(scene: Scene) -> None:
    to_deliver(scene)
    scene.do("deliver")


def to_start_a_sync(scene: Scene) -> None:
    to_answer(scene)
    scene.answer()


def to_sync(scene: Scene) -> None:
    to_start_a_sync(scene)
    sync.start_now(scene.hub)


def to_erase(scene: Scene) -> None:
    to_answer(scene)
    toml = f'{scene.toml}\n[targets.file]\nkind = "csv"\npath = "{scene.file}"\n'
    applying.apply(scene.hub, planning.plan(scene.hub, toml, environ={}))
    target = scene.hub.registry.current().named(Role.TARGET, "file")
    assert target is not None
    assert isinstance(target.provider, SyncTarget)
    ada = Person(user_id="ada")
    told = CustomerUpdate(message_id="t1", person=ada, survey="onboarding", rating=9, comment="", rated_at=NOW)
    target.provider.push([told])


def to_notify(scene: Scene) -> None:
    listener = f'[listeners.ops]\nkind = "webhook"\nurl = "{scene.segment.url}{HOOK}"\nsecret = "{SECRET}"\n'
    toml = f'{scene.toml}\n{listener}events = ["answered"]\n'
    applying.apply(scene.hub, planning.plan(scene.hub, toml, environ={}))
    to_start_a_sync(scene)


def to_answer_again(scene: Scene) -> None:
    scene.answer()
    sync.start_now(scene.hub)


def command(*arguments: str) -> Callable[[Scene, str], None]:
    """Return what runs Python with these arguments, which has to die at the failpoint."""

    def run(scene: Scene, point: str) -> None:
        done = subprocess.run(
            [*dying_with_parent(signal.SIGKILL), sys.executable, *arguments],
            env={**scene.environ, "HUB_FAILPOINT": point},
            cwd=scene.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, f"failpoint {point}\n" in done.stderr) == (-signal.SIGKILL, True), done.stderr

    return run


def job(name: str) -> Callable[[Scene, str], None]:
    """Return what does a job in a process of its own."""
    return command("-c", f"from hub.work import jobs; jobs.run({name!r})")


def call(send: Callable[[Scene, str], Any]) -> Callable[[Scene, str], None]:
    """Return what sends a request to a web process, which has to die at the failpoint instead of answering."""

    def run(scene: Scene, point: str) -> None:
        port, log = free_port(), scene.directory / "web.log"
        url = f"http://127.0.0.1:{port}"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*dying_with_parent(signal.SIGKILL), sys.executable, "-m", "hub", "web", "--port", str(port)],
                env={**scene.environ, "HUB_FAILPOINT": point},
                stdout=output,
                stderr=output,
            )
        try:
            wait_until_ready(process, is_ready=lambda: is_answering(url), log=log, timeout_s=30)
            with pytest.raises(requests.ConnectionError):
                send(scene, url)
            assert f"failpoint {point}\n" in log.read_text()
        finally:
            process.terminate()
            process.wait(30)

    return run


def is_answering(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(f"{url}/healthz", timeout=2).ok
    return False


def send_event(scene: Scene, url: str) -> None:
    requests.post(f"{url}/v1/identify", json=EVENT, auth=KEY, timeout=30)


def send_answer(scene: Scene, url: str) -> None:
    requests.post(f"{url}/s/{scene.token}", data={"score": "9"}, timeout=30)


STEPS = {
    "take an event": Step(before=lambda scene: None, process=call(send_event), again=lambda scene: scene.feed()),
    "decide": Step(before=to_decide, process=job("decide")),
    "deliver": Step(before=to_deliver, process=job("deliver")),
    "sweep": Step(before=to_sweep, process=job("sweep")),
    "take an answer": Step(before=to_answer, process=call(send_answer), again=to_answer_again),
    "start a sync": Step(before=to_start_a_sync, process=command("-m", "hub", "sync", "now")),
    "sync": Step(before=to_sync, process=job("sync")),
    "notify": Step(before=to_notify, process=job("notify")),
    "erase": Step(before=to_erase, process=command("-m", "hub", "erase", "ada", "--yes")),
}


@pytest.fixture
def segment() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture
def scene(tmp_path: Path, database_url: str, smtp_sink: SmtpSink, segment: RecordingServer) -> Iterator[Scene]:
    toml = f"""
[sources.product]
kind = "segment"
api_key = "{API_KEY}"

[channels.relay]
kind = "smtp"
host = "{smtp_sink.host}"
port = {smtp_sink.port}
from = "Acme <hello@acme.example>"

[targets.product]
kind = "segment"
write_key = "write-key"
host = "{segment.url}"

[surveys.onboarding]
sources = ["product"]
channels = ["relay"]
targets = ["product"]
enabled = true
"""
    with configured_hub(tmp_path, database_url, toml=toml) as hub:
        yield Scene(hub, toml, tmp_path, environ_of(tmp_path, database_url), smtp_sink, segment)


@pytest.mark.processes
@pytest.mark.parametrize(("point", "step", "at_death", "in_the_end"), FATES, ids=[fate[0] for fate in FATES])
def test_process_that_dies_there_loses_nothing_and_repeats_nothing(
    scene: Scene, point: str, step: str, at_death: Facts, in_the_end: Facts
) -> None:
    STEPS[step].before(scene)
    STEPS[step].process(scene, point)
    assert scene.facts() == at_death
    STEPS[step].again(scene)
    for _ in range(2):  # the second time nothing is left to do
        scene.let_leases_run_out()
        scene.do("decide", "sweep", "forget", "deliver", "sync", "notify")
        assert scene.facts() == in_the_end
    assert [one.sentence for one in doctor.examine(scene.hub) if not (one.ok or one.is_note)] == []


def test_every_failpoint_has_its_fate_and_one_place_in_the_code() -> None:
    sources = [path.read_text("utf-8") for path in Path(package.__file__).parent.rglob("*.py")]
    placed = [name for source in sources for name in re.findall(r'^ +failpoint\("([^"]+)"\)$', source, re.MULTILINE)]
    assert sorted(placed) == sorted(FAILPOINTS) == sorted(fate[0] for fate in FATES)


def test_every_failpoint_is_explained_to_contributors() -> None:
    page = (Path(package.__file__).parents[1] / "CONTRIBUTING.md").read_text("utf-8")
    assert [line for line in page.splitlines() if re.match(r"\| `\w+\.\w+` \|", line)] == [
        f"| `{name}` | {what} |" for name, what in FAILPOINTS.items()
    ]


def test_a_failpoint_is_reached_as_often_as_was_asked_for() -> None:
    code = (
        "from hub.failpoints import failpoint\nfor n in range(4): print(n, flush=True); failpoint('deliver.departed')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HUB_FAILPOINT": "deliver.departed@3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, ["0", "1", "2"])


@pytest.mark.parametrize("asked", ["deliver", "deliver.departed@", "deliver.departed@0", "deliver.departed@x", "@2"])
def test_start_is_refused_with_a_failpoint_that_there_is_not(asked: str) -> None:
    with pytest.raises(ConfigError, match=r"no failpoint; write NAME or NAME@3, with one of receive\.before_commit, "):
        load_settings({"HUB_FAILPOINT": asked})


def test_a_failpoint_is_no_setting_that_was_misspelt() -> None:
    assert misspelt_settings({"HUB_FAILPOINT": "deliver.departed"}) == []


def test_failpoint_that_nobody_asked_for_costs_nothing() -> None:
    rounds = 100_000
    started = time.perf_counter()
    for _ in range(rounds):
        failpoint("receive.before_commit")
    assert (time.perf_counter() - started) / rounds < 5e-6
