"""Segment's webhooks on a source's own path: what vouches for them, their limits, their times."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError
from requests import Session

from hub.plugin import Accepted, Event, InboundRequest, Reply, Services, Stored, Unreadable
from hub.testing.sources import SourceContract
from hub.testing.values import NOW
from hub_segment import SegmentSource
from hub_segment.webhooks import outline

KEY = "k3y-of-the-source"
SERVICES = Services(http=Session, now=lambda: NOW, hub_id="testhub", base_url="https://hub.example")
SECRETS = {
    "shared_secret": "signs now",
    "previous_shared_secret": "signed before",
    "header_secret": "Bearer of-now",
    "previous_header_secret": "of-before",
}
EVENT = {"type": "identify", "userId": "u1", "messageId": "m1", "traits": {"email": "ada@example.com"}}
FORGED = {"type": "delete", "userId": "somebody else"}
BASIC = {"authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()}
HEADER = {"x-hub-secret": "Bearer of-now"}


def source_with(**settings: Any) -> SegmentSource:
    config = SegmentSource.config_schema().load({"api_key": KEY, **SECRETS, **settings})
    return SegmentSource("product", config, SERVICES)


def sent(body: Any, *credentials: dict[str, str], method: str = "POST") -> InboundRequest:
    """Return what Segment sends: JSON as JavaScript writes it."""
    raw = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {name: value for credential in credentials for name, value in credential.items()}
    return InboundRequest(method=method, path="/sources/product", arrived_at=NOW, headers=headers, body=raw)


def signed(text: bytes, secret: str = "signs now") -> dict[str, str]:
    return {"x-signature": hmac.new(secret.encode(), text, hashlib.sha1).hexdigest()}


def signed_as_segment_does(body: Any, secret: str = "signs now") -> InboundRequest:
    first = body[0] if isinstance(body, list) else body
    return sent(body, signed(sent(first).body, secret))


def answer(outcome: Accepted | Reply) -> tuple[int, str]:
    reply = outcome.reply if isinstance(outcome, Accepted) else outcome
    return reply.status, json.loads(reply.body).get("code", "")


@pytest.fixture
def source() -> SegmentSource:
    return source_with()


class TestWebhooksKeepTheContract(SourceContract):
    @pytest.fixture
    def source(self) -> SegmentSource:
        return source_with()

    def samples(self) -> list[InboundRequest]:
        return [
            sent(EVENT, BASIC),
            sent({**EVENT, "writeKey": KEY}),
            sent([EVENT, {"type": "track", "userId": "u1", "event": "Signed up"}], HEADER),
            sent([EVENT], HEADER, method="PUT"),
            signed_as_segment_does(EVENT),
            signed_as_segment_does([EVENT], secret="signed before"),
            replace(signed_as_segment_does({"type": "delete", "userId": "u1"}), method="PATCH"),
            sent({"batch": [EVENT, EVENT]}, BASIC),
        ]

    def forged(self) -> list[InboundRequest]:
        return [
            sent(EVENT),
            sent([EVENT, EVENT]),
            sent(EVENT, {"x-hub-secret": "of-nobody"}),
            sent(EVENT, {"x-hub-secret": ""}),
            sent(EVENT, signed(b"something else")),
            sent(EVENT, signed(sent(EVENT).body, "of nobody")),
            signed_as_segment_does([EVENT, FORGED]),
            sent([EVENT, FORGED], signed(sent([EVENT, FORGED]).body)),
            sent([{**EVENT, "writeKey": KEY}, FORGED]),
            sent(EVENT, BASIC, signed(b"something else")),
            sent(EVENT, HEADER, {"x-signature": ""}),
        ]


# What vouches for a body


@pytest.mark.parametrize(
    "request_", [sent(EVENT), sent([EVENT]), sent([]), sent(b"no JSON"), sent(EVENT, {"x-hub-secret": "Bearer"})]
)
def test_what_nothing_vouches_for_is_refused(source, request_):
    assert answer(source.receive(request_)) == (401, "missing_credential")


@pytest.mark.parametrize("credential", [BASIC, HEADER, {"x-hub-secret": "of-before"}])
@pytest.mark.parametrize("body", [EVENT, [EVENT], [EVENT, EVENT], {"batch": [EVENT, EVENT]}])
def test_key_and_header_vouch_for_any_number_of_events(source, credential, body):
    assert isinstance(source.receive(sent(body, credential)), Accepted)


@pytest.mark.parametrize("secret", ["signs now", "signed before"])
@pytest.mark.parametrize("body", [EVENT, [EVENT], {"batch": [EVENT, EVENT]}])
def test_signature_vouches_for_what_it_covers_with_either_secret(source, secret, body):
    assert isinstance(source.receive(signed_as_segment_does(body, secret)), Accepted)


def test_signature_is_hex_of_either_case(source):
    request = signed_as_segment_does(EVENT)
    shouted = replace(request, headers={"x-signature": request.headers["x-signature"].upper()})
    assert isinstance(source.receive(shouted), Accepted)


def test_event_behind_a_signed_first_one_is_not_let_in(source):
    reply = source.receive(signed_as_segment_does([EVENT, FORGED]))
    assert answer(reply) == (401, "not_covered")
    assert "X-Hub-Secret" in json.loads(reply.body)["message"]


@pytest.mark.parametrize("credential", [BASIC, HEADER])
def test_signed_array_needs_a_second_credential(source, credential):
    request = signed_as_segment_does([EVENT, EVENT])
    assert isinstance(source.receive(replace(request, headers={**request.headers, **credential})), Accepted)


@pytest.mark.parametrize("credential", [BASIC, HEADER])
@pytest.mark.parametrize("body", [EVENT, [EVENT, EVENT], []])
def test_wrong_signature_is_refused_whatever_else_vouches(source, credential, body):
    assert answer(source.receive(sent(body, credential, signed(b"something else")))) == (401, "invalid_signature")


def test_signature_that_cannot_be_checked_counts_for_nothing():
    source = source_with(shared_secret=None, previous_shared_secret=None)
    assert isinstance(source.receive(sent(EVENT, BASIC, signed(b"anything"))), Accepted)
    assert answer(source.receive(signed_as_segment_does(EVENT))) == (401, "missing_credential")


@pytest.mark.parametrize("secret", [None, ""])
def test_secret_that_is_not_set_lets_nobody_in(secret):
    source = source_with(**dict.fromkeys(["shared_secret", "previous_shared_secret"], secret), header_secret=None)
    empty = hmac.new(b"", sent(EVENT).body, hashlib.sha1).hexdigest()
    for headers in ({"x-signature": empty}, {"x-hub-secret": ""}, {"authorization": "Basic Og=="}):
        assert answer(source.receive(sent(EVENT, headers))) == (401, "missing_credential")


def test_header_may_have_another_name():
    source = source_with(header_name="Authorization")
    assert isinstance(source.receive(sent([EVENT, EVENT], {"authorization": "Bearer of-now"})), Accepted)
    assert answer(source.receive(sent(EVENT, HEADER))) == (401, "missing_credential")


def test_write_key_inside_an_array_vouches_for_nothing(source):
    assert answer(source.receive(sent([{**EVENT, "writeKey": KEY}]))) == (401, "missing_credential")


def test_unreadable_body_of_a_trusted_sender_is_refused_for_what_is_wrong(source):
    assert answer(source.receive(sent(b"[{]", HEADER))) == (400, "invalid_json")
    assert answer(source.receive(sent(b"[" * 100_000, HEADER))) == (400, "too_deep")


def test_strangers_cannot_make_us_parse_more_than_an_event(source):
    body = b'[{"a":"%b"}' % (b"x" * 600_000)  # cut off: it would be refused as such if it were looked at
    assert answer(source.receive(sent(body, signed(body)))) == (401, "not_covered")
    assert answer(source.receive(sent({"pad": "x" * 600_000, "writeKey": KEY}))) == (401, "missing_credential")


@pytest.mark.parametrize(
    "first",
    [
        b'{"type":"identify","userId":"u1","traits":{"score":1.0,"tiny":1e-7,"big":1E+2,"zero":-0.0}}',
        b'{"type":"identify","userId":"u1","traits":{"name":"\\ud83d"}}',
        b'{"type":"identify","userId":"u1","traits":{"\\ude00":"\\ud83d\\ude00"}}',
        '{"type":"identify","userId":"u1","traits":{"name":"Zoë 😀"}}'.encode(),
        b'{"type":"identify","userId":"u1","traits":{"name":"Zo\\u00eb\\/\\u2028"}}',
        b'{ "type" : "identify",\n\t"userId":"u1" }',
    ],
)
def test_first_event_is_checked_as_it_was_written(source, first):
    for body in (first, b"[" + first + b"]", b" \n[\t" + first + b" \r\n] "):
        covered = first if body.strip().startswith(b"[") else body
        assert isinstance(source.receive(sent(body, signed(covered))), Accepted)
    body = b"[ " + first + b' ,{"type":"page"}]'
    assert isinstance(source.receive(sent(body, signed(first), HEADER)), Accepted)


BLANKS = st.text(" \t\n\r", max_size=3)
TEXTS = st.text(st.characters(exclude_categories=()))
SCALARS = (
    st.sampled_from(["1.0", "-0", "-0.0", "1E+2", "1e-7", "0.10", "12345678901234567890123", "null", "true"])
    | st.sampled_from(['"\\ud83d"', '"\\u0000"', '"\\u0041\\/"', '"\\\\ud800"', '"]"', '"\\""'])
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | TEXTS.map(json.dumps)
    | st.text().map(lambda text: json.dumps(text, ensure_ascii=False))
)


@st.composite
def arrays(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    inside = [draw(BLANKS) + item + draw(BLANKS) for item in draw(st.lists(items, min_size=1, max_size=3))]
    return "[" + ",".join(inside) + "]"


@st.composite
def objects(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    found = draw(st.lists(items, max_size=3))
    inside = [draw(BLANKS) + json.dumps(draw(TEXTS)) + draw(BLANKS) + ":" + draw(BLANKS) + item for item in found]
    return "{" + ",".join(inside) + draw(BLANKS) + "}"


JSON = st.recursive(SCALARS, lambda items: arrays(items) | objects(items), max_leaves=8)


@given(BLANKS, arrays(JSON), BLANKS)
def test_signed_text_is_the_first_element_that_json_finds(before, array, after):
    text = before + array + after
    start = text.index("[") + 1
    while text[start] in " \t\n\r":
        start += 1
    _, end = json.JSONDecoder().raw_decode(text, start)
    assert outline(text.encode()).signed == text[start:end].encode()


# What is taken


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_webhooks_may_be_posted_put_or_patched(source, method):
    assert isinstance(source.receive(sent(EVENT, HEADER, method=method)), Accepted)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_other_methods_are_refused(source, method):
    reply = source.receive(sent(EVENT, HEADER, method=method))
    assert (reply.status, reply.headers["Allow"]) == (405, "POST, PUT, PATCH")


@pytest.mark.parametrize("credential", [BASIC, HEADER, signed(b"[]")])
def test_empty_array_succeeds_and_stores_nothing(source, credential):
    outcome = source.receive(sent([], credential))
    assert isinstance(outcome, Reply)
    assert outcome.status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" + b"{}," * 4_399 + b"{}]", 200),
        (b"[" + b"{}," * 4_400 + b"{}]", 413),
        ({"batch": [{}] * 2_750}, 200),
        ({"batch": [{}] * 2_751}, 413),
        ({"batch": [{"pad": "x" * 30_000}] * 18}, 200),
        ({"batch": [{"pad": "x" * 30_000}] * 19}, 413),
        ([{"pad": "x" * 30_000}] * 19, 200),
    ],
)
def test_arrays_and_batches_have_limits_of_their_own(source, body, status):
    assert answer(source.receive(sent(body, HEADER)))[0] == status


def test_own_path_takes_larger_bodies_than_the_tracking_api(source):
    assert (source.max_body, source_with(max_webhook_bytes=5_000_000).max_body) == (20_000_000, 5_000_000)
    assert SegmentSource.max_body == 563_200


# What is read


def read(source: SegmentSource, body: Any) -> list[Event | Unreadable]:
    request = sent(body, HEADER)
    accepted = source.receive(request)
    assert isinstance(accepted, Accepted)
    return list(source.read(Stored(body=accepted.body, arrived_at=NOW, hint=accepted.hint)))


@pytest.mark.parametrize("shape", [lambda event: event, lambda event: [event]])
def test_timestamp_is_taken_as_segment_corrected_it(source, shape):
    event = {**EVENT, "timestamp": "2026-02-01T10:00:00.123Z", "sentAt": "2026-01-01T00:00:00Z"}
    (found,) = read(source, shape(event))
    assert found.timestamp == datetime(2026, 2, 1, 10, 0, 0, 123_000, tzinfo=UTC)


def test_timestamp_of_a_batch_is_still_the_clock_of_its_sender(source):
    event = {**EVENT, "timestamp": "2020-01-01T00:00:00Z"}
    (found,) = read(source, {"batch": [event], "sentAt": "2020-01-01T00:00:00Z"})
    assert found.timestamp == NOW


@pytest.mark.parametrize("timestamp", [None, "", "soon", 5, "0001-01-01T00:00:00+14:00"])
def test_odd_time_of_a_deletion_harms_nothing(source, timestamp):
    (found,) = read(source, {"type": "delete", "userId": "u1", "timestamp": timestamp})
    assert (found.type, found.user_id, found.timestamp) == ("delete", "u1", None)


@pytest.mark.parametrize(
    "request_",
    [
        sent(FORGED, BASIC),
        sent([FORGED], BASIC),
        sent([FORGED, FORGED], BASIC, signed(sent(FORGED).body)),
        sent({**FORGED, "writeKey": KEY}),
    ],
)
def test_api_key_alone_deletes_nobody(source, request_):
    """Anybody may know the API key of a browser."""
    accepted = source.receive(request_)
    assert isinstance(accepted, Accepted)
    found = list(source.read(Stored(body=accepted.body, arrived_at=NOW, hint=accepted.hint)))
    assert {type(event) for event in found} == {Unreadable}
    assert "A delete is taken only from webhooks" in found[0].why  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "request_", [sent(FORGED, HEADER), sent([FORGED, FORGED], HEADER), signed_as_segment_does([FORGED])]
)
def test_header_or_a_whole_signature_may_delete(source, request_):
    accepted = source.receive(request_)
    assert isinstance(accepted, Accepted)
    found = list(source.read(Stored(body=accepted.body, arrived_at=NOW, hint=accepted.hint)))
    assert {event.type for event in found} == {"delete"}  # type: ignore[union-attr]


def test_segment_may_enrich_an_event_beyond_what_an_sdk_sends(source):
    frame = len(sent({**EVENT, "pad": ""}).body)
    largest = {**EVENT, "pad": "x" * (524_288 - frame)}
    fits, too_large = read(source, [largest, {**largest, "pad": largest["pad"] + "x"}])
    assert isinstance(fits, Event)
    assert (too_large.why, too_large.message_id) == ("This event has 524289 bytes; Segment allows 524288.", "m1")


def test_one_bad_event_leaves_the_others_of_an_array_alone(source):
    found = read(source, b'[{"type":"page"},5,{"type":"page","a":1e400},{"type":"x"},{"type":"track"}]')
    assert [type(event) for event in found] == [Event, Unreadable, Unreadable, Unreadable, Event]


# Settings


@pytest.mark.parametrize(
    "settings",
    [
        {"header_name": "X Secret"},
        {"header_name": "X-Secret\n"},
        {"header_name": ""},
        {"header_secret": "ends with a line feed\n"},
        {"header_secret": " begins with a blank"},
        {"previous_header_secret": "gr\u00fc\u00dfe"},
        {"max_webhook_bytes": 999_999},
        {"max_webhook_bytes": 100_000_001},
        {"max_webhook_bytes": "many"},
    ],
)
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ValidationError):
        source_with(**settings)
