"""What a channel promises whose provider reports deliveries, as tests to inherit beside those of `ChannelContract`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hub.plugin import DeliveryReport, InboundRequest, Reply, ReportKind, SurveyChannel
from hub.testing.values import HOSTILE_BODIES, ODD_HEADERS, with_odd_headers


class ReportsContract:
    """Inherit it in a class whose name starts with `Test` and give `channel`, `report_samples` and `forged_reports`."""

    @pytest.fixture
    def channel(self) -> SurveyChannel:
        """Override: a channel that knows its provider by its credential or signature."""
        raise NotImplementedError("Override the fixture `channel` of ReportsContract.")

    def report_samples(self) -> Sequence[InboundRequest]:
        """Override: genuine calls of the provider, each with at least one report."""
        raise NotImplementedError("Override `report_samples` of ReportsContract.")

    def forged_reports(self) -> Sequence[InboundRequest]:
        """Override: calls like the samples that the provider did not make; refused with 401 or 403."""
        raise NotImplementedError("Override `forged_reports` of ReportsContract.")

    def signed(self, request: InboundRequest) -> InboundRequest:
        """Return a sample whose body was changed as the provider would have signed it. Override it where calls are."""
        return request

    def test_genuine_calls_are_read_into_reports(self, channel: SurveyChannel) -> None:
        for request in self.report_samples():
            reports = channel.reports(request)
            assert not isinstance(reports, Reply), f"refused with {reports}"
            assert reports, "there is no report in it"
            _assert_fit_to_record(reports)

    def test_a_call_that_comes_twice_reports_the_same(self, channel: SurveyChannel) -> None:
        for request in self.report_samples():
            assert channel.reports(request) == channel.reports(request)

    def test_forged_calls_are_refused(self, channel: SurveyChannel) -> None:
        assert self.forged_reports(), "without a forged call nothing is proved"
        for request in self.forged_reports():
            outcome = channel.reports(request)
            assert isinstance(outcome, Reply), "it was believed"
            assert outcome.status in (401, 403)

    @pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
    def test_hostile_bodies_are_refused_or_read(self, channel: SurveyChannel, body: bytes) -> None:
        for request in self.report_samples():
            _assert_refused_or_read(channel, self.signed(replace(request, body=body)))
        for request in self.forged_reports():
            _assert_refused_or_read(channel, replace(request, body=body))

    def test_samples_cut_short_are_refused_or_read(self, channel: SurveyChannel) -> None:
        for request in self.report_samples():
            for end in range(0, len(request.body), max(1, len(request.body) // 50)):
                _assert_refused_or_read(channel, self.signed(replace(request, body=request.body[:end])))

    @pytest.mark.parametrize("oddity", ODD_HEADERS)
    def test_odd_headers_are_refused_or_read(self, channel: SurveyChannel, oddity: str) -> None:
        for request in self.report_samples():
            for odd in with_odd_headers(request, oddity):
                _assert_refused_or_read(channel, odd)


def _assert_refused_or_read(channel: SurveyChannel, request: InboundRequest) -> None:
    outcome = channel.reports(request)
    if isinstance(outcome, Reply):
        assert outcome.status < 500
    else:
        _assert_fit_to_record(outcome)


def _assert_fit_to_record(reports: Sequence[DeliveryReport]) -> None:
    for report in reports:
        assert isinstance(report, DeliveryReport)
        assert isinstance(report.message_id, str)
        assert isinstance(report.kind, ReportKind)
        assert report.at.tzinfo is not None, "a report's time has to be aware"
        for text in (report.message_id, report.detail):
            assert "\x00" not in text, "PostgreSQL stores no NUL"
            text.encode()  # raises on a lone surrogate
