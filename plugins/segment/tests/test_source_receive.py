from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Session

from hub.plugin import Accepted, InboundRequest, Reply, Services, Stored
from hub.testing.sources import SourceContract
from hub.testing.values import NOW
from hub_segment import SegmentSource

KEY = "k3y-of-the-source"
SERVICES = Services(http=Session, now=lambda: NOW, hub_id="testhub", base_url="https://hub.example")
SPANNERS = [
    b'"',
    b"\\",
    b"\\ud83d",
    b"\\u0000",
    b"[" * 5_000,
    b"1e999",
    b"NaN",
    b"\xff",
    b"null",
    b"{}",
    b",",
]
EVENT = {"type": "identify", "userId": "u1", "messageId": "m1", "traits": {"email": "ada@example.com"}}


def basic(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def post(path: str, body: Any, headers: dict[str, str] | None = None) -> InboundRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = basic(KEY) if headers is None else headers
    return InboundRequest(method="POST", path=path, arrived_at=NOW, headers=headers, body=raw)


def said(outcome: Accepted | Reply) -> dict[str, Any]:
    reply = outcome.reply if isinstance(outcome, Accepted) else outcome
    return {"status": reply.status, **json.loads(reply.body)}


def source_with(services: Services = SERVICES, **settings: Any) -> SegmentSource:
    config = SegmentSource.config_schema().load({"api_key": KEY, **settings})
    return SegmentSource("product", config, services)


@pytest.fixture
def source(services: Services) -> SegmentSource:
    return source_with(services)


class TestSegmentSourceKeepsTheContract(SourceContract):
    @pytest.fixture
    def source(self, services: Services) -> SegmentSource:
        return source_with(services)

    def samples(self) -> list[InboundRequest]:
        return [
            post("/v1/identify", EVENT),
            post("/v1/t", {"userId": 7, "event": "Signed up"}),
            post("/v1/batch", {"batch": [EVENT, EVENT], "writeKey": KEY}, {}),
            post("/sources/product", EVENT),
        ]

    def forged(self) -> list[InboundRequest]:
        return [
            post("/v1/identify", EVENT, {}),
            post("/v1/identify", EVENT, basic("another")),
            post("/v1/batch", {"batch": [EVENT], "writeKey": "another"}, {}),
            post("/sources/product", EVENT, {}),
        ]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("endpoint", "hint"),
    [
        *[(word, word) for word in ("identify", "track", "page", "screen", "group", "alias", "batch")],
        *[("i", "identify"), ("t", "track"), ("p", "page"), ("s", "screen"), ("g", "group"), ("a", "alias")],
        *[("b", "batch"), ("import", "batch")],
    ],
)
def test_every_path_of_the_tracking_api_is_accepted(source, endpoint, hint, slash):
    outcome = source.receive(post(f"/v1/{endpoint}{slash}", {**EVENT, "batch": [EVENT]}))
    assert isinstance(outcome, Accepted)
    assert outcome.hint == hint


def test_success_is_exactly_what_sdks_expect(source):
    assert said(source.receive(post("/v1/identify", EVENT))) == {"status": 200, "success": True}


def test_body_is_stored_as_it_came(source):
    body = b' {"type":"identify" , "userId":"u1"} '
    assert source.receive(post("/v1/i", body)).body == body


@pytest.mark.parametrize(("body", "hint"), [(EVENT, "webhook"), ([EVENT], "webhooks"), ({"batch": [EVENT]}, "batch")])
def test_on_its_own_path_the_body_tells_what_it_is(source, body, hint):
    assert source.receive(post("/sources/product", body)).hint.removesuffix(" by key") == hint


def test_sdks_may_send_to_the_tracking_api_below_the_own_path(source):
    assert source.receive(post("/sources/product/v1/batch", {"batch": [EVENT]})).hint == "batch"


def test_unknown_path_is_not_found(source):
    assert said(source.receive(post("/v1/identity", EVENT)))["status"] == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_events_are_posted(source, method):
    reply = source.receive(replace(post("/v1/identify", EVENT), method=method))
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


def test_empty_batch_succeeds_and_stores_nothing(source):
    assert said(source.receive(post("/v1/batch", {"batch": []}))) == {"status": 200, "success": True}
    assert isinstance(source.receive(post("/v1/batch", {"batch": []})), Reply)


def test_metrics_of_sdks_are_dropped_without_a_key(source):
    assert said(source.receive(post("/v1/m", {"series": []}, {}))) == {"status": 200, "success": True}


# The key


@pytest.mark.parametrize(
    ("headers", "body", "key"),
    [
        (basic(KEY), {}, KEY),
        ({}, {"writeKey": KEY}, KEY),
        (basic(""), {"writeKey": KEY}, KEY),
        ({"authorization": "Bearer token"}, {"writeKey": KEY}, KEY),
        ({"authorization": "basic " + basic(KEY)["authorization"][6:]}, {}, KEY),
        (basic("first"), {"writeKey": "second"}, "first"),
        ({}, {}, None),
        ({}, {"writeKey": 5}, None),
        ({}, {"writeKey": ""}, None),
        ({}, {"traits": {"writeKey": KEY}}, None),
        ({}, b'{"writeKey": "k3y', None),
        ({}, b'{"batch": [NaN], "writeKey": "k3y"}', "k3y"),
    ],
)
def test_key_comes_from_basic_authentication_or_the_body(headers, body, key):
    assert (SegmentSource.key(post("/v1/identify", body, headers)) or None) == key


