"""Planted secrets, addresses, names and comments, on good paths and bad: none is found where it has no business."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import signal
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
import requests
from sqlalchemy import select

from hub.admin.access import tokens
from hub.admin.access.tokens import Scope
from hub.store import tables
from hub.testing.http_server import Answer, RecordedRequest, RecordingServer
from hub.testing.smtp_server import Say, ScriptedSmtpServer
from tests.processes import stop
from tests.running_hub import RunningHub


def canary(name: str) -> str:
    """Return what nothing else on earth is called."""
    return f"canary{hashlib.sha256(name.encode()).hexdigest()[:24]}"


SECRETS = {
    name: canary(name)
    for name in (
        "source key",
        "header secret",
        "write key",
        "smtp password",
        "sendgrid key",
        "plugin password",
        "hub key",
        "metrics token",
        "database password",
    )
}
WEBHOOK_SECRET = base64.b64encode(canary("webhook secret").encode()).decode()
NAMES, COMMENTS = canary("name"), canary("comment")
PEOPLE = ("ada", "ben", "eve")
ADDRESSES = {person: f"{canary(person)}@{canary('domain')}.example" for person in PEOPLE}
PERSONAL = [NAMES, COMMENTS, *(canary(person) for person in PEOPLE), canary("domain")]
HIDDEN = [*SECRETS.values(), WEBHOOK_SECRET, canary("webhook secret"), *PERSONAL]
"""What no log line, no key or value in Redis and no answer to a stranger may hold."""


def toml(smtp_port: int, http: str) -> str:
    leaks = ["send", "pause", "raise", "lose"]
    channels = [
        f'[channels.leaky-{does}]\nkind = "leaky"\npassword = "{SECRETS["plugin password"]}"\ndoes = "{does}"'
        for does in leaks
    ]
    surveys = [
        f'[surveys.by-{channel}]\nsources = ["product"]\nchannels = ["{channel}"]\n'
        'targets = ["segment", "webhook", "leaky-raise", "leaky-retry"]\nenabled = true\nmin_interval_weeks = 0'
        for channel in (*(f"leaky-{does}" for does in leaks), "relay", "grid")
    ]
    return "\n".join(
        [
            f"""
