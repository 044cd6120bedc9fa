"""What senders get for what they send: the Tracking API as the hub answers it, good input and bad."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from werkzeug.test import Client, TestResponse

from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.cli.processes import WEB_THREADS
from hub.pipeline import decide, imported
from hub.pipeline.hub import Hub
from hub.plugin import Accepted, Reply
from hub.store import intake, tables
from hub.web.app import HubApp, create_app
from hub.web.intake import BODIES_AT_ONCE
from hub_segment import SegmentSource
from tests.configured import API_KEY, TOML, configured_hub

BASIC = {"Authorization": "Basic " + base64.b64encode(f"{API_KEY}:".encode()).decode()}
IDENTIFY = {"userId": "ada", "messageId": "m1", "traits": {"email": "ada@acme.example"}}
FOREVER = 1e12


@pytest.fixture
def hub(tmp_path: Path, database_url: str) -> Iterator[Hub]:
    with configured_hub(tmp_path, database_url) as configured:
        yield configured


@pytest.fixture
def app(hub: Hub) -> Iterator[HubApp]:
    made = create_app(hub)
    yield made
    made.close()


@pytest.fixture
def client(app: HubApp) -> Client:
    return Client(app)


def send(client: Client, path: str, body: Any, **headers: str) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data=data, headers={**BASIC, **{k.replace("_", "-"): v for k, v in headers.items()}})


def stored_bodies(hub: Hub) -> int:
    return intake.waiting(hub.store)[0]


def reasons(hub: Hub) -> list[tuple[str, str | None]]:
    """Decide what came in and return each event's outcome and reason."""
    decide.drain(hub, until=FOREVER)
    with hub.store.read() as connection:
        rows = connection.execute(select(tables.event).order_by(tables.event.c.id)).all()
    return [(row.outcome, row.reason) for row in rows]


SINGLE = ["identify", "i", "track", "t", "page", "p", "screen", "s", "group", "g", "alias", "a"]
BATCHES = ["batch", "b", "import"]


@pytest.mark.parametrize("end", ["", "/"])
def test_every_path_of_the_tracking_api_takes_events(client: Client, hub: Hub, end: str) -> None:
    for name in SINGLE:
        answer = send(client, f"/v1/{name}{end}", IDENTIFY)
        assert (answer.status_code, answer.get_data()) == (200, b'{"success":true}'), name
    for name in BATCHES:
        batch = {"batch": [{"type": "page", "userId": "ada", "messageId": f"{name}{number}"} for number in range(3)]}
        assert send(client, f"/v1/{name}{end}", batch).status_code == 200, name
    assert stored_bodies(hub) == len(SINGLE) + len(BATCHES)
    assert len(reasons(hub)) == 1 + 3 * len(BATCHES)


@pytest.mark.parametrize(
    ("headers", "extra"),
    [
        (BASIC, {}),
        ({}, {"writeKey": API_KEY}),
        ({"Authorization": "Bearer of-an-oauth-client"}, {"writeKey": API_KEY}),
        ({"Content-Type": "text/plain"}, {"writeKey": API_KEY}),
    ],
)
def test_the_key_comes_by_basic_authentication_or_in_the_body(
    client: Client, hub: Hub, headers: dict[str, str], extra: dict[str, str]
) -> None:
    answer = client.post("/v1/identify", data=json.dumps({**IDENTIFY, **extra}), headers=headers)
    assert answer.status_code == 200
    assert reasons(hub) == [("decided", None)]


