from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.plugin import Event, Services, Stored, Unreadable
from hub.testing.values import NOW
from hub_segment import SegmentSource

IDENTIFY: dict[str, Any] = {"type": "identify", "userId": "u1", "messageId": "m1"}


@pytest.fixture
def source(services: Services) -> SegmentSource:
    return SegmentSource("product", SegmentSource.config_schema().load({"api_key": "s3cret"}), services)


def read(source: SegmentSource, body: Any, hint: str = "") -> list[Event | Unreadable]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return list(source.read(Stored(body=raw, arrived_at=NOW, hint=hint)))


def read_one(source: SegmentSource, body: Any, hint: str = "") -> Event | Unreadable:
    (event,) = read(source, body, hint)
    return event


def test_identify_is_read_whole(source):
    traits = {"email": "ada@example.com", "createdAt": "2026-02-27T00:00:00Z", "firstName": "Ada"}
    body = {
        **IDENTIFY,
        "anonymousId": "a1",
        "traits": traits,
        "timestamp": "2026-03-01T11:59:00.000Z",
        "context": {"locale": "de-DE", "timezone": "Europe/Berlin", "traits": {"plan": "pro"}},
        "writeKey": "s3cret",
    }
    assert read_one(source, body) == Event(
        type="identify",
        payload={name: value for name, value in body.items() if name != "writeKey"},
        message_id="m1",
        user_id="u1",
        anonymous_id="a1",
        traits=traits,
        fallback_traits={"plan": "pro"},
        timestamp=NOW - timedelta(minutes=1),
        locale="de-DE",
        timezone="Europe/Berlin",
    )


@pytest.mark.parametrize("kind", ["identify", "track", "page", "screen", "group", "alias", "delete"])
def test_every_type_is_an_event(source, kind):
    assert read_one(source, {"type": kind, "userId": "u1"}).type == kind


@pytest.mark.parametrize(
    ("body", "hint"),
    [({"type": "delete", "userId": "u1"}, "delete"), ({"batch": [{"type": "delete", "userId": "u1"}]}, "batch")],
)
def test_no_sdk_deletes_anybody(source, body, hint):
    assert isinstance(read_one(source, body, hint), Unreadable)


def test_letter_path_carries_the_type(source):
    event = read_one(source, {"userId": "u1", "event": "Signed up"}, hint="track")
    assert (event.type, event.payload["type"], event.name) == ("track", "track", "Signed up")


def test_path_counts_more_than_the_type_in_the_body(source):
    assert read_one(source, IDENTIFY, hint="page").type == "page"


def test_traits_of_a_group_are_not_the_customers(source):
    assert read_one(source, {"type": "group", "userId": "u1", "traits": {"createdAt": "2020-01-01"}}).traits == {}


@pytest.mark.parametrize(
    ("body", "properties"),
    [
        ({"type": "track", "properties": {"plan": "pro"}}, {"plan": "pro"}),
        ({"type": "track", "properties": ["pro"]}, {}),
        ({"type": "track"}, {}),
        ({"type": "page", "properties": {"path": "/"}}, {}),
    ],
)
def test_tracked_events_have_properties(source, body, properties):
    assert read_one(source, body).properties == properties


@pytest.mark.parametrize(("body", "name"), [({"type": "page", "name": "Home"}, "Home"), (IDENTIFY, None)])
def test_pages_have_names(source, body, name):
    assert read_one(source, body).name == name


@pytest.mark.parametrize(
    ("given", "read_as"), [("u1", "u1"), (0, 0), (1.5, 1.5), ("", None), (None, None), ("x" * 512, "x" * 512)]
)
def test_ids_are_text_or_numbers(source, given, read_as):
    event = read_one(source, {"type": "identify", "userId": given, "anonymousId": given})
    assert (event.user_id, event.anonymous_id) == (read_as, read_as)


@pytest.mark.parametrize("empty", [None, {}, []])
def test_empty_objects_may_be_null_or_a_php_list(source, empty):
    event = read_one(source, {**IDENTIFY, "traits": empty, "context": empty, "integrations": empty})
    assert (event.traits, event.fallback_traits, event.echo, event.active) == ({}, {}, False, True)


@pytest.mark.parametrize("context", [{"locale": 5, "timezone": [], "active": "no", "library": "x"}])
def test_odd_context_costs_no_customer(source, context):
    event = read_one(source, {**IDENTIFY, "context": context})
    assert (event.locale, event.timezone, event.active) == (None, None, True)


def test_customer_who_did_nothing_is_not_active(source):
    assert read_one(source, {**IDENTIFY, "context": {"active": False}}).active is False


# What is wrong with one event