[sources.product]
kind = "segment"
api_key = "{SECRETS["source key"]}"
header_secret = "{SECRETS["header secret"]}"
[channels.relay]
kind = "smtp"
host = "127.0.0.1"
port = {smtp_port}
username = "hub"
password = "{SECRETS["smtp password"]}"
from = "Acme <hello@acme.example>"
[channels.grid]
kind = "sendgrid"
api_key = "{SECRETS["sendgrid key"]}"
host = "{http}"
from = "Acme <hello@acme.example>"
[targets.segment]
kind = "segment"
write_key = "{SECRETS["write key"]}"
host = "{http}"
[targets.webhook]
kind = "webhook"
url = "{http}/hook"
secret = "whsec_{WEBHOOK_SECRET}"
[targets.leaky-raise]
kind = "leaky"
password = "{SECRETS["plugin password"]}"
does = "raise"
[targets.leaky-retry]
kind = "leaky"
password = "{SECRETS["plugin password"]}"
""",
            *channels,
            *surveys,
        ]
    )


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[ScriptedSmtpServer, RecordingServer]]:
    """A mail server and a provider that quote in their refusals whatever they were told."""
    with ScriptedSmtpServer(extensions=("AUTH PLAIN",)) as smtp, RecordingServer() as http:
        smtp.always("auth", Say(text=f"535 5.7.8 hub:{SECRETS['smtp password']} is wrong, says <{ADDRESSES['ada']}>"))
        http.respond = echo
        yield smtp, http


def echo(request: RecordedRequest) -> Answer:
    said = json.dumps([dict(request.headers), request.body.decode(errors="replace")]).encode()
    return Answer(status=400 if request.path == "/v3/mail/send" else 500, body=said)


@pytest.fixture(scope="module")
def run(
    servers: tuple[ScriptedSmtpServer, RecordingServer],
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: Any,
    redis_server: Any,
) -> Iterator[Run]:
    """A hub that has seen the worst, still running."""
    directory = tmp_path_factory.mktemp("canaries")
    redis_server.flush()
    with postgres_server.database() as url:
        with_password = url.replace("hub@", f"hub:{SECRETS['database password']}@")
        hub = RunningHub(directory, database_url=with_password, redis_url=redis_server.url)
        plugins = directory / "plugins"
        plugins.mkdir()
        shutil.copy(Path(__file__).with_name("leaky_plugin.py"), plugins / "leaky.py")
        hub.environ |= {
            "HUB_BASE_URL": "https://hub.acme.example",
            "HUB_SECRET_KEY": SECRETS["hub key"] + "k" * 8,
            "HUB_METRICS_TOKEN": SECRETS["metrics token"] + "k" * 8,
            "HUB_PLUGINS_DIR": str(plugins),
        }
        hub.hub("db", "upgrade")
        hub.apply(toml(servers[0].port, servers[1].url))
        try:
            for role in ("web", "worker-1", "scheduler"):
                hub.start(role)
            hub.wait_for(hub.is_ready, "everything at work")
            worst = Run(hub, url, redis_server.url)
            worst.live_through()
            yield worst
        finally:
            for process in hub.processes.values():
                stop(process, signal.SIGTERM, timeout_s=15)


class Run:
    """What the customers and the strangers of this hub do, and what it answers."""

    def __init__(self, hub: RunningHub, database_url: str, redis_url: str) -> None:
        self.hub = hub
        self.database_url = database_url
        self.redis_url = redis_url
        self.token = ""
        self.answers: list[requests.Response] = []

    def live_through(self) -> None:
        with self.hub.opened() as opened:
            self.token = tokens.add(opened, "canary", list(Scope))
        self._identify("ada", "ben", "eve")
        self._wait_until(
            "every channel was tried", "SELECT count(*) FROM invitation WHERE state IN ('sent','unknown')", 6
        )
        self._answer_surveys()
        self._ask_for_trouble()
        self.hub.hub("sync", "now")
        self._wait_until(
            "targets were tried",
            "SELECT count(*) FROM outbox WHERE note IS NOT NULL OR state = 'pending' AND attempts > 0",
            4,
        )
        self.hub.hub("erase", "eve", "--yes")
        self.hub.hub("check", check=False)
        self._have_the_database_refuse_a_person()
        self._have_the_database_refuse()

    def _identify(self, *people: str, **more: str) -> None:
        for person in people:
            traits = {"email": ADDRESSES[person], "firstName": NAMES}
            body = {"userId": person, "writeKey": SECRETS["source key"], "traits": traits, **more}
            assert requests.post(f"{self.hub.url}/v1/identify", json=body, timeout=30).status_code == 200

    def _wait_until(self, what: str, query: str, number: int) -> None:
        with psycopg.connect(plain(self.database_url), autocommit=True) as connection:
            self.hub.wait_for(lambda: connection.execute(query).fetchone()[0] >= number, what)  # type: ignore[index]

    def _answer_surveys(self) -> None:
        with self.hub.opened() as opened, opened.store.read() as connection:
            ids = connection.scalars(select(tables.invitation.c.id).where(tables.invitation.c.state == "sent")).all()
            links = [opened.keys.token_of(id) for id in ids]
        for link in links:
            form = {"score": "3", "comment": f"{COMMENTS}, write to {ADDRESSES['ada']}"}
            assert requests.post(f"{self.hub.url}/s/{link}", data=form, timeout=30).ok

    def _ask_for_trouble(self) -> None:
        """Send what is refused or fails, without a canary in it: none may be in the answer."""
        with self.hub.opened() as opened:
            channels = [
                one.id for one in opened.registry.current().connections.values() if one.stored.role == "channel"
            ]
        get, post = "GET", "POST"
        key = base64.b64encode(f"{SECRETS['source key']}:".encode()).decode()
        headers = {"Authorization": f"Basic {key}"}
        self.answers.append(requests.post(f"{self.hub.url}/v1/identify", data=b"[", headers=headers, timeout=30))
        for method, path, body in [
            (post, "/v1/identify", b"{"),
            (post, "/v1/batch", b'{"batch": 7}'),
            (post, "/sources/product", b"[1]"),
            (post, "/sources/nobody", b"{}"),
            (get, "/v1/projects/x/settings", b""),
            (get, "/s/nobody", b""),
            (post, "/u/nobody", b""),
            (get, "/api/v1/people", b""),
            (get, "/api/v1/people?limit=x", b""),
            (get, "/metrics", b""),
            (get, "/readyz", b""),
            (get, "/", b""),
            *((post, f"/channels/{channel}/events", b"x") for channel in channels),
        ]:
            self.answers.append(requests.request(method, self.hub.url + path, data=body, timeout=30))

    def _have_the_database_refuse_a_person(self) -> None:
        with psycopg.connect(plain(self.database_url), autocommit=True) as connection:
            connection.execute("ALTER TABLE person ADD CONSTRAINT nobody CHECK (false) NOT VALID")
            self._identify("ada", messageId="of nobody")
            rejected = "SELECT count(*) FROM event WHERE reason = 'poison'"
            self._wait_until("an event that the database refuses", rejected, 1)
            connection.execute("ALTER TABLE person DROP CONSTRAINT nobody")

    def _have_the_database_refuse(self) -> None:
        """Let PostgreSQL quote a row in its refusal, where a job cannot go on."""
        with psycopg.connect(plain(self.database_url), autocommit=True) as connection:
            connection.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'refused' USING DETAIL = convert_from(NEW.payload, 'UTF8'); END $$"
            )
            connection.execute("CREATE TRIGGER refuse BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION refuse()")
        self._identify("ben", messageId="refused")
        self.hub.wait_for(
            lambda: "Job decide failed" in (self.hub.directory / "worker-1.log").read_text(), "a failed job"
        )
        with redis.Redis.from_url(self.redis_url) as client:
            self.hub.wait_for(lambda: client.zcard("rq:failed:hub"), "a failed job in Redis")


def plain(url: str) -> str:
    """Return a database's address as psycopg takes it."""
    return url.replace("postgresql+psycopg", "postgresql")


