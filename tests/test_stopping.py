"""SIGTERM in the middle of the work: gone within 10 s, what is in hand finished or put back, nothing in doubt."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from hub.pipeline import decide, deliver, respond, sync
from hub.pipeline.hub import Hub
from hub.store import intake, tables
from hub.store.configuration import Role
from hub.store.engine import lock_until_commit
from hub.store.intake import AcceptedBody
from hub.testing.http_server import Answer, RecordedRequest, RecordingServer
from hub.testing.smtp_server import Hang, Say, ScriptedSmtpServer
from hub.wake import Wake
from hub.work.jobs import JOBS
from tests.configured import API_KEY, TOML, configured_hub, environ_of
from tests.processes import descendants, dying_with_parent, free_port
from tests.servers import SmtpSink

pytestmark = pytest.mark.processes

GONE_WITHIN_S = 10
IN_HAND = {"claimed", "sending", "unknown", "leased"}


class Stage:
    """A hub in this process, and the workers of it that a test starts and stops."""

    def __init__(self, hub: Hub, directory: Path, environ: dict[str, str]) -> None:
        self.hub = hub
        self.directory = directory
        self.environ = {**os.environ, **environ}

    def accept(self, *bodies: list[dict[str, Any]]) -> None:
        """Store bodies of these events."""
        source = self.hub.registry.current().named(Role.SOURCE, "product")
        assert source is not None
        rows = [json.dumps({"batch": body}).encode() for body in bodies]
        now = self.hub.now()
        intake.append(
            self.hub.store, [AcceptedBody(source_id=source.id, hint="batch", arrived_at=now, body=row) for row in rows]
        )

    def invite(self, count: int) -> None:
        """Have so many invitations that are due."""
        self.accept([identify(number) for number in range(count)])
        decide.drain(self.hub, until=time.monotonic() + 60)

    def states(self, table: Any = tables.invitation) -> Counter[str]:
        """Return how many rows are in each state."""
        with self.hub.store.read() as connection:
            rows = connection.execute(select(table.c.state, func.count().label("number")).group_by(table.c.state))
            return Counter({row.state: row.number for row in rows})

    def count(self, table: Any) -> int:
        """Return how many rows there are."""
        with self.hub.store.read() as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0

    @contextmanager
    def worker(self, job: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker that is woken for a job."""
        with self.process("worker") as process:
            Wake(self.hub.settings.effective_redis_url)(job)
            yield process

    @contextmanager
    def process(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a process of the hub."""
        with (self.directory / "log").open("ab") as log:
            process = subprocess.Popen(
                [*dying_with_parent(signal.SIGKILL), sys.executable, "-m", "hub", *arguments],
                env=self.environ,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def wait_for(self, condition: Callable[[], Any]) -> None:
        """Return once the condition holds."""
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, (self.directory / "log").read_text()
            time.sleep(0.01)

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Ask a process to end; it has to be gone soon, of its own."""
        process.terminate()
        self.wait_until_gone(process)

    def wait_until_gone(self, process: subprocess.Popen[bytes]) -> None:
        """Return once a process ended of its own."""
        assert process.wait(GONE_WITHIN_S) == 0, (self.directory / "log").read_text()


def identify(number: int) -> dict[str, Any]:
    """Return an identify of one of many customers."""
    return {
        "type": "identify",
        "userId": f"u{number}",
        "messageId": f"m{number}",
        "traits": {"email": f"u{number}@acme.example"},
    }


@contextmanager
def stage(
    directory: Path, database_url: str, redis_url: str, *, smtp_port: int = 9, segment: str = ""
) -> Iterator[Stage]:
    """Yield a hub whose mails and answers go to these servers."""
    toml = TOML.replace("port = 9", f"port = {smtp_port}") + "surge_brake = false\n"
    if segment:
        toml = toml.replace('"write-key"', f'"write-key"\nhost = "{segment}"')
    with configured_hub(directory, database_url, redis_url=redis_url, toml=toml) as hub:
        yield Stage(hub, directory, environ_of(directory, database_url, redis_url=redis_url))


def test_worker_in_the_middle_of_a_big_delivery_sends_what_departed_and_puts_the_rest_back(
    tmp_path: Path, database_url: str, redis_url: str, smtp_sink: SmtpSink
) -> None:
    smtp_sink.delay_s = 0.05
    with stage(tmp_path, database_url, redis_url, smtp_port=smtp_sink.port) as hub:
        hub.invite(300)
        with hub.worker("deliver") as worker:
            smtp_sink.wait_for(30)
            hub.stop(worker)
        mailed = len(smtp_sink.mails)
        assert mailed < 300
        assert not IN_HAND & hub.states().keys()
        assert hub.states()["sent"] == mailed
        smtp_sink.delay_s = 0
        deliver.drain(hub.hub, until=time.monotonic() + 60)
        assert hub.states() == {"sent": 300}
        assert len({mail.recipients for mail in smtp_sink.mails}) == len(smtp_sink.mails) == 300


def test_worker_whose_mail_server_hangs_is_gone_all_the_same_and_only_what_departed_is_in_doubt(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    with ScriptedSmtpServer() as server, stage(tmp_path, database_url, redis_url, smtp_port=server.port) as hub:
        server.script("mail", *[Say(text="250 2.1.0 Ok")] * 3)
        server.always("mail", Hang())
        server.always("dot", Hang())
        hub.invite(20)
        with hub.worker("deliver") as worker:
            hub.wait_for(lambda: len(server.received) == 3 and hub.states()["sending"] == 3)
            hub.stop(worker)
        states = hub.states()
        assert (states.pop("unknown"), states.total()) == (3, 17)
        assert not IN_HAND & states.keys()


def test_worker_in_the_middle_of_deciding_finishes_its_chunk_and_leaves_the_rest(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    with stage(tmp_path, database_url, redis_url) as hub:
        hub.accept(*[[identify(number)] for number in range(decide.CHUNK_BODIES + 5)])
        with ExitStack() as held:
            lock_until_commit(held.enter_context(hub.hub.store.write()), "decide")
            with hub.worker("decide") as worker:
                hub.wait_for(lambda: deaths(hub.hub))
                worker.terminate()
                held.close()
                hub.wait_until_gone(worker)
        assert hub.count(tables.event) == hub.count(tables.decision) == decide.CHUNK_BODIES
        assert (intake.waiting(hub.hub.store)[0], deaths(hub.hub)) == (5, 0)


def deaths(hub: Hub) -> int:
    """Return how many deaths are counted in advance for the bodies that a decider has in hand."""
    with hub.store.intake.connect() as connection:
        return connection.scalar(select(func.sum(tables.body.c.deaths))) or 0


def test_worker_in_the_middle_of_a_sync_ends_with_the_call_under_way_and_puts_the_rest_back(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    is_asked = threading.Event()

    def hold(request: RecordedRequest) -> Answer:
        is_asked.wait(30)
        return Answer()

    with RecordingServer() as segment, stage(tmp_path, database_url, redis_url, segment=segment.url) as hub:
        segment.respond = hold
        hub.invite(150)
        answer_all(hub.hub)
        sync.start_now(hub.hub)
        with hub.worker("sync") as worker:
            hub.wait_for(lambda: segment.requests)
            worker.terminate()
            is_asked.set()
            hub.wait_until_gone(worker)
        assert hub.states(tables.outbox) == {"done": 100, "pending": 50}
        JOBS["sync"](hub.hub)
        assert hub.states(tables.outbox) == {"done": 150}
        told = [event["messageId"] for request in segment.requests for event in json.loads(request.body)["batch"]]
        assert len(set(told)) == len(told) == 150


def answer_all(hub: Hub) -> None:
    """Have every invitation sent and answered."""
    with hub.store.write() as connection:
        connection.execute(tables.invitation.update().values(state="sent", sent_at=hub.now()))
    with hub.store.read() as connection:
        ids = connection.scalars(select(tables.invitation.c.id)).all()
    for id in ids:
        respond.answer(hub, hub.keys.token_of(id), 9, None)


@pytest.mark.parametrize("processes", [1, 2])
def test_web_process_answers_all_that_it_accepted(
    processes: int, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    with stage(tmp_path, database_url, redis_url) as hub:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with hub.process("web", "--port", str(port), "--processes", str(processes)) as web:
            hub.wait_for(lambda: is_answering(url))
            assert len(servers_below(web.pid)) == processes
            answered: list[str] = []
            senders = [threading.Thread(target=send, args=(url, number, answered)) for number in range(12)]
            for sender in senders:
                sender.start()
            hub.wait_for(lambda: len(answered) > 200)
            hub.stop(web)
            for sender in senders:
                sender.join()
        with hub.hub.store.intake.connect() as connection:
            stored = [json.loads(body)["messageId"] for body in connection.scalars(select(tables.body.c.body))]
        assert sorted(stored) == sorted(answered)


def servers_below(pid: int) -> list[int]:
    """Return the processes that a `hub web` started to do its work; Python may have one of its own beside them."""
    below = descendants(pid)[1:]
    return [one for one in below if b"resource_tracker" not in Path(f"/proc/{one}/cmdline").read_bytes()]


def send(url: str, number: int, answered: list[str]) -> None:
    """Send event after event until the hub is gone."""
    with requests.Session() as session, suppress(requests.RequestException):
        for turn in range(10_000):
            event = identify(number * 10_000 + turn)
            session.post(f"{url}/v1/identify", json=event, auth=(API_KEY, ""), timeout=20).raise_for_status()
            answered.append(event["messageId"])


def is_answering(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(f"{url}/healthz", timeout=2).ok
    return False


def test_web_processes_that_are_ended_while_they_start_never_serve(tmp_path: Path, redis_url: str) -> None:
    with stage(tmp_path, f"sqlite:///{tmp_path / 'hub.db'}", redis_url) as hub:
        port = free_port()
        with hub.process("web", "--port", str(port), "--processes", "2") as web:
            hub.wait_for(lambda: len(servers_below(web.pid)) == 2)
            web.terminate()
            while web.poll() is None:
                assert not is_answering(f"http://127.0.0.1:{port}")
            hub.wait_until_gone(web)


def test_web_process_does_not_wait_for_a_sender_that_never_ends(tmp_path: Path, redis_url: str) -> None:
    with stage(tmp_path, f"sqlite:///{tmp_path / 'hub.db'}", redis_url) as hub:
        port = free_port()
        with hub.process("web", "--port", str(port)) as web:
            hub.wait_for(lambda: is_answering(f"http://127.0.0.1:{port}"))
            with socket.create_connection(("127.0.0.1", port)) as sender:
                sender.sendall(b"POST /v1/identify HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n\r\n{")
                hub.stop(web)