@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ({"type": None}, "type: Field may not be null."),
        ({"type": "identity"}, "type: Must be one of: identify, track"),
        ({"userId": True}, "userId: Must be text or a number."),
        ({"userId": ["u1"]}, "userId: Must be text or a number."),
        ({"anonymousId": {}}, "anonymousId: Must be text or a number."),
        ({"userId": "x" * 513}, "userId: Longer than 512 characters."),
        ({"userId": 2**63}, "userId: A number beyond 64 bits"),
        ({"userId": "a\x00b"}, "userId: Holds a character that cannot be kept"),
        ({"userId": "a\ud83d"}, "userId: Holds a character that cannot be kept"),
        ({"messageId": 5}, "messageId: Not a valid string."),
        ({"messageId": "m" * 111}, "messageId: Longer than maximum length 110."),
        ({"traits": "x"}, "traits: Not a valid mapping type."),
        ({"context": "x"}, "context: Invalid input type."),
        ({"context": {"traits": 5}}, "context.traits: Not a valid mapping type."),
        ({"integrations": 5}, "integrations: Not a valid mapping type."),
        ({"traits": {"pad": "x" * 36_044}}, "Segment allows 32768"),
        ({"traits": {"a": json.loads("[" * 101 + "]" * 101)}}, "nested too deeply"),
    ],
)
def test_faulty_event_is_unreadable_and_says_why(source, fault, part):
    event = read_one(source, {**IDENTIFY, **fault})
    assert isinstance(event, Unreadable)
    assert part in event.why


def test_event_without_a_type_is_unreadable(source):
    assert read_one(source, {"userId": "u1"}).why == "type: Missing data for required field."


def test_all_faults_are_named_at_once(source):
    why = read_one(source, {"type": "x", "userId": [], "context": {"traits": 1}}).why
    assert [sentence.partition(":")[0] for sentence in why.split("; ")] == [
        "type",
        "userId",
        "context.traits",
    ]


def test_unreadable_event_keeps_its_message_id_and_payload(source):
    event = read_one(source, {**IDENTIFY, "traits": 5})
    assert (event.message_id, event.payload) == ("m1", {**IDENTIFY, "traits": 5})


@pytest.mark.parametrize("number", ["1e400", "-1e999", "9" * 10_000, "9" * 5_000 + ".5"])
def test_number_beyond_all_measure_is_unreadable(source, number):
    event = read_one(source, f'{{"type":"identify","traits":{{"a":{number}}}}}'.encode())
    assert "out of range" in event.why


def test_event_of_the_largest_size_is_read(source):
    frame = len(json.dumps({**IDENTIFY, "traits": {"pad": ""}}))
    assert isinstance(read_one(source, {**IDENTIFY, "traits": {"pad": "x" * (36_044 - frame)}}), Event)


def test_message_id_within_the_slack_is_kept(source):
    assert read_one(source, {**IDENTIFY, "messageId": "m" * 110}).message_id == "m" * 110


@pytest.mark.parametrize("message_id", [None, ""])
def test_missing_message_id_is_left_to_the_hub(source, message_id):
    assert read_one(source, {**IDENTIFY, "messageId": message_id}).message_id is None


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"A\\ud83d", "A\ufffd"),
        (b"\\ude00\\ud83d", "\ufffd\ufffd"),
        (b"\\ud83d\\ude00", "\N{GRINNING FACE}"),
        (b"\\uD83D\\uDE00!", "\N{GRINNING FACE}!"),
        (b"a\\u0000b", "a\ufffdb"),
        (b"\\\\ud83d \\\\u0000", "\\ud83d \\u0000"),
    ],
)
def test_text_that_cannot_be_stored_is_mended(source, sent, kept):
    event = read_one(source, b'{"type":"identify","traits":{"name":"%b"}}' % sent)
    assert event.traits["name"] == kept


@pytest.mark.parametrize("body", [b'{"writeKey":"s3cret","traits":{"a":1e400}}', b'{"writeKey":"s3cret"'])
def test_excerpt_of_an_unreadable_event_hides_the_key(source, body):
    assert read_one(source, body).payload.startswith('{"writeKey":"(api_key)"')


def test_last_of_duplicate_keys_counts(source):
    assert read_one(source, b'{"type":"track","userId":"a","userId":"b","type":"page"}').user_id == "b"


# Batches


def test_events_of_a_batch_are_read_in_order(source):
    events = read(source, {"batch": [{**IDENTIFY, "messageId": f"m{n}"} for n in range(5)]}, "batch")
    assert [event.message_id for event in events] == ["m0", "m1", "m2", "m3", "m4"]


