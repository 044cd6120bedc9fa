"""The hub's own sync comes back through the source that feeds it, and must never start a survey."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.admin.configuration import planning
from hub.pipeline.respond import answer
from hub.plugin import InboundRequest
from hub.plugins import Plugins
from hub.store import tables
from hub.store.configuration import Role
from hub.testing.http_server import RecordingServer
from hub_segment.source import SegmentSource
from hub_segment.target import SegmentTarget
from tests.fakes import PostOffice
from tests.lab import Lab, open_lab

EAGER = "min_interval_weeks = 0\nmax_delay_days = 0\nenabled = true\nsurge_brake = false\n"


TRACKS = (
    """
[surveys.again]
sources = ["product"]
channels = ["relay"]
trigger_event = "{}"
"""
    + EAGER
)
"""A survey that starts from what the hub itself writes."""


@pytest.fixture
def loop(open_loop):
    """A hub on Segment's plugins whose customer just answered; surveys are as eager as they can be."""
    return open_loop()


@pytest.fixture(params=["NPS Survey Answered", "NPS Survey Completed"])
def tracking(open_loop, request):
    """The same hub, whose answers are track events, too, and one of these is what a survey waits for."""
    return open_loop("track = true", TRACKS.format(request.param)), request.param


@pytest.fixture
def open_loop(database_url, tmp_path, http_server: RecordingServer):
    """Return what opens such a hub, with more lines for its target and behind it all."""
    office = PostOffice()
    kinds = {
        (Role.SOURCE, "segment"): SegmentSource,
        (Role.CHANNEL, "fake"): office.channel(),
        (Role.TARGET, "segment"): SegmentTarget,
    }
    labs = []

    def opened(target: str = "", more: str = "") -> Lab:
        lab = open_lab(database_url, tmp_path, Plugins(kinds=kinds))
        labs.append(lab)
        lab.configure(
            f'[sources.product]\nkind = "segment"\n[channels.relay]\nkind = "fake"\n'
            f'[targets.crm]\nkind = "segment"\nwrite_key = "k"\nhost = "{http_server.url}"\n{target}\n'
            f'[surveys.onboarding]\nsources = ["product"]\nchannels = ["relay"]\ntargets = ["crm"]\n{EAGER}{more}'
        )
        feed(lab, {"type": "identify", "messageId": "m1", "userId": "u1", "traits": {"email": "u1@acme.example"}})
        lab.deliver()
        answer(lab.hub, lab.token(), 9, "lovely")
        return lab

    yield opened
    for lab in labs:
        lab.hub.close()


def feed(lab: Lab, *events: dict[str, Any]) -> list[str]:
    """Send events as an SDK does; return the reasons, one an event."""
    before = len(lab.rows(tables.event))
    body = json.dumps({"batch": events}).encode()
    source = lab.hub.registry.current().source(lab.id_of(Role.SOURCE, "product"))
    request = InboundRequest(
        method="POST",
        path="/v1/batch",
        arrived_at=lab.clock(),
        body=body[:-1] + f', "writeKey": "{source.config["api_key"]}"}}'.encode(),
    )
    lab.receive_accepted(source.receive(request))
    lab.decide()
    return [row.reason or "decided" for row in lab.rows(tables.event, "id")[before:]]


def synced(lab: Lab, http_server: RecordingServer) -> list[dict[str, Any]]:
    """Return the events that the hub sent to Segment."""
    lab.sync()
    return [event for request in http_server.requests for event in json.loads(request.body)["batch"]]


def stripped(event: dict[str, Any], *guards: str) -> dict[str, Any]:
    """Return one of our events without some guards."""
    event = json.loads(json.dumps(event))
    if "active" in guards:
        event.pop("context", None)
    if "integrations" in guards:
        event.pop("integrations", None)
    if "message_id" in guards:
        event["messageId"] = "another"
    if "traits" in guards and "traits" in event:
        event["traits"]["plan"] = "gold"
    if "properties" in guards and "properties" in event:
        event["properties"].pop("survey_hub")
    return event


def test_our_own_output_starts_nothing(loop, http_server):
    [event] = synced(loop, http_server)
    assert feed(loop, event) == ["echo"]
    assert len(loop.invitations()) == 1


@pytest.mark.parametrize(
    "guards",
    [
        pytest.param(("integrations", "message_id", "traits"), id="a: context.active is false"),
        pytest.param(("active", "integrations", "traits"), id="c: the messageId is remembered"),
        pytest.param(("active", "integrations", "message_id"), id="d: nothing but traits we write"),
        pytest.param(("active", "integrations"), id="c and d"),
    ],
)
def test_each_guard_is_enough_alone(loop, http_server, guards):
    [event] = synced(loop, http_server)
    assert feed(loop, stripped(event, *guards)) == ["echo"]
    assert len(loop.invitations()) == 1


