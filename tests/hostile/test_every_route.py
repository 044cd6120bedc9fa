"""Whatever is sent to any route is answered as a fault of the sender's or taken; what was taken is decided once.

HUB_FUZZ_SEED and HUB_FUZZ_CASES try other cases, and more; see fuzzing.py.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select

from hub.admin.access import tokens
from hub.admin.access.tokens import Scope
from hub.admin.operations import doctor
from hub.pipeline import decide
from hub.pipeline.hub import Hub
from hub.store import intake, tables
from hub.store.configuration import Role
from hub.web.api import openapi
from hub.web.app import HubApp, create_app
from tests.configured import API_KEY, configured_hub
from tests.hostile import bodies, fuzzing
from tests.hostile.texts import TEXTS
from tests.hostile.wire import HEADERS, METHODS, QUERIES, Answer, Request, form, quoted, send

SHARED_SECRET = "the secret that Segment signs with"
WEBHOOK_SECRET = base64.b64encode(b"w" * 32).decode()
SENDGRID_KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_KEY = base64.b64encode(
    SENDGRID_KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
TOML = f"""
[sources.product]
kind = "segment"
api_key = "{API_KEY}"
shared_secret = "{SHARED_SECRET}"
[sources.billing]
kind = "webhook"
secret = "whsec_{WEBHOOK_SECRET}"
[channels.relay]
kind = "smtp"
host = "127.0.0.1"
port = 9
from = "Acme <hello@acme.example>"
[channels.grid]
kind = "sendgrid"
api_key = "SG.test"
from = "Acme <hello@acme.example>"
webhook_public_key = "{PUBLIC_KEY}"
[targets.product]
kind = "segment"
write_key = "write-key"
[surveys.onboarding]
sources = ["product", "billing"]
channels = ["relay", "grid"]
targets = ["product"]
enabled = true
min_interval_weeks = 0
[surveys.orders]
sources = ["product"]
channels = ["grid"]
targets = []
enabled = true
trigger_event = "Order Completed"
"""
ENDPOINTS = [
    "identify",
    "i",
    "track",
    "t",
    "page",
    "p",
    "screen",
    "s",
    "group",
    "g",
    "alias",
    "a",
    "batch",
    "b",
    "import",
]
EVENT_ROUTES = ("/v1/", "/sources/")
BASIC = "Basic " + base64.b64encode(f"{API_KEY}:".encode()).decode()


@pytest.fixture
def hub(tmp_path: Path, database_url: str) -> Iterator[Hub]:
    with configured_hub(tmp_path, database_url, toml=TOML) as configured:
        yield configured


@pytest.fixture
def app(hub: Hub) -> Iterator[HubApp]:
    made = create_app(hub)
    yield made
    made.close()


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that strangers send is our own failure, and so none of it makes a traceback in the log."""
    yield
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR or one.exc_info] == []


# Requests that failed once


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("length", ["9" * 5_000, "-1", "1_0", "9" * 19, "9" * 18])
def test_length_that_no_body_can_have_is_refused(app: HubApp, length: str) -> None:
    request = Request(method="POST", path="/sources/billing", body=b"{}", headers={"CONTENT_LENGTH": length})
    assert send(app, request).status in (400, 413)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/s/LINK"), ("GET", "/api/v1/people"), ("POST", "/channels/GRID/events")]
)
def test_query_that_is_no_text_is_no_failure_of_ours(hub: Hub, app: HubApp, method: str, path: str) -> None:
    grid = hub.registry.current().named(Role.CHANNEL, "grid")
    assert grid is not None
    path = path.replace("LINK", _links(hub, app)[0]).replace("GRID", grid.id)
    request = Request(method=method, path=path, query="score=\xff\xfe&\xff", headers={"HTTP_ACCEPT": "text/html"})
    assert send(app, request).status in (200, 401, 403)


# Events, reports and pages


@pytest.mark.usefixtures("quiet")
def test_nothing_that_strangers_send_is_answered_5xx_and_all_that_is_taken_is_decided_once(
    hub: Hub, app: HubApp
) -> None:
    links = _links(hub, app)
    statuses: Counter[int] = Counter()
    for case in fuzzing.cases(2_000):
        with fuzzing.choices(case) as chosen:
            request = _signed(chosen, hub, _request(chosen, hub, links))
            answer = send(app, request)
            statuses[answer.status] += 1
            _check(request, answer)
    assert {200, 400, 401, 404, 405, 413} <= set(statuses), statuses
    taken = _bodies_waiting(hub)
    assert taken > 100
    _decide_all(hub)
    _find_every_event_decided_once(hub)