def test_one_bad_event_leaves_the_rest_of_its_batch_alone(source):
    body = b'{"batch":[{"type":"page"},5,{"type":"page","traits":{"a":1e400}},{"type":"x"},{"type":"page"}]}'
    events = read(source, body, "batch")
    assert [type(event) for event in events] == [Event, Unreadable, Unreadable, Unreadable, Event]


def test_batch_says_for_all_what_events_do_not_say_themselves(source):
    body = {
        "context": {"locale": "de", "timezone": "UTC", "active": False},
        "integrations": {"All": True},
        "batch": [{**IDENTIFY, "context": {"locale": "fr"}, "integrations": {"X": False}}, IDENTIFY],
    }
    first, second = read(source, body, "batch")
    assert (first.locale, first.timezone, first.active) == ("fr", "UTC", False)
    assert first.payload["integrations"] == {"All": True, "X": False}
    assert (second.locale, second.payload["integrations"]) == ("de", {"All": True})


def test_timestamp_outside_a_batch_is_nobodys(source):
    (event,) = read(source, {"batch": [IDENTIFY], "timestamp": "2026-01-01T00:00:00Z"}, "batch")
    assert event.timestamp is None


def test_unreadable_outside_of_a_batch_rejects_each_event(source):
    body = b'{"context":{"a":1e400},"batch":[{"type":"identify"},{"type":"page"}]}'
    events = read(source, body, "batch")
    assert [event.why.partition(".")[0] for event in events] == ["The common part of the batch is unreadable"] * 2


def test_wrong_outer_context_is_a_fault_of_events_that_have_no_other(source):
    first, second = read(source, {"context": 5, "batch": [IDENTIFY, {**IDENTIFY, "context": {}}]}, "batch")
    assert (type(first), type(second)) == (Unreadable, Event)


# Time


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("timestamp", "happened"),
    [
        ("2026-03-01T10:00:00Z", at("2026-03-01T10:00:00")),
        ("2026-03-01T10:00:00z", at("2026-03-01T10:00:00")),
        ("2026-03-01t10:00:00.5Z", at("2026-03-01T10:00:00.500")),
        ("2026-03-01T10:00:00.123Z", at("2026-03-01T10:00:00.123")),
        ("2026-03-01T10:00:00.123456+00:00", at("2026-03-01T10:00:00.123456")),
        ("2026-03-01T10:00:00.123456789Z", at("2026-03-01T10:00:00.123456")),
        ("2026-03-01T10:00:00+02:00", at("2026-03-01T08:00:00")),
        ("2026-03-01T10:00:00-0230", at("2026-03-01T12:30:00")),
        ("2026-03-01 10:00:00", at("2026-03-01T10:00:00")),
        ("2026-03-01", at("2026-03-01T00:00:00")),
        ("yesterday", None),
        ("", None),
        ("2026-02-30T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        (1_772_359_200, None),
        (None, None),
        ({}, None),
    ],
)
def test_timestamps_are_read_as_sdks_write_them(source, timestamp, happened):
    assert read_one(source, {**IDENTIFY, "timestamp": timestamp}).timestamp == happened


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "happened"),
    [
        ("2020-01-01T00:00:00Z", "2020-01-01T00:01:00Z", NOW - timedelta(minutes=1)),
        ("2020-01-01T02:00:00+02:00", "2020-01-01T00:01:00Z", NOW - timedelta(minutes=1)),
        ("2020-01-01T00:00:00Z", "later", at("2020-01-01T00:00:00")),
        ("2020-01-01T00:00:00Z", None, at("2020-01-01T00:00:00")),
        ("never", "2020-01-01T00:01:00Z", None),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", None),
    ],
)
def test_clock_of_the_sender_is_corrected(source, timestamp, sent_at, happened):
    event = {**IDENTIFY, "timestamp": timestamp}
    assert read_one(source, {**event, "sentAt": sent_at}).timestamp == happened
    assert read_one(source, {"batch": [event], "sentAt": sent_at}, "batch").timestamp == happened


# Echo


@pytest.mark.parametrize(
    ("parts", "echo"),
    [
        ({}, False),
        ({"context": {"library": {"name": "survey-hub", "hub": "testhub"}}}, True),
        ({"context": {"library": {"name": "survey-hub", "hub": "otherhub"}}}, False),
        ({"context": {"library": {"name": "survey-hub"}}}, True),
        ({"context": {"library": {"name": "analytics.js", "hub": "testhub"}}}, False),
        ({"integrations": {"All": True, "Survey Hub": False}}, True),
        ({"integrations": {"All": False, "Survey Hub": True}}, False),
        ({"integrations": {"All": False}}, False),
    ],
)
def test_own_events_are_known_by_library_or_integrations(source, parts, echo):
    assert read_one(source, {**IDENTIFY, **parts}).echo is echo
