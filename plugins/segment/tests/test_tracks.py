"""Answers as track events, beside the traits."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from segment.analytics.client import Client

from hub.plugin import CustomerUpdate, Done, Parked, Retry, Services, Stored
from hub.testing.http_server import Answer, RecordedRequest, RecordingServer
from hub.testing.targets import TargetContract, customer_update
from hub.testing.values import NOW
from hub_segment import SegmentSource, SegmentTarget

SCORE_ONLY = replace(customer_update(8), comment="")
WITH_COMMENT = replace(
    customer_update(8),
    comment="Fine.",
    first_rated_at=NOW - timedelta(hours=9),
    given_at=NOW - timedelta(hours=2),
)


def tracking(services: Services, server: RecordingServer, **given: Any) -> SegmentTarget:
    config = {"write_key": "wr1te", "host": server.url, "track": True, **given}
    return SegmentTarget("product", SegmentTarget.config_schema().load(config), services)


@pytest.fixture
def target(services: Services, http_server: RecordingServer) -> SegmentTarget:
    return tracking(services, http_server)


def sent(server: RecordingServer) -> list[dict[str, Any]]:
    return [event for request in server.requests for event in json.loads(request.body)["batch"]]


class TestTrackingTargetKeepsTheContract(TargetContract):
    @pytest.fixture
    def target(self, services: Services, http_server: RecordingServer) -> SegmentTarget:
        return tracking(services, http_server)


def names(server: RecordingServer) -> list[str]:
    return [event.get("event", event["type"]) for event in sent(server)]


def test_score_is_told_as_answered(target, http_server):
    assert target.push([SCORE_ONLY]) == [Done()]
    assert names(http_server) == ["identify", "NPS Survey Answered"]


def test_score_with_a_comment_is_told_as_answered_and_completed(target, http_server):
    target.push([WITH_COMMENT])
    _, answered, completed = sent(http_server)
    properties = {
        "survey": "onboarding",
        "rating": 8,
        "comment": "Fine.",
        "first_rated_at": "2026-03-01T03:00:00.000Z",
        "rated_at": "2026-03-01T04:00:00.000Z",
        "survey_hub": "testhub",
    }
    common = {
        "type": "track",
        "userId": "user-8",
        "properties": properties,
        "context": {"active": False, "library": {"name": "survey-hub", "version": "0.1.0", "hub": "testhub"}},
        "integrations": {"All": True, "Survey Hub": False},
    }
    assert answered == {
        "event": "NPS Survey Answered",
        "messageId": "hub-testhub-8-1-answered",
        "timestamp": "2026-03-01T04:00:00.000Z",
        **common,
    }
    assert completed == {
        "event": "NPS Survey Completed",
        "messageId": "hub-testhub-8-1-completed",
        "timestamp": "2026-03-01T10:00:00.000Z",
        **common,
    }


def test_comment_to_a_score_that_was_told_is_no_second_answer(target, http_server):
    target.push([replace(WITH_COMMENT, is_rating_told=True)])
    assert names(http_server) == ["identify", "NPS Survey Completed"]


def test_comment_that_was_taken_back_is_told_in_the_traits_alone(target, http_server):
    target.push([replace(SCORE_ONLY, is_rating_told=True)])
    assert names(http_server) == ["identify"]


def test_events_can_be_named_otherwise(services, http_server):
    target = tracking(services, http_server, answered_event="Rated", completed_event="Explained")
    target.push([WITH_COMMENT])
    assert names(http_server)[1:] == ["Rated", "Explained"]


def test_track_has_the_fields_of_segments_own_library(target, http_server):
    target.push([WITH_COMMENT])
    track, ours = _of_the_library(http_server), sent(http_server)[1]
    assert set(ours) <= set(track)
    assert {name: type(ours[name]) for name in ours} == {name: type(track[name]) for name in ours}


def _of_the_library(server: RecordingServer) -> dict[str, Any]:
    with RecordingServer() as segment:
        client = Client("wr1te", host=segment.url, sync_mode=True)
        client.track("user-8", "NPS Survey Answered", {"rating": 8}, integrations={"All": True})
        return dict(sent(segment)[0])


def many(count: int) -> list[CustomerUpdate]:
    return [replace(WITH_COMMENT, message_id=f"hub-testhub-{number}-1") for number in range(count)]


def test_update_is_never_cut_in_two_by_the_limit_of_events(target, http_server):
    assert target.push(many(70)) == [Done()] * 70
    sizes = [len(json.loads(request.body)["batch"]) for request in http_server.requests]
    assert sizes == [99, 99, 12]


def test_events_keep_to_segments_rate(target):
    assert target.limits.per_second * 3 <= 1_000


def test_update_that_segment_refuses_is_parked_with_its_events(target, http_server):
    def refuse(request: RecordedRequest) -> Answer:
        return Answer(status=400 if b"poison" in request.body else 200)

    http_server.respond = refuse
    updates = many(5)
    updates[3] = replace(updates[3], comment="poison")
    results = target.push(updates)
    assert [isinstance(result, Parked) for result in results] == [False, False, False, True, False]
    taken = [request for request in http_server.requests if b"poison" not in request.body]
    assert sum(len(json.loads(request.body)["batch"]) for request in taken) == 12


def test_update_that_was_not_taken_is_sent_again_whole_under_the_same_ids(target, http_server):
    http_server.answer(Answer(status=503), Answer())
    (result,) = target.push([WITH_COMMENT])
    assert isinstance(result, Retry)
    target.push([WITH_COMMENT])
    ids = [event["messageId"] for event in sent(http_server)]
    assert ids[:3] == ids[3:]
    assert len(set(ids)) == 3


def test_update_one_of_whose_events_is_too_large_is_parked_whole(target, http_server):
    room = 32_768 - len(json.dumps(_alone(target, http_server), separators=(",", ":")).encode())
    (result,) = target.push([replace(WITH_COMMENT, comment="x" * (room + len(WITH_COMMENT.comment)))])
    assert (result.code, len(http_server.requests)) == ("too_large", 1)


def _alone(target: SegmentTarget, server: RecordingServer) -> dict[str, Any]:
    """Return the identify of an update: smaller than the tracks beside it."""
    target.push([WITH_COMMENT])
    return sent(server)[0]


@pytest.mark.parametrize("stripped", [(), ("context", "integrations")])
def test_source_of_the_same_hub_knows_a_track_by_its_properties_alone(target, http_server, services, stripped):
    target.push([WITH_COMMENT])
    events = [{name: value for name, value in event.items() if name not in stripped} for event in sent(http_server)[1:]]
    source = SegmentSource("product", SegmentSource.config_schema().load({"api_key": "key"}), services)
    body = json.dumps({"batch": events}).encode()
    assert [event.echo for event in source.read(Stored(body=body, arrived_at=NOW, hint="batch"))] == [True, True]


def test_track_of_another_hub_is_an_event_like_any_other(target, http_server, services):
    target.push([WITH_COMMENT])
    track = {"type": "track", "event": "E", "userId": "u", "properties": sent(http_server)[1]["properties"]}
    other = replace(services, hub_id="otherhub")
    source = SegmentSource("product", SegmentSource.config_schema().load({"api_key": "key"}), other)
    (event,) = source.read(Stored(body=json.dumps(track).encode(), arrived_at=NOW, hint=""))
    assert not event.echo