def _links(hub: Hub, app: HubApp) -> list[str]:
    """Return the tokens of customers who may be answered for."""
    events = [
        {**bodies.EVENT, "userId": f"u{n}", "messageId": f"first-{n}", "traits": {"email": f"u{n}@acme.example"}}
        for n in range(20)
    ]
    send(
        app,
        Request(
            method="POST",
            path="/v1/batch",
            body=json.dumps({"batch": events}).encode(),
            headers={"HTTP_AUTHORIZATION": BASIC},
        ),
    )
    decide.drain(hub, until=time.monotonic() + 60)
    with hub.store.write() as connection:
        connection.execute(tables.invitation.update().values(state="sent", sent_at=hub.now()))
        ids = list(connection.scalars(select(tables.invitation.c.id)))
    assert len(ids) == 20
    return [hub.keys.token_of(id) for id in ids]


def _request(chosen: random.Random, hub: Hub, links: list[str]) -> Request:
    channels = [one.id for one in hub.registry.current().connections.values() if one.stored.role == "channel"]
    path = chosen.choice(
        [
            f"/v1/{chosen.choice(ENDPOINTS)}",
            f"/v1/{chosen.choice(ENDPOINTS)}",
            "/sources/product",
            "/sources/billing",
            f"/channels/{chosen.choice(channels)}/events",
            f"/s/{chosen.choice(links)}",
            f"/u/{chosen.choice(links)}",
            chosen.choice(_odd_paths(chosen)),
        ]
    )
    method = "POST" if chosen.random() < 0.75 else chosen.choice(METHODS)
    query = chosen.choice(QUERIES) if chosen.random() < 0.3 else ""
    headers = dict(chosen.sample(HEADERS, chosen.choice([0, 0, 1, 2, 4])))
    if path.startswith(("/s/", "/u/")):
        body, headers["CONTENT_TYPE"] = form(chosen, TEXTS)
    else:
        body = bodies.body(chosen)
    if chosen.random() < 0.1:
        body, headers["HTTP_CONTENT_ENCODING"] = bodies.packed(chosen, body)
    is_short = chosen.random() < 0.02
    return Request(method=method, path=path, body=body, query=query, headers=headers, is_short=is_short)


def _odd_paths(chosen: random.Random) -> list[str]:
    text = chosen.choice(TEXTS).encode(errors="surrogatepass").decode("latin-1")
    return [
        f"/v1/{text}",
        f"/v1/projects/{text}/settings",
        f"/sources/{text}",
        f"/channels/{text}/events",
        f"/s/{text}",
        f"/u/{text}",
        f"/{text}",
        "/s/../../etc/passwd",
        "//v1//identify",
        "/s/" + "a" * 50_000,
        "/sources/product/../billing",
        "/metrics",
        "/readyz",
        "/",
        "*",
        "",
    ]


def _signed(chosen: random.Random, hub: Hub, request: Request) -> Request:
    """Return the request with a credential that fits its body, in most cases: the doors behind it are tried, too."""
    if chosen.random() < 0.15:
        return request
    headers = dict(request.headers)
    if request.path == "/sources/billing":
        timestamp = str(int(hub.now().timestamp()))
        content = f"id-{chosen.random()}.{timestamp}.".encode()
        mac = hmac.digest(b"w" * 32, content + request.body, "sha256")
        headers |= {
            "HTTP_WEBHOOK_ID": content.decode().rpartition(f".{timestamp}")[0],
            "HTTP_WEBHOOK_TIMESTAMP": timestamp,
        }
        headers["HTTP_WEBHOOK_SIGNATURE"] = "v1," + base64.b64encode(mac).decode()
    elif request.path.startswith("/channels/"):
        signature = SENDGRID_KEY.sign(b"1" + request.body, ec.ECDSA(hashes.SHA256()))
        headers["HTTP_X_TWILIO_EMAIL_EVENT_WEBHOOK_SIGNATURE"] = base64.b64encode(signature).decode()
        headers["HTTP_X_TWILIO_EMAIL_EVENT_WEBHOOK_TIMESTAMP"] = "1"
    elif request.path == "/sources/product" and chosen.random() < 0.5:
        headers["HTTP_X_SIGNATURE"] = hmac.digest(SHARED_SECRET.encode(), request.body, "sha1").hex()
    else:
        headers["HTTP_AUTHORIZATION"] = BASIC
    return Request(**{**vars(request), "headers": headers})


def _check(request: Request, answer: Answer) -> None:
    assert 200 <= answer.status < 500 or request.path == "/readyz", (request, answer)
    assert b"Traceback" not in answer.body, (request, answer)
    assert not any("\r" in text or "\n" in text for header in answer.headers for text in header), (request, answer)
    assert "X-Injected" not in dict(answer.headers), (request, answer)
    is_events = request.path.startswith(EVENT_ROUTES)
    if answer.status >= 400 and is_events and request.method != "HEAD":
        assert {"code", "message"} == set(json.loads(answer.body)), (request, answer)
    if answer.status == 200 and is_events and request.method == "POST":
        assert json.loads(answer.body) == {"success": True}, (request, answer)


def _bodies_waiting(hub: Hub) -> int:
    return intake.waiting(hub.store)[0]


def _decide_all(hub: Hub) -> None:
    decide.drain(hub, until=time.monotonic() + 60)
    assert _bodies_waiting(hub) == 0


