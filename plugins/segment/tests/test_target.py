from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
import requests
from marshmallow import ValidationError

from hub.plugin import CheckFailed, Done, Parked, Person, Retry, Services, Stored
from hub.testing.http_server import Answer, RecordedRequest, RecordingServer
from hub.testing.targets import TargetContract, customer_update
from hub.testing.values import NOW
from hub_segment import SegmentSource, SegmentTarget

POISON = "poison"


def settings(**given: Any) -> dict[str, Any]:
    return SegmentTarget.config_schema().load({"write_key": "wr1te", **given})


@pytest.fixture
def target(services: Services, http_server: RecordingServer) -> SegmentTarget:
    return SegmentTarget("product", settings(host=http_server.url), services)


def events_of(request: RecordedRequest) -> list[dict[str, Any]]:
    return json.loads(request.body)["batch"]


def updates(count: int, poisoned: tuple[int, ...] = ()) -> list[Any]:
    return [
        replace(customer_update(number), comment=POISON if number in poisoned else "fine") for number in range(count)
    ]


def refuse_poison(status: int) -> Any:
    def respond(request: RecordedRequest) -> Answer:
        return Answer(status=status, body=b"no") if POISON.encode() in request.body else Answer()

    return respond


class TestSegmentTargetKeepsTheContract(TargetContract):
    @pytest.fixture
    def target(self, services: Services, http_server: RecordingServer) -> SegmentTarget:
        return SegmentTarget("product", settings(host=http_server.url), services)


# What is sent


def test_answer_becomes_an_identify(target, http_server):
    target.push([customer_update(8)])
    (request,) = http_server.requests
    assert events_of(request) == [
        {
            "type": "identify",
            "messageId": "hub-testhub-8-1",
            "userId": "user-8",
            "traits": {
                "NPS_rating": 8,
                "NPS_comment": customer_update().comment,
                "NPS_date": "2026-03-01T04:00:00.000Z",
            },
            "timestamp": "2026-03-01T12:00:00.000Z",
            "context": {
                "active": False,
                "library": {"name": "survey-hub", "version": "0.1.0", "hub": "testhub"},
            },
            "integrations": {"All": True, "Survey Hub": False},
        }
    ]
    assert json.loads(request.body)["sentAt"] == "2026-03-01T12:00:00.000Z"


def test_batch_goes_to_the_batch_endpoint_with_the_key_as_user_name(target, http_server):
    target.push([customer_update()])
    (request,) = http_server.requests
    assert (request.method, request.path) == ("POST", "/v1/batch")
    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"wr1te:").decode()
    assert request.headers["content-type"] == "application/json"


def test_person_without_a_user_id_is_named_by_the_oldest_anonymous_id(target, http_server):
    person = Person(user_id=None, anonymous_ids=("a-old", "a-new"))
    target.push([replace(customer_update(), person=person)])
    (event,) = events_of(http_server.requests[0])
    assert event["anonymousId"] == "a-old"
    assert "userId" not in event


@pytest.mark.parametrize("person", [Person(user_id=None), Person(user_id="", email="ada@example.com")])
def test_person_without_an_id_is_parked_and_nothing_is_sent(target, http_server, person):
    (result,) = target.push([replace(customer_update(), person=person)])
    assert (result.code, http_server.requests) == ("no_segment_id", [])


def test_event_larger_than_segment_takes_is_parked(target, http_server):
    large, small = replace(customer_update(1), comment="x" * 32_768), customer_update(2)
    parked, done = target.push([large, small])
    assert (parked.code, done) == ("too_large", Done())
    assert len(events_of(http_server.requests[0])) == 1


def test_traits_can_be_named_otherwise(services, http_server):
    config = settings(host=http_server.url, rating_trait="score", comment_trait="said", date_trait="when")
    target = SegmentTarget("product", config, services)
    target.push([customer_update()])
    assert set(events_of(http_server.requests[0])[0]["traits"]) == {"score", "said", "when"}
    assert target.trait_names == {"score", "said", "when"}


APART = {
    "NPS_rating_onboarding": 8,
    "NPS_comment_onboarding": "Fine.",
    "NPS_date_onboarding": "2026-03-01T04:00:00.000Z",
}
PLAIN = {name.removesuffix("_onboarding"): value for name, value in APART.items()}


@pytest.mark.parametrize(("is_newest", "expected"), [(True, {**APART, **PLAIN}), (False, APART)])
def test_surveys_kept_apart_have_traits_of_their_own_beside_those_of_the_newest(
    services, http_server, is_newest, expected
):
    target = SegmentTarget("product", settings(host=http_server.url, per_survey=True), services)
    target.push([replace(customer_update(8), comment="Fine.", is_newest=is_newest)])
    assert events_of(http_server.requests[0])[0]["traits"] == expected


def test_names_of_surveys_own_traits_are_good_for_columns(services):
    target = SegmentTarget("product", settings(per_survey=True, rating_trait="score"), services)
    assert target.survey_trait_names("after-90-days") == {
        "score_after_90_days",
        "NPS_comment_after_90_days",
        "NPS_date_after_90_days",
    }
    assert SegmentTarget("product", settings(), services).survey_trait_names("onboarding") == frozenset()


