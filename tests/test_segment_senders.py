"""What sends to the hub in the end is Segment's own software: its SDKs, its webhooks, a function in its runtime."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from playwright.sync_api import expect, sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from hub.pipeline import decide
from hub.store import tables
from hub.testing.http_server import Answer, RecordingServer
from tests import documents, node, servers
from tests.documents import ROOT
from tests.processes import stop
from tests.running_hub import API_KEY, RunningHub

pytestmark = pytest.mark.processes

FOREVER = 1e12
HEADER_SECRET = "a-secret-for-the-header"
SHARED_SECRET = "a-secret-for-signatures"
TOML = f"""
[sources.product]
kind = "segment"
api_key = "{API_KEY}"
header_secret = "{HEADER_SECRET}"
shared_secret = "{SHARED_SECRET}"
"""
PAGE = "docs/segment.md"


@pytest.fixture
def hub(tmp_path: Path, redis_server: servers.RedisServer) -> Iterator[RunningHub]:
    """The web process of a hub; tests do the deciding."""
    hub = RunningHub(tmp_path, database_url=f"sqlite:///{tmp_path / 'hub.db'}", redis_url=redis_server.url)
    hub.hub("db", "upgrade")
    hub.apply(TOML)
    hub.start("web")
    try:
        hub.wait_for(hub.is_answering, "the web process")
        yield hub
    finally:
        stop(hub.processes["web"], signal.SIGTERM, timeout_s=15)


def arrived(hub: RunningHub) -> list[dict[str, Any]]:
    """Return the events that came, by messageId, once they are decided."""
    with hub.opened() as opened:
        decide.drain(opened, until=FOREVER)
        with opened.store.read() as connection:
            rows = connection.execute(select(tables.event).order_by(tables.event.c.message_id)).all()
    return [{"type": row.type, "reason": row.reason, **json.loads(row.payload or b"{}")} for row in rows]


def documented(start: str, **changes: str) -> str:
    """Return the JavaScript on the page about Segment that starts like this, with some words changed."""
    [code] = [block for block in documents.blocks(documents.read(PAGE), "js") if block.startswith(start)]
    for old, new in changes.items():
        assert old in code
        code = code.replace(old, new)
    return code


# SDKs


@pytest.mark.node
def test_events_of_the_node_sdk_arrive_as_the_page_sends_them(
    hub: RunningHub, node_modules: Path, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules)
    script = tmp_path / "product.mjs"
    script.write_text(documented("// Node", **{"THE API KEY": API_KEY, "https://hub.example.com": hub.url}))
    node.run(script)
    [event] = arrived(hub)
    assert (event["type"], event["reason"], event["userId"]) == ("identify", "no_survey", "user-17")
    assert event["traits"]["email"] == "ada@example.com"
    assert event["context"]["library"]["name"] == "@segment/analytics-node"


@pytest.fixture
def shop(node_modules: Path) -> Iterator[str]:
    """A web page of another origin than the hub's, with the browser SDK in it."""
    bundle = node_modules / "@segment" / "analytics-next" / "dist" / "umd"
    app = Flask("shop", static_folder=str(bundle), static_url_path="/sdk")
    page = '<!doctype html><link rel="icon" href="data:,"><title>Shop</title><script src="/sdk/index.js"></script>'
    app.add_url_rule("/", view_func=lambda: page)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.node
@pytest.mark.browser
def test_events_of_the_browser_sdk_arrive_as_the_page_sends_them(
    hub: RunningHub, shop: str, chromium_path: Path
) -> None:
    code = documented("// Browser", **{"THE API KEY": API_KEY, "https://hub.example.com": hub.url})
    code = re.sub(r"^import (.*) from .*$", r"const \1 = AnalyticsNext", code, flags=re.MULTILINE)
    asked: list[str] = []
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(shop)
        expect(page).to_have_title("Shop")
        with page.expect_response(lambda response: response.request.method == "POST") as posted:
            page.evaluate(f"{{ {code}; null }}")
        answer = posted.value.status, posted.value.json()
        browser.close()
    assert answer == (200, {"success": True})
    assert [url for url in asked if not url.startswith((shop, hub.url))] == []
    assert said == []
    [event] = arrived(hub)
    assert (event["type"], event["reason"], event["userId"]) == ("identify", "no_survey", "user-17")
    assert event["context"]["library"]["name"] == "analytics.js"