def test_gzip_is_understood(client: Client, hub: Hub) -> None:
    assert (
        send(client, "/v1/identify", gzip.compress(json.dumps(IDENTIFY).encode()), Content_Encoding="gzip").status_code
        == 200
    )
    assert reasons(hub) == [("decided", None)]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/identify", b"", {}, 400),
        ("/v1/identify", b"not json", {}, 400),
        ("/v1/identify", b"[]", {}, 400),
        ("/v1/identify", b'{"userId": NaN}', {}, 400),
        ("/v1/identify", b"\xff\xfe{}", {}, 400),
        ("/v1/identify", b"[" * 100_000, {}, 400),
        ("/v1/identify", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, {}, 400),
        ("/v1/batch", b'{"batch": 7}', {}, 400),
        ("/v1/identify", b"x" * 600_000, {}, 413),
        ("/v1/identify", b"no gzip", {"Content_Encoding": "gzip"}, 400),
        ("/v1/identify", gzip.compress(b"{}" * 999, mtime=0)[:-9], {"Content_Encoding": "gzip"}, 400),
        ("/v1/identify", gzip.compress(b" " * 5_000_000, mtime=0), {"Content_Encoding": "gzip"}, 413),
        ("/v1/identify", zlib.compress(b"{}"), {"Content_Encoding": "deflate"}, 415),
        ("/v1/identify", b"{}", {"Authorization": "Basic d3Jvbmc6"}, 401),
        ("/v1/identify", b"{}", {"Authorization": "Basic %%%"}, 401),
        ("/v1/nothing", b"{}", {}, 404),
        ("/sources/nobody", b"{}", {}, 404),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused_whole(
    client: Client, hub: Hub, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = send(client, path, body, **headers)
    assert answer.status_code == status, answer.get_data()
    assert set(answer.get_json()) == {"code", "message"}
    assert stored_bodies(hub) == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"userId": "a\x00b"},
        {"userId": "\ud800"},
        {"userId": {"no": "id"}},
        {"userId": True},
        {"messageId": "m" * 120},
        {"messageId": "\x00"},
        {"traits": []},
        {"traits": "text"},
    ],
)
def test_a_fault_of_one_event_leaves_the_others_alone(client: Client, hub: Hub, fault: dict[str, Any]) -> None:
    good = {**IDENTIFY, "type": "identify"}
    batch = {"batch": [{**good, "messageId": "bad", **fault}, good]}
    assert send(client, "/v1/batch", batch).status_code == 200
    found = reasons(hub)
    assert ("decided", None) in found
    assert len(found) == 2


def test_hostile_traits_are_kept_and_harm_nothing(client: Client, hub: Hub) -> None:
    traits = {"email": "ada@acme.example", "firstName": "\x00\ud800\u202e<script>", "big": 10**400, "deep": [[[[]]]]}
    raw = json.dumps({**IDENTIFY, "traits": traits}).encode()
    assert send(client, "/v1/identify", raw).status_code == 200
    assert reasons(hub)[0][0] in ("decided", "rejected")


def test_the_same_event_again_makes_no_second_row(client: Client, hub: Hub) -> None:
    for _ in range(2):
        send(client, "/v1/identify", IDENTIFY)
    assert reasons(hub) == [("decided", None)]
    send(client, "/v1/identify", IDENTIFY)
    assert reasons(hub) == [("decided", None)]


def test_browsers_may_send_from_anywhere(client: Client) -> None:
    answer = client.options("/v1/t", headers={"Origin": "https://acme.example"})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert send(client, "/v1/t", IDENTIFY).headers["Access-Control-Allow-Origin"] == "*"


def test_sdks_get_their_settings_and_may_drop_their_metrics(client: Client, hub: Hub) -> None:
    settings = client.get(f"/v1/projects/{API_KEY}/settings")
    assert settings.status_code == 200
    assert "integrations" in settings.get_json()
    assert client.get("/v1/projects/unknown/settings").status_code == 401
    assert client.post("/v1/m", data=b'{"series": []}').status_code == 200
    assert stored_bodies(hub) == 0


def test_a_named_source_has_an_address_of_its_own(client: Client, hub: Hub) -> None:
    body = {**IDENTIFY, "type": "identify"}
    assert send(client, "/sources/product", body).status_code == 200
    assert client.post("/sources/product", data=json.dumps(body)).status_code == 401
    assert stored_bodies(hub) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_webhooks_may_be_larger_than_what_sdks_send(client: Client, hub: Hub, method: str) -> None:
    events = [{"type": "page", "userId": "ada", "messageId": f"m{n}", "pad": "x" * 30_000} for n in range(100)]
    body = json.dumps(events)
    assert client.open("/sources/product", method=method, data=body, headers=BASIC).get_data() == b'{"success":true}'
    assert send(client, "/v1/batch", {"batch": events}).status_code == 413
    assert len(reasons(hub)) == 100


def test_large_webhook_for_a_source_that_does_not_work_is_sent_again(client: Client, hub: Hub) -> None:
    toml = TOML.replace("[channels", 'header_secret = "$SET_WHERE_IT_WAS_APPLIED_ALONE"\n[channels', 1)
    applying.apply(hub, planning.plan(hub, toml, environ={"SET_WHERE_IT_WAS_APPLIED_ALONE": "secret"}))
    assert send(client, "/sources/product", b" " * 1_000_000).status_code == 503


