"""Log lines: for people and for programs, with ids, and never with an address or a secret."""

from __future__ import annotations

import io
import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy.exc import IntegrityError
from werkzeug.test import Client

from hub import logs
from hub.config import load_settings
from hub.logs import formatter, masked
from hub.plugin import ChannelPaused, Done
from hub.store import tables
from hub.web.app import HubApp, create_app
from hub.work.jobs import JOBS
from tests.configured import API_KEY, TOML
from tests.lab import SETUP, Lab, identify, survey_lines
from tests.processes import stop
from tests.running_hub import RunningHub

CANARY = "canary.o'brien+tag@acme.example"
SECRET = "a-secret-that-nobody-sees"


@pytest.fixture(params=["text", "json"])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Everything that is logged, at DEBUG, as the hub's processes write it."""
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(formatter(request.param))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield output
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture(autouse=True)
def known_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_concealed", type(logs._concealed)())


# Masking


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("550 <ada@acme.example> refused", "550 <(address)> refused"),
        ("to 'ada@acme.example', then", "to '(address)', then"),
        ("ada+tag@acme.example: no", "(address): no"),
        ("DETAIL:  Key (mailbox)=(ada@acme.example) exists", "DETAIL:  Key (mailbox)=((address)) exists"),
        ('"ada lovelace"@acme.example', "(address)"),
        ("o'brien@acme.example", "(address)"),
        ("zoë@müller.example", "(address)"),
        ("/erase/ada%40acme.example", "(address)"),
        ("ada@[192.0.2.1]", "(address)[192.0.2.1]"),
        ("postgresql://hub:pass@db/hub", "postgresql://hub:(address)"),
        ("a@b, c@d", "(address), (address)"),
    ],
)
def test_addresses_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("text", ["    @wraps(function)", "at 09:30", "a @ b", "100 %", "channels.relay: refused"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_secrets_are_masked_once_they_are_known() -> None:
    logs.conceal(SECRET, "short")
    assert masked(f"401 for {SECRET}, in short") == "401 for (secret), in short"
    logs.conceal("secret", f"{SECRET}-and-more")
    assert masked(f"401 for {SECRET}-and-more and {SECRET}") == "401 for (secret) and (secret)"


def test_a_very_long_text_is_masked_in_little_time() -> None:
    started = time.process_time()
    assert masked("x" * 300_000 + " ada@acme.example").endswith(" (address)")
    assert time.process_time() - started < 10


def test_every_secret_of_the_settings_is_known() -> None:
    settings = load_settings(
        {
            "HUB_SECRET_KEY": f"{'a' * 32},{'b' * 32}",
            "HUB_METRICS_TOKEN": "c" * 32,
            "HUB_DATABASE_URL": "postgresql://hub:p%40ss@db/hub",
            "HUB_REDIS_URL": "redis://:other@redis/0",
        }
    )
    assert settings.secrets == ["a" * 32, "b" * 32, "c" * 32, "p%40ss", "other", "p@ss", "other"]


def test_the_whole_path_at_its_worst_logs_neither_address_nor_secret(lab: Lab, lines: io.StringIO) -> None:
    def fail(*_: object) -> Any:
        raise RuntimeError(f"550 {CANARY} refused, login {SECRET}")

    def fail_late(message: Any, point_of_no_return: Any) -> Any:
        point_of_no_return()
        fail()

    def refuse(*_: object) -> Any:
        raise ChannelPaused(f"535 {CANARY} with {SECRET}")

    secret = SETUP.replace('[channels.relay]\nkind = "fake"', f'[channels.relay]\nkind = "fake"\npassword = "{SECRET}"')
    lab.configure(secret + survey_lines(min_interval_weeks=0))
    lab.decide(identify("u1", email=CANARY), {"raise": f"cannot read {CANARY}"})
    lab.decide({**identify("u2"), "payload": {"email": CANARY}, "type": "track"})
    lab.office.behaviour["relay"] = fail_late
    lab.deliver()
    lab.change(tables.connection_state, paused_until=None)
    lab.decide(identify("u3", email=CANARY))
    lab.office.behaviour["relay"] = refuse
    lab.deliver()
    with create_client(lab) as client:
        client.get(f"/s/{lab.token()}?score=9")
        client.post(f"/s/{lab.token()}", data={"score": "9", "comment": f"write to {CANARY}"})
        client.get("/fails")
    lab.crm.answer = fail
    lab.sync()
    lab.crm.answer = lambda updates: [f"no {CANARY}" for _ in updates]
    lab.sync()
    lab.crm.answer = lambda updates: [Done(detail=CANARY) for _ in updates]
    with pytest.raises(IntegrityError):
        duplicate_a_survey(lab)
    for job in JOBS.values():
        job(lab.hub)
    written = lines.getvalue()
    for part in ("Channel relay is paused", "Target crm failed", "A page failed", "(address)"):
        assert part in written
    for canary in ("canary", "brien", SECRET, "acme.example"):
        assert canary not in written


def create_client(lab: Lab) -> Any:
    app = create_app(lab.hub)

    def fail() -> None:
        raise RuntimeError(f"{CANARY} {SECRET}")

    app.add_url_rule("/fails", view_func=fail)
    return Closing(app)


class Closing(Client):
    """A client whose application is closed at the end."""

    def __init__(self, app: HubApp) -> None:
        super().__init__(app)
        self._app = app

    def __enter__(self) -> Closing:
        return self

    def __exit__(self, *_: object) -> None:
        self._app.close()


def duplicate_a_survey(lab: Lab) -> None:
    """Have the database complain about an address (PostgreSQL quotes the row)."""
    row = {"enabled": False, "settings": {}, "created_at": lab.clock(), "name": CANARY}
    try:
        with lab.hub.store.write() as connection:
            for number in range(2):
                connection.execute(tables.survey.insert().values(id=f"s{number}", **row))
    except IntegrityError:
        logging.getLogger("hub").exception("The database refused it")
        raise


# Lines as JSON


def test_a_line_is_an_object_with_everything_there_is_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_PROCESS", "worker-1")
    try:
        raise ValueError("of two\nlines")
    except ValueError:
        record = logging.LogRecord("hub.x", logging.ERROR, "x.py", 1, "Failed %d", (3,), sys.exc_info())
    record.created = 0.25
    line = formatter("json").format(record)
    assert "\n" not in line
    read = json.loads(line)
    assert read.pop("exception").startswith("Traceback")
    assert read == {
        "time": "1970-01-01T00:00:00.250+00:00",
        "level": "ERROR",
        "process": "worker-1",
        "logger": "hub.x",
        "message": "Failed 3",
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_ends_a_process_is_a_log_line_too(form: str) -> None:
    program = f"from hub.logs import configure_logging; configure_logging({form!r}); raise ValueError({CANARY!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Ended by an error" in done.stderr
    assert "ValueError" in done.stderr
    assert "canary" not in done.stderr.replace(program, "")


@pytest.mark.processes
def test_every_line_of_every_process_is_json(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    hub = RunningHub(tmp_path, database_url=postgres_url, redis_url=redis_url)
    hub.environ["HUB_LOG_FORMAT"] = "json"
    hub.hub("db", "upgrade")
    hub.apply(TOML)
    roles = ("web", "worker-1", "scheduler")
    try:
        for role in roles:
            hub.start(role)
        hub.wait_for(hub.is_ready, "everything at work")
        body = json.dumps({"userId": "ada", "writeKey": API_KEY, "traits": {"email": CANARY}})
        requests.post(f"{hub.url}/v1/identify", data=body, timeout=30)
        hub.wait_for(lambda: "is paused" in hub.logs(), "a channel that is not there")
    finally:
        for process in hub.processes.values():
            stop(process, signal.SIGTERM, timeout_s=15)
    written = [json.loads(line) for line in hub.logs().splitlines() if line.startswith("{")]
    others = [line for line in hub.logs().splitlines() if not line.startswith(("{", "---")) and line]
    assert others == []
    paused = next(line for line in written if "is paused" in line["message"])
    assert (paused["process"], paused["logger"], bool(paused["job_id"])) == ("worker-1", "hub.pipeline.deliver", True)
    assert CANARY not in hub.logs()


# Requests


@pytest.fixture
def client(lab: Lab) -> Iterator[Closing]:
    with create_client(lab) as made:
        yield made


@pytest.mark.parametrize("given", ["4f9c-77", "Root=1-67891233-abcdef012345678912345678"])
def test_a_request_keeps_the_id_that_a_proxy_gave_it(client: Closing, lines: io.StringIO, given: str) -> None:
    answer = client.get("/fails", headers={"X-Request-ID": given})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (503, given)
    if lines.getvalue().startswith("{"):
        assert [json.loads(line).get("request_id") for line in lines.getvalue().splitlines()][-1] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "ada@acme.example", 'a"b', "ü"])
def test_a_request_without_a_sane_id_gets_one(client: Closing, given: str) -> None:
    answers = [client.get(path, headers={"X-Request-ID": given}) for path in ("/healthz", "/s/nobody")]
    ids = {answer.headers["X-Request-ID"] for answer in answers}
    assert len(ids) == 2
    assert given not in ids


def test_after_a_request_its_id_is_forgotten(client: Closing) -> None:
    client.get("/healthz")
    assert logs.request_id.get() == ""