def test_without_any_guard_it_would_have_started_a_survey(loop, http_server):
    """The test of these tests."""
    [event] = synced(loop, http_server)
    assert feed(loop, stripped(event, "active", "integrations", "message_id", "traits")) == ["decided"]


def test_b_our_own_destination_is_opted_out(loop, http_server):
    [event] = synced(loop, http_server)
    assert any(value is False for value in event["integrations"].values())


def test_e_unchanged_answer_is_not_synced_twice(loop, http_server):
    assert len(synced(loop, http_server)) == 1
    answer(loop.hub, loop.token(), 9, "lovely")
    assert len(synced(loop, http_server)) == 1


def test_names_that_a_target_once_wrote_are_remembered(lab):
    lab.decide({"user_id": "u1", "traits": {"email": "u1@acme.example", "our_rating": 9}})
    assert list(lab.events().values()) == [("ignored", "echo")]


@pytest.mark.parametrize("guards", [(), ("active", "integrations")])
def test_hub_fed_with_its_own_output_comes_to_rest(loop, http_server, guards):
    for _ in range(3):
        events = synced(loop, http_server)
        feed(loop, *[stripped(event, *guards) for event in events])
        loop.deliver()
    assert len(loop.invitations()) == 1
    assert len(http_server.requests) == 1


@pytest.fixture
def apart(open_loop):
    """The same hub, whose target keeps surveys apart."""
    return open_loop("per_survey = true")


@pytest.mark.parametrize("kept", ["NPS_rating", "_onboarding"])
def test_surveys_own_traits_are_known_like_the_plain_ones(apart, http_server, kept):
    [event] = synced(apart, http_server)
    assert len(event["traits"]) == 6
    event["traits"] = {name: value for name, value in event["traits"].items() if kept in name}
    assert feed(apart, stripped(event, "active", "integrations", "message_id")) == ["echo"]
    assert len(apart.invitations()) == 1


@pytest.mark.parametrize(
    ("surveys", "comment_trait", "expected"),
    [
        (
            ("a-b", "a_b"),
            "NPS_comment",
            "targets.crm: a-b and a_b write the same traits (NPS_comment_a_b, NPS_date_a_b, NPS_rating_a_b); "
            "give one another name",
        ),
        (
            ("b", "x"),
            "NPS_rating_x",
            "targets.crm: x writes NPS_rating_x, where the newest answer to any survey stands",
        ),
        (("a", "c"), "NPS_comment", None),
    ],
)
def test_names_of_surveys_that_clash_are_warned_of(apart, surveys, comment_trait, expected):
    text = (
        '[sources.product]\nkind = "segment"\n[channels.relay]\nkind = "fake"\n'
        f'[targets.crm]\nkind = "segment"\nwrite_key = "k"\nper_survey = true\ncomment_trait = "{comment_trait}"\n'
    )
    for name in surveys:
        text += f'[surveys.{name}]\nsources = ["product"]\nchannels = ["relay"]\ntargets = ["crm"]\n'
    warnings = planning.plan(apart.hub, text).warnings
    assert warnings == ([expected] if expected else [])


ALL = ("active", "integrations", "message_id", "traits", "properties")


def track_of(tracking, http_server: RecordingServer) -> tuple[Lab, dict[str, Any]]:
    """Return the hub, and that of its track events which a survey waits for."""
    lab, name = tracking
    [track] = [event for event in synced(lab, http_server) if event.get("event") == name]
    return lab, track


@pytest.mark.parametrize(
    "guards",
    [
        pytest.param((), id="all"),
        *[pytest.param([guard for guard in ALL if guard != kept], id=kept) for kept in ALL if kept != "traits"],
        pytest.param(("active", "integrations"), id="message_id and properties"),
    ],
)
def test_each_guard_of_a_track_is_enough_alone(tracking, http_server, guards):
    lab, track = track_of(tracking, http_server)
    assert feed(lab, stripped(track, *guards)) == ["echo"]
    assert len(lab.invitations()) == 1


def test_track_without_any_guard_would_have_started_a_survey(tracking, http_server):
    """The test of these tests."""
    lab, track = track_of(tracking, http_server)
    assert feed(lab, stripped(track, *ALL)) == ["decided"]
    assert len(lab.invitations()) == 2


@pytest.mark.parametrize("guards", [(), ("active", "integrations")])
def test_tracking_hub_fed_with_its_own_output_comes_to_rest(tracking, http_server, guards):
    lab, _ = tracking
    for _ in range(3):
        events = synced(lab, http_server)
        feed(lab, *[stripped(event, *guards) for event in events])
        lab.deliver()
    assert (len(lab.invitations()), len(http_server.requests)) == (1, 1)