def _find_every_event_decided_once(hub: Hub) -> None:
    findings = doctor.examine(hub)
    assert [one for one in findings if not one.ok and not one.is_note] == []
    event, decision = tables.event, tables.decision
    with hub.store.read() as connection:
        outcomes = dict(connection.execute(select(event.c.outcome, func.count()).group_by(event.c.outcome)).all())
        poison = connection.scalar(select(func.count()).where(event.c.reason == "poison"))
        failed = connection.scalars(select(event.c.note).where(event.c.note.contains("plugin failed"))).all()
        twice = connection.execute(
            select(decision.c.event_id, decision.c.survey_id)
            .group_by(decision.c.event_id, decision.c.survey_id)
            .having(func.count() > 1)
        ).all()
    assert set(outcomes) == {"decided", "ignored", "rejected"}, outcomes
    assert (poison, failed, twice) == (0, [], [])


# The API


@pytest.mark.usefixtures("quiet")
def test_the_api_answers_whatever_a_token_holder_sends(hub: Hub, app: HubApp) -> None:
    token = tokens.add(hub, "fuzzing", list(Scope))
    ids = _people_and_invitations(hub, _links(hub, app))
    statuses: Counter[int] = Counter()
    for case in fuzzing.cases(600):
        with fuzzing.choices(case) as chosen:
            request = _api_request(chosen, ids, token)
            answer = send(app, request)
            statuses[answer.status] += 1
            assert 200 <= answer.status < 500, (request, answer)
            if answer.status >= 400 and request.method != "HEAD":
                assert {"code", "message", "fields"} == set(json.loads(answer.body)), (request, answer)
    assert {200, 400, 404, 405, 409, 415, 422} <= set(statuses), statuses
    _decide_all(hub)
    assert [one for one in doctor.examine(hub) if not one.ok and not one.is_note] == []


OPERATIONS = [
    (path, method.upper())
    for path, there in openapi()["paths"].items()
    for method in there
    if method in ("get", "post", "put", "delete")
]


def _people_and_invitations(hub: Hub, links: list[str]) -> list[str]:
    found = [hub.keys.invitation_of(token) for token in links]
    return ["u1", "u2", "u3@acme.example", *[id for id in found if id is not None]]


def _api_request(chosen: random.Random, ids: list[str], token: str) -> Request:
    path, method = chosen.choice(OPERATIONS)
    while "{" in path:
        before, _, after = path.partition("{")
        name, _, after = after.partition("}")
        value = chosen.choice(
            {"role": ["sources", "channels", "targets"], "name": ["product", "relay", "onboarding", "new"]}.get(
                name, ids
            )
        )
        if chosen.random() < 0.2:
            value = chosen.choice(TEXTS).encode(errors="surrogatepass").decode("latin-1")
        path = before + value.replace("{", "") + after
    headers = dict(chosen.sample(HEADERS, chosen.choice([0, 0, 0, 1, 2])))
    if chosen.random() < 0.95:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    headers.setdefault(
        "CONTENT_TYPE", chosen.choice(["application/json", "application/json", "text/csv", "application/x-ndjson"])
    )
    if chosen.random() < 0.1:
        method = chosen.choice(METHODS)
    body = chosen.choice(API_BODIES)(chosen)
    return Request(
        method=method, path=path, body=body, query=_api_query(chosen), headers=headers, is_short=chosen.random() < 0.02
    )


def _api_query(chosen: random.Random) -> str:
    if chosen.random() < 0.5:
        return ""
    names = [
        "limit",
        "cursor",
        "survey",
        "state",
        "q",
        "source",
        "reason",
        "email",
        "since",
        "until",
        chosen.choice(TEXTS),
    ]
    values = [
        "1",
        "-1",
        "9" * 30,
        "9" * 5_000,
        "onboarding",
        "product",
        "2026-03-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        chosen.choice(TEXTS),
    ]
    return "&".join(
        f"{quoted(chosen.choice(names))}={quoted(chosen.choice(values))}" for _ in range(chosen.choice([1, 2, 3]))
    )


API_BODIES = [
    bodies.body,
    lambda chosen: json.dumps(
        bodies.mutated(
            chosen,
            {"sources": ["product"], "channels": ["relay"], "enabled": True, "min_delay_days": 1, "brand": "Acme"},
        )
    ).encode(),
    lambda chosen: json.dumps(
        bodies.mutated(
            chosen, {"kind": "smtp", "host": "127.0.0.1", "from": "Acme <hello@acme.example>", "rate": "3/s"}
        )
    ).encode(),
    lambda chosen: json.dumps(
        bodies.mutated(chosen, {"email": "ada@acme.example", "reason": "unsubscribed", "note": "n"})
    ).encode(),
    lambda chosen: "\n".join(
        [
            "email,userId,firstName,reason",
            *(",".join(chosen.choices(["ada@acme.example", *TEXTS], k=chosen.choice([3, 4, 4, 4]))) for _ in range(9)),
        ]
    ).encode(errors="surrogatepass"),
    lambda chosen: b"\n".join(bodies.body(chosen) for _ in range(4)),
]