@pytest.mark.parametrize("timestamp", ["2026-03-11T01:00:00Z", "2099-01-01T00:00:00Z", "yesterday", None])
def test_deletion_that_a_webhook_brings_erases_the_person(client: Client, hub: Hub, timestamp: str | None) -> None:
    toml = TOML.replace("[channels", 'header_secret = "only-for-segment"\n[channels', 1)
    applying.apply(hub, planning.plan(hub, toml, environ={}))
    send(client, "/sources/product", [{**IDENTIFY, "type": "identify"}])
    assert reasons(hub) == [("decided", None)]
    deletion = {"type": "delete", "userId": "ada", "timestamp": timestamp}
    secret = {"X-Hub-Secret": "only-for-segment"}
    assert client.put("/sources/product", data=json.dumps(deletion), headers=secret).status_code == 200
    assert reasons(hub) == [("decided", None), ("ignored", "not_a_trigger")]
    with hub.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.person)) == 0
        assert connection.scalar(select(func.count()).select_from(tables.invitation)) == 0
        assert set(connection.scalars(select(tables.event.c.payload))) == {None}
    send(client, "/sources/product", {**IDENTIFY, "type": "identify", "messageId": "m2"})
    reasons(hub)
    with hub.store.read() as connection:
        assert list(connection.scalars(select(tables.decision.c.reason))) == ["scheduled", "suppressed"]


def test_trouble_of_ours_is_503_with_retry_after(client: Client, hub: Hub) -> None:
    send(client, "/v1/identify", IDENTIFY)
    with hub.store.intake.begin() as connection:
        connection.execute(text("ALTER TABLE body RENAME TO body_away"))
    answer = send(client, "/v1/identify", IDENTIFY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert set(answer.get_json()) == {"code", "message"}


def test_events_without_a_message_id_are_told_apart_by_content_and_day(client: Client, hub: Hub) -> None:
    event = {"userId": "ada", "traits": {"plan": "pro"}}
    for body in (event, {**event, "sentAt": "2026-03-11T09:30:00Z"}, {**event, "traits": {"plan": "free"}}):
        send(client, "/v1/identify", body)
    assert len(reasons(hub)) == 2
    with hub.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.person)) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["type", "userId", "anonymousId", "messageId", "traits", "context", "timestamp", "sentAt", "batch"]
)


@given(body=st.binary(max_size=200) | st.dictionaries(NAMES, JSON).map(lambda value: json.dumps(value).encode()))
@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_nothing_that_is_sent_is_answered_5xx_or_stops_the_decider(client: Client, hub: Hub, body: bytes) -> None:
    for path in ("/v1/identify", "/v1/batch"):
        assert send(client, path, body).status_code in (200, 400, 413)
    decide.drain(hub, until=FOREVER)
    assert stored_bodies(hub) == 0


def test_a_wrong_key_leaves_a_trace_without_the_key(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    send(client, "/v1/identify", IDENTIFY)
    assert caplog.messages == []
    answer = client.post("/v1/identify", json={**IDENTIFY, "writeKey": "a-key-of-somebody-else"})
    assert answer.status_code == 401
    said = [one.getMessage() for one in caplog.records if one.name == "hub.web.refusals"]
    assert said == ["Refused 1 request: the key was missing or unknown"]
    assert "a-key-of-somebody-else" not in caplog.text


def test_gzip_body_that_grows_beyond_all_measure_is_refused_before_any_key(client: Client) -> None:
    bomb = gzip.compress(b" " * 5_000_000)
    answer = client.post("/sources/product", data=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    repetitive = gzip.compress(json.dumps([IDENTIFY] * 4_000).encode())
    assert send(client, "/sources/product", repetitive, Content_Encoding="gzip").status_code == 200


def test_slow_senders_leave_room_for_everybody_else(app: HubApp) -> None:
    class Slow:
        def read(self, size: int) -> bytes:
            reading.release()
            let_go.wait(30)
            return b""

    reading, let_go = threading.Semaphore(0), threading.Event()
    environ = {"wsgi.input": Slow(), "CONTENT_LENGTH": "10", "REQUEST_METHOD": "POST", "PATH_INFO": "/sources/product"}
    senders = [threading.Thread(target=app.intake, args=(environ, lambda *_: None)) for _ in range(BODIES_AT_ONCE)]
    for sender in senders:
        sender.start()
        assert reading.acquire(timeout=10)
    try:
        assert Client(app).get("/healthz").status_code == 200
        answer = send(Client(app), "/v1/identify", IDENTIFY)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    finally:
        let_go.set()
        for sender in senders:
            sender.join()
    assert send(Client(app), "/v1/identify", IDENTIFY).status_code == 200


def test_web_process_has_more_threads_than_bodies_may_hold() -> None:
    assert BODIES_AT_ONCE < WEB_THREADS


def test_plugin_cannot_pass_a_body_off_as_an_import(client: Client, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Accepted(body=b"{}", reply=Reply.json({}), hint=imported.HINT)
    monkeypatch.setattr(SegmentSource, "receive", lambda self, request: taken)
    assert send(client, "/v1/identify", IDENTIFY).status_code == 503
    assert stored_bodies(hub) == 0