def found(text: str, hidden: list[str]) -> list[str]:
    """Return which of these are in a text, also inside base64."""
    lowered = text.lower()
    packed = [{base64.b64encode(b"x" * shift + one.encode())[4:-4].decode() for shift in range(3)} for one in hidden]
    return [
        one
        for one, forms in zip(hidden, packed, strict=True)
        if one.lower() in lowered or any(form in text for form in forms)
    ]


@pytest.mark.processes
def test_no_log_line_holds_a_secret_or_what_customers_said(run: Run) -> None:
    logs = {path.name: path.read_text() for path in run.hub.directory.glob("*.log")}
    said = "\n".join(logs.values())
    expected = [
        "is paused until",
        "failed",
        "RuntimeError",
        "535",
        "(address)",
        "(secret)",
        "refused",
        "Job decide failed",
    ]
    assert [part for part in expected if part not in said] == []
    assert {name: found(text, HIDDEN) for name, text in logs.items() if found(text, HIDDEN)} == {}
    assert not re.search(r"[\w.+-]+@[\w-]+\.\w", said)


@pytest.mark.processes
def test_redis_holds_names_of_jobs_and_nothing_else(run: Run) -> None:
    with redis.Redis.from_url(run.redis_url) as client:
        kept = {key.decode(): repr(value_of(client, key)) for key in client.scan_iter()}
    assert any(key.startswith("rq:results:") for key in kept), list(kept)
    assert {key: found(key + value, HIDDEN) for key, value in kept.items() if found(key + value, HIDDEN)} == {}
    assert not any("Traceback" in value for value in kept.values())


def value_of(client: redis.Redis, key: bytes) -> Any:
    """Return what stands under a key, what RQ has packed unpacked."""
    match client.type(key):
        case b"hash":
            return {name: unpacked(value) for name, value in client.hgetall(key).items()}  # type: ignore[union-attr]
        case b"list":
            return client.lrange(key, 0, -1)
        case b"set":
            return client.smembers(key)
        case b"zset":
            return client.zrange(key, 0, -1)
        case b"stream":
            return [{name: unpacked(value) for name, value in fields.items()} for _, fields in client.xrange(key)]  # type: ignore[union-attr]
    return client.get(key)


def unpacked(value: bytes) -> bytes:
    for unpack in (lambda given: zlib.decompress(base64.b64decode(given)), zlib.decompress):
        try:
            return unpack(value)
        except (ValueError, zlib.error):
            continue
    return value


@pytest.mark.processes
def test_no_answer_to_a_stranger_holds_a_secret_or_what_customers_said(run: Run) -> None:
    assert {answer.status_code for answer in run.answers} >= {400, 401, 404, 503}
    said = {f"{a.request.method} {urlsplit(a.url or '').path}": f"{dict(a.headers)} {a.text}" for a in run.answers}
    assert {name: found(text, HIDDEN) for name, text in said.items() if found(text, HIDDEN)} == {}


@pytest.mark.processes
def test_a_stolen_database_holds_no_secret_in_the_clear(run: Run) -> None:
    kept: dict[str, str] = {}
    with psycopg.connect(plain(run.database_url), autocommit=True) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in names:
            rows = connection.execute(f'SELECT t::text FROM "{name}" t WHERE true').fetchall()  # type: ignore[arg-type]
            kept[name] = "\n".join(row[0] for row in rows)
        payloads = connection.execute(
            "SELECT convert_from(payload, 'UTF8') FROM event WHERE payload IS NOT NULL"
        ).fetchall()
        kept["payloads"] = "\n".join(row[0] for row in payloads)
    assert "(secret)" in kept["invitation"] + kept["attempt"] + kept["connection_state"], list(kept)
    secrets = [*SECRETS.values(), WEBHOOK_SECRET, run.token]
    assert {name: found(text, secrets) for name, text in kept.items() if found(text, secrets)} == {}


@pytest.mark.processes
def test_commands_mask_what_they_show_unless_asked(run: Run) -> None:
    said = [run.hub.hub(*words.split(), check=False) for words in ("export", "channels", "doctor", "token list")]
    secrets = [*SECRETS.values(), WEBHOOK_SECRET, run.token]
    assert found("\n".join(said), secrets) == []
    assert set(found(run.hub.hub("export", "--reveal"), secrets)) >= {SECRETS["source key"], SECRETS["smtp password"]}
