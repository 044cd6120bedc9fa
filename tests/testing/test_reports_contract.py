"""The contract must catch a channel that believes or breaks over what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from marshmallow import Schema

from hub.plugin import (
    DeliveryReport,
    InboundRequest,
    Message,
    Outcome,
    Reply,
    ReportKind,
    Sent,
    Services,
    SurveyChannel,
)
from hub.testing.reports import ReportsContract
from hub.testing.values import NOW

CALL = InboundRequest(
    method="POST", path="/channels/c1/events", arrived_at=NOW, headers={"token": "right"}, body=b'{"bounced": "inv-1"}'
)


class HonestChannel(SurveyChannel):
    kind = "honest"
    config_schema = Schema

    def send(self, message: Message, point_of_no_return: Callable[[], None]) -> Outcome:
        return Sent()

    def reports(self, request: InboundRequest) -> Sequence[DeliveryReport] | Reply:
        if request.headers.get("token") != "right":
            return Reply(status=401)
        try:
            return self.read(request)
        except (ValueError, KeyError, TypeError, RecursionError):
            return Reply(status=400)

    def read(self, request: InboundRequest) -> Sequence[DeliveryReport]:
        message_id = json.loads(request.body)["bounced"]
        return [DeliveryReport(message_id=message_id, kind=ReportKind.BOUNCED, at=request.arrived_at)]


class BelievingChannel(HonestChannel):
    def reports(self, request: InboundRequest) -> Sequence[DeliveryReport] | Reply:
        return self.read(request)


class BareChannel(HonestChannel):
    """Takes no reports: what the base class answers."""

    reports = SurveyChannel.reports


class CountingChannel(HonestChannel):
    calls = 0

    def read(self, request: InboundRequest) -> Sequence[DeliveryReport]:
        self.calls += 1
        return [replace(report, detail=str(self.calls)) for report in super().read(request)]


class NaiveChannel(HonestChannel):
    def read(self, request: InboundRequest) -> Sequence[DeliveryReport]:
        naive = datetime(2026, 3, 1, 12)  # noqa: DTZ001  the mistake that is to be caught
        return [replace(report, at=naive) for report in super().read(request)]


class DemandingChannel(HonestChannel):
    def reports(self, request: InboundRequest) -> Sequence[DeliveryReport] | Reply:
        return Reply(status=401) if request.headers["token"] != "right" else super().reports(request)


class Contract(ReportsContract):
    def report_samples(self) -> Sequence[InboundRequest]:
        return [CALL]

    def forged_reports(self) -> Sequence[InboundRequest]:
        return [replace(CALL, headers={"token": "wrong"}), replace(CALL, headers={})]


class TestHonestChannelKeepsTheContract(Contract):
    @pytest.fixture
    def channel(self, services: Services) -> SurveyChannel:
        return HonestChannel("name", {}, services)


@pytest.mark.parametrize(
    ("kind", "check", "words"),
    [
        (BelievingChannel, Contract.test_forged_calls_are_refused, "it was believed"),
        (BareChannel, Contract.test_genuine_calls_are_read_into_reports, "refused with"),
        (BareChannel, Contract.test_forged_calls_are_refused, "404"),
        (CountingChannel, Contract.test_a_call_that_comes_twice_reports_the_same, "detail"),
        (NaiveChannel, Contract.test_genuine_calls_are_read_into_reports, "has to be aware"),
    ],
)
def test_channel_that_breaks_a_promise_is_caught(services, kind, check, words):
    with pytest.raises(AssertionError, match=words):
        check(Contract(), kind("name", {}, services))


def test_channel_that_raises_on_garbage_is_caught(services):
    with pytest.raises(ValueError, match="Expecting value"):
        Contract().test_hostile_bodies_are_refused_or_read(BelievingChannel("name", {}, services), b"<xml/>")


def test_channel_that_takes_a_header_for_granted_is_caught(services):
    with pytest.raises(KeyError):
        Contract().test_odd_headers_are_refused_or_read(DemandingChannel("name", {}, services), "missing")


def test_contract_without_a_forged_call_proves_nothing(services):
    class Careless(Contract):
        def forged_reports(self) -> Sequence[InboundRequest]:
            return []

    with pytest.raises(AssertionError, match="nothing is proved"):
        Careless().test_forged_calls_are_refused(HonestChannel("name", {}, services))