# Webhooks

FIRST = (
    '{"type":"identify","userId":"ada","messageId":"m1","traits":{"name":"Zoë 😀","spent":1.0,"tiny":1e-7}}'.encode()
)
SECOND = b'{"type":"identify","userId":"ben","messageId":"m2"}'


def signature(text: bytes) -> str:
    """Return what OpenSSL makes of a text and the shared secret."""
    line = ["openssl", "dgst", "-sha1", "-hmac", SHARED_SECRET]
    done = subprocess.run(line, input=text, capture_output=True, check=True, timeout=10)
    return done.stdout.split()[-1].decode()


def send_webhook(hub: RunningHub, body: bytes, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = requests.post(f"{hub.url}/sources/product", data=body, headers=named, timeout=10)
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.openssl
@pytest.mark.parametrize("body", [FIRST, b"[" + FIRST + b"]"])
def test_webhook_that_openssl_signed_arrives(hub: RunningHub, body: bytes) -> None:
    assert send_webhook(hub, body, X_Signature=signature(FIRST)) == (200, "")
    assert [event["traits"]["name"] for event in arrived(hub)] == ["Zoë 😀"]


@pytest.mark.openssl
def test_event_added_behind_a_signed_one_does_not_arrive(hub: RunningHub) -> None:
    forged = b"[" + FIRST + b"," + SECOND + b"]"
    assert send_webhook(hub, forged, X_Signature=signature(FIRST)) == (401, "not_covered")
    assert send_webhook(hub, SECOND, X_Signature=signature(FIRST)) == (401, "invalid_signature")
    assert arrived(hub) == []
    with_header = {"X_Signature": signature(FIRST), "X_Hub_Secret": HEADER_SECRET}
    assert send_webhook(hub, forged, **with_header) == (200, "")
    assert [event["userId"] for event in arrived(hub)] == ["ada", "ben"]


# A function


def run_function(folder: Path, *calls: tuple[str, Any], url: str) -> list[str]:
    """Return how each call of the page's function ended."""
    file = folder / "function.js"
    file.write_text(documented("// Settings"))
    settings = {"hubUrl": f"{url}/sources/product", "secret": HEADER_SECRET}
    ends = node.run(ROOT / "tests" / "sdks" / "function.mjs", str(file), json.dumps(calls), json.dumps(settings))
    return [str(end) for end in json.loads(ends)]


@pytest.mark.node
def test_events_that_the_function_passes_on_arrive(hub: RunningHub, tmp_path: Path) -> None:
    ada = {"type": "identify", "userId": "ada", "messageId": "m1", "timestamp": "2026-03-01T09:30:00.000Z"}
    ben = {**ada, "userId": "ben", "messageId": "m2"}
    tracked = {"type": "track", "userId": "ben", "messageId": "m3", "event": "Order Completed"}
    deletion = {"type": "delete", "userId": "ada", "messageId": "m4", "timestamp": "2026-03-01T01:00:00.000Z"}
    calls = [("onIdentify", ada), ("onBatch", [ben, tracked]), ("onTrack", {**tracked, "messageId": "m5"})]
    assert run_function(tmp_path, *calls, url=hub.url) == ["ok"] * 3
    assert [(event["type"], event["userId"]) for event in arrived(hub)] == [
        ("identify", "ada"),
        ("identify", "ben"),
        ("track", "ben"),
        ("track", "ben"),
    ]
    assert run_function(tmp_path, ("onDelete", deletion), url=hub.url) == ["ok"]
    assert [event.get("userId") for event in arrived(hub)] == [None, "ben", "ben", None, "ben"]


@pytest.mark.node
def test_function_is_run_again_when_the_hub_is_in_trouble(tmp_path: Path) -> None:
    with RecordingServer() as hub:
        hub.answer(Answer(status=503), Answer(status=429), Answer(status=401), Answer(fault="reset"))
        ends = run_function(tmp_path, *[("onIdentify", {"type": "identify"})] * 4, url=hub.url)
    assert [end.partition(":")[0] for end in ends] == ["RetryError", "RetryError", "ValidationError", "RetryError"]
    assert ends[2] == 'ValidationError: The hub answered 401: {"success":true}'
