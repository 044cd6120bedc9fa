"""The contract must catch a source that breaks it."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from marshmallow import Schema

from hub.plugin import (
    Accepted,
    Event,
    EventSource,
    InboundRequest,
    Reply,
    Secret,
    Services,
    Stored,
    Unreadable,
)
from hub.testing.sources import SourceContract
from hub.testing.values import HOSTILE_BODIES, NOW


class Settings(Schema):
    token = Secret(lookup=True, metadata={"help": "What the sender presents."})


class HonestSource(EventSource):
    kind = "honest"
    config_schema = Settings
    paths = ("/honest",)

    @classmethod
    def key(cls, request: InboundRequest) -> str | None:
        return request.headers.get("token")

    def receive(self, request: InboundRequest) -> Accepted | Reply:
        if self.key(request) != self.config["token"]:
            return self.trouble(401, "Wrong token.")
        return Accepted(body=request.body, reply=Reply.json({}))

    def read(self, stored: Stored) -> Iterator[Event | Unreadable]:
        if stored.body == b"7":
            yield Event(type="identify", user_id=7, payload={})
        else:
            yield Unreadable(why="This is not a 7.")


class OpenSource(HonestSource):
    def receive(self, request: InboundRequest) -> Accepted | Reply:
        return Accepted(body=request.body, reply=Reply.json({}))


class RaisingSource(HonestSource):
    def read(self, stored: Stored) -> Iterator[Event | Unreadable]:
        yield Event(type="identify", user_id=json.loads(stored.body), payload={})


class ForgetfulSource(HonestSource):
    reads = 0

    def read(self, stored: Stored) -> Iterator[Event | Unreadable]:
        self.reads += 1
        yield Event(type="identify", user_id=self.reads, payload={})


class AsciiSource(HonestSource):
    def receive(self, request: InboundRequest) -> Accepted | Reply:
        if not hmac.compare_digest(request.headers.get("token", ""), self.config["token"]):
            return self.trouble(401, "Wrong token.")
        return Accepted(body=request.body, reply=Reply.json({}))


class DemandingSource(HonestSource):
    def receive(self, request: InboundRequest) -> Accepted | Reply:
        if len(request.headers["token"]) > 1_000:
            return self.trouble(500, "Too long.")
        return super().receive(request)


class XmlSource(HonestSource):
    def read(self, stored: Stored) -> Iterator[Event | Unreadable]:
        try:
            yield Event(type="identify", user_id=ElementTree.fromstring(stored.body).text, payload={})
        except ElementTree.ParseError:
            yield Unreadable(why="This is no XML.")


class SurrogateSource(HonestSource):
    def read(self, stored: Stored) -> Iterator[Event | Unreadable]:
        yield Event(type="identify", name=stored.body.decode(errors="surrogateescape"), payload={})


def request(token: str) -> InboundRequest:
    return InboundRequest(method="POST", path="/honest", arrived_at=NOW, headers={"token": token}, body=b"7")


class Contract(SourceContract):
    def samples(self) -> list[InboundRequest]:
        return [request("right")]

    def forged(self) -> list[InboundRequest]:
        return [request("wrong")]


class TestHonestSourceKeepsTheContract(Contract):
    @pytest.fixture
    def source(self, services: Services) -> EventSource:
        return HonestSource("name", {"token": "right"}, services)


def make(kind: type[EventSource], services: Services) -> EventSource:
    return kind("name", {"token": "right"}, services)


def test_source_that_lets_everybody_in_is_caught(services):
    with pytest.raises(AssertionError, match="/honest was accepted"):
        Contract().test_forged_requests_are_refused(make(OpenSource, services))


def test_source_that_raises_on_garbage_is_caught(services):
    with pytest.raises(ValueError, match="Expecting value"):
        Contract().test_hostile_bodies_are_refused_or_stored(make(RaisingSource, services), b"<xml/>")


@pytest.mark.parametrize("name", ["XML in an unknown encoding", "XML in an encoding of many bytes"])
def test_source_that_raises_on_odd_xml_is_caught(services, name):
    with pytest.raises((LookupError, ValueError)):
        Contract().test_hostile_stored_bodies_can_be_read(make(XmlSource, services), HOSTILE_BODIES[name])


@pytest.mark.parametrize(
    ("kind", "oddity", "caught"),
    [
        (AsciiSource, "not ASCII at the end", TypeError),
        (DemandingSource, "missing", KeyError),
        (DemandingSource, "very long", AssertionError),
    ],
)
def test_source_that_fails_over_an_odd_header_is_caught(services, kind, oddity, caught):
    with pytest.raises(caught):
        Contract().test_odd_headers_are_refused_or_stored(make(kind, services), oddity)


def test_source_that_reads_differently_each_time_is_caught(services):
    with pytest.raises(AssertionError):
        Contract().test_a_body_read_twice_gives_the_same_events(make(ForgetfulSource, services))


def test_source_that_yields_text_nobody_can_store_is_caught(services):
    with pytest.raises(UnicodeEncodeError):
        Contract().test_hostile_stored_bodies_can_be_read(make(SurrogateSource, services), b"\xff")