def test_wrong_key_is_answered_in_the_words_sdks_read(source):
    answer = said(source.receive(post("/v1/identify", EVENT, basic("another"))))
    assert (answer["status"], answer["code"]) == (401, "invalid_write_key")
    assert answer["message"]


def test_source_without_a_key_lets_nobody_in(services):
    source = source_with(services, api_key="")
    assert source.receive(post("/v1/identify", EVENT, basic(""))).status == 401


# Faults of the body as a whole


@pytest.mark.parametrize(
    ("path", "body", "code", "part"),
    [
        ("/v1/i", b"", "invalid_json", "truncated"),
        ("/v1/i", b'{"userId": }', "invalid_json", "byte 11"),
        ("/v1/i", b'{"a": NaN}', "invalid_json", "byte 6"),
        ("/v1/i", b'{"a": -Infinity}', "invalid_json", "byte"),
        ("/v1/i", b"[]", "invalid_shape", "`object`, got `array`"),
        ("/v1/i", b'{"a": "\xff"}', "invalid_encoding", "byte 7"),
        ("/v1/i", b'{"a": "\x00"}', "invalid_json", "byte"),
        ("/v1/i", b'{"a":' + b"[" * 100_000, "too_deep", "nested too deeply"),
        ("/v1/batch", EVENT, "invalid_shape", "missing required field `batch`"),
        ("/v1/batch", {"batch": EVENT}, "invalid_shape", "`$.batch`"),
        ("/v1/batch", [EVENT], "invalid_shape", "`object`, got `array`"),
        ("/sources/product", {"batch": "all"}, "invalid_shape", "`$.batch`"),
    ],
)
def test_unreadable_body_is_refused_with_what_and_where(source, path, body, code, part):
    answer = said(source.receive(post(path, body)))
    assert (answer["status"], answer["code"]) == (400, code)
    assert part in answer["message"]


def test_unreadable_body_with_its_key_inside_is_refused_for_what_is_wrong(source):
    body = b'{"batch": [{"traits": {"a": NaN}}], "writeKey": "k3y-of-the-source"}'
    answer = said(source.receive(post("/v1/batch", body, {})))
    assert (answer["status"], answer["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("events", [0, 1, 2_750])
def test_batches_up_to_the_limit_and_its_slack_pass(source, events):
    assert said(source.receive(post("/v1/batch", {"batch": [{}] * events})))["status"] == 200


def test_batch_of_too_many_events_is_refused(source):
    answer = said(source.receive(post("/v1/batch", {"batch": [{}] * 2_751})))
    assert (answer["status"], answer["code"]) == (413, "payload_too_large")


def test_hub_takes_bodies_up_to_the_limit_and_its_slack():
    assert SegmentSource.max_body == 563_200


@pytest.mark.parametrize("body", [b'{"a": 1e400}', b'{"a": "\\ud83d"}', b'{"a": "\\u0000"}', b'{"a":1,"a":2}'])
def test_faults_inside_an_event_do_not_refuse_the_body(source, body):
    assert isinstance(source.receive(post("/v1/batch", b'{"batch":[' + body + b"]}")), Accepted)


@given(st.sampled_from(["/v1/i", "/v1/batch", "/x"]), st.data())
def test_no_body_raises_however_mangled(path, data):
    source = source_with()
    body = json.dumps({"batch": [EVENT], **EVENT, "writeKey": KEY}).encode()
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, len(body)))
    mangled = body[:start] + data.draw(st.binary(max_size=8) | st.sampled_from(SPANNERS)) + body[end:]
    outcome = source.receive(post(path, mangled, {}))
    hints = [outcome.hint] if isinstance(outcome, Accepted) else ["", "batch", "track"]
    for hint in hints:
        list(source.read(Stored(body=mangled, arrived_at=NOW, hint=hint)))


# Trouble and settings


def test_trouble_has_code_and_message():
    assert said(SegmentSource.trouble(503, "The database is away.", 5)) == {
        "status": 503,
        "code": "service_unavailable",
        "message": "The database is away.",
    }


def settings_request(key: str) -> InboundRequest:
    return replace(post(f"/v1/projects/{key}/settings", b"", {}), method="GET")


def test_settings_point_the_browser_sdk_at_the_hub(source):
    settings = json.loads(source.receive(settings_request(KEY)).body)
    segment = settings["integrations"]["Segment.io"]
    assert (segment["apiKey"], segment["apiHost"], segment["protocol"]) == (KEY, "hub.example/v1", "https")


def test_settings_of_a_key_are_found_by_it():
    assert SegmentSource.key(settings_request(KEY)) == KEY


def test_settings_of_another_key_are_refused(source):
    assert source.receive(settings_request("another")).status == 401


def test_settings_are_only_read(source):
    assert source.receive(replace(settings_request(KEY), method="POST")).status == 405


def test_only_settings_are_served_of_a_project(source):
    request = replace(post("/v1/projects/other", b""), method="GET")
    assert source.receive(request).status == 404


def test_api_key_is_generated_and_looked_up():
    field = SegmentSource.config_schema().fields["api_key"]
    assert (field.generate, field.lookup) == (True, True)