def test_many_updates_go_in_batches_of_a_hundred(target, http_server):
    assert target.push(updates(250)) == [Done()] * 250
    assert [len(events_of(request)) for request in http_server.requests] == [100, 100, 50]


def test_large_updates_go_in_batches_that_segment_takes(target, http_server):
    target.push([replace(update, comment="x" * 30_000) for update in updates(40)])
    assert sum(len(events_of(request)) for request in http_server.requests) == 40
    assert max(len(request.body) for request in http_server.requests) <= 475_000


def test_source_of_the_same_hub_knows_what_was_sent(target, http_server, services):
    target.push([customer_update()])
    source = SegmentSource("product", SegmentSource.config_schema().load({"api_key": "key"}), services)
    (echo,) = source.read(Stored(body=http_server.requests[0].body, arrived_at=NOW, hint="batch"))
    assert (echo.echo, echo.active) == (True, False)


# What comes back


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("poisoned", [(0,), (99,), (3, 4), (0, 57, 120), tuple(range(8))])
def test_poison_event_is_parked_alone_and_the_rest_is_sent(target, http_server, status, poisoned):
    http_server.respond = refuse_poison(status)
    results = target.push(updates(121, poisoned))
    assert [number for number, result in enumerate(results) if isinstance(result, Parked)] == list(poisoned)
    assert all(isinstance(result, Done) for n, result in enumerate(results) if n not in poisoned)


def test_one_poison_event_costs_few_requests(target, http_server):
    http_server.respond = refuse_poison(400)
    target.push(updates(100, (41,)))
    assert len(http_server.requests) <= 15


def test_events_taken_once_are_not_sent_again_while_looking_for_poison(target, http_server):
    http_server.respond = refuse_poison(400)
    target.push(updates(100, (41,)))
    taken = [
        event["messageId"] for r in http_server.requests if POISON.encode() not in r.body for event in events_of(r)
    ]
    assert len(taken) == len(set(taken)) == 99


def test_parked_event_keeps_what_segment_said(target, http_server):
    http_server.answer(Answer(status=400, body=b'{"message":"bad trait"}'))
    (result,) = target.push([customer_update()])
    assert "bad trait" in result.why


def test_trouble_midway_leaves_the_rest_for_later(target, http_server):
    http_server.answer(Answer(), Answer(status=429, headers={"Retry-After": "7"}))
    results = target.push(updates(250))
    assert results[:100] == [Done()] * 100
    assert results[100:] == [Retry(why="Segment asked to slow down (429).", after_s=7.0)] * 150
    assert len(http_server.requests) == 2


def test_trouble_while_looking_for_poison_parks_nothing(target, http_server):
    http_server.answer(Answer(status=400), Answer(status=503))
    assert [type(result) for result in target.push(updates(4))] == [Retry] * 4


@pytest.mark.parametrize(
    ("header", "after_s"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("9" * 5_000, 86_400.0),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(target, http_server, header, after_s):
    http_server.answer(Answer(status=429, headers={"Retry-After": header}))
    (result,) = target.push([customer_update()])
    assert (type(result), result.after_s) == (Retry, after_s)


def test_patience_with_segment_is_reasonable():
    assert SegmentTarget.timeout_s == (5.0, 30.0)


# Check


def test_check_sends_no_event(target, http_server):
    target.check()
    assert [events_of(request) for request in http_server.requests] == [[]]


def test_check_accepts_a_server_that_minds_the_empty_batch(target, http_server):
    http_server.answer(Answer(status=400))
    target.check()


def test_check_names_the_unreachable_host(services):
    with RecordingServer() as gone:
        url = gone.url
    target = SegmentTarget("product", settings(host=url), services)
    with pytest.raises(CheckFailed, match=f"{url} could not be reached"):
        target.check()


def test_check_names_the_refused_key(target, http_server):
    http_server.answer(Answer(status=401))
    with pytest.raises(CheckFailed, match="write_key"):
        target.check()


# Settings


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "https://api.segment.io/v1/batch"),
        ({"region": "eu"}, "https://events.eu1.segmentapis.com/v1/batch"),
        ({"region": "eu", "host": "http://proxy:8080/"}, "http://proxy:8080/v1/batch"),
    ],
)
def test_region_or_host_says_where_to_send(services, given, url):
    class Recorder(requests.Session):
        def post(self, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
            raise requests.ConnectionError(url)

    with Recorder() as session:
        target = SegmentTarget("product", settings(**given), replace(services, http=lambda: session))
        (result,) = target.push([customer_update()])
    assert result.why.startswith(url.removesuffix("/v1/batch"))


@pytest.mark.parametrize(
    "given",
    [
        {"write_key": ""},
        {"region": "mars"},
        {"host": "api.segment.io"},
        {"host": "ftp://api.segment.io"},
        {"rating_trait": ""},
        {"rating_trait": "x", "date_trait": "x"},
        {"answered_event": "x", "completed_event": "x"},
        {"answered_event": ""},
    ],
)
def test_wrong_settings_are_refused(given):
    with pytest.raises(ValidationError):
        settings(**given)


def test_write_key_is_required():
    with pytest.raises(ValidationError):
        SegmentTarget.config_schema().load({})
