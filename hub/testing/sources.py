"""What every event source must do, as tests to inherit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from hub.plugin import Accepted, Event, EventSource, InboundRequest, Reply, Secret, Stored, Unreadable
from hub.testing.values import HOSTILE_BODIES, ODD_HEADERS, with_odd_headers


class SourceContract:
    """Inherit it in a class whose name starts with `Test` and provide `source`, `samples` and `forged`."""

    @pytest.fixture
    def source(self) -> EventSource:
        """Override: a configured connection of the kind."""
        raise NotImplementedError("Override the fixture `source` of SourceContract.")

    def samples(self) -> Sequence[InboundRequest]:
        """Override: requests that are accepted, each with at least one readable event and no `Unreadable`."""
        raise NotImplementedError("Override `samples` of SourceContract.")

    def forged(self) -> Sequence[InboundRequest]:
        """Override: requests like the samples with a wrong credential, or with none; refused with 401 or 403."""
        raise NotImplementedError("Override `forged` of SourceContract.")

    def test_every_setting_explains_itself(self, source: EventSource) -> None:
        fields = source.config_schema().fields
        assert [name for name, field in fields.items() if not field.metadata.get("help")] == []

    def test_samples_are_accepted_and_answered_with_success(self, source: EventSource) -> None:
        for request in self.samples():
            outcome = source.receive(request)
            assert isinstance(outcome, Accepted), f"{request.path}: {outcome}"
            assert 200 <= outcome.reply.status < 300

    def test_samples_read_into_events(self, source: EventSource) -> None:
        for request in self.samples():
            events = list(source.read(_store(source, request)))
            assert events
            assert [event for event in events if isinstance(event, Unreadable)] == []

    def test_a_body_read_twice_gives_the_same_events(self, source: EventSource) -> None:
        for request in self.samples():
            stored = _store(source, request)
            assert list(source.read(stored)) == list(source.read(stored))

    def test_samples_on_root_paths_carry_the_key_of_the_connection(self, source: EventSource) -> None:
        secrets = _lookup_values(source)
        for request in self.samples():
            if _is_root_path(source, request.path):
                assert source.key(request) in secrets

    def test_forged_requests_are_refused(self, source: EventSource) -> None:
        for request in self.forged():
            outcome = source.receive(request)
            assert isinstance(outcome, Reply), f"{request.path} was accepted"
            assert outcome.status in (401, 403)

    @pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
    def test_hostile_bodies_are_refused_or_stored(self, source: EventSource, body: bytes) -> None:
        for request in (*self.samples(), *self.forged()):
            _assert_refused_or_stored(source, replace(request, body=body))

    @pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
    def test_hostile_stored_bodies_can_be_read(self, source: EventSource, body: bytes) -> None:
        for request in self.samples():
            _assert_fit_to_store(list(source.read(replace(_store(source, request), body=body))))

    def test_samples_cut_short_are_refused_or_stored(self, source: EventSource) -> None:
        for request in self.samples():
            for end in range(0, len(request.body), max(1, len(request.body) // 50)):
                _assert_refused_or_stored(source, replace(request, body=request.body[:end]))

    @pytest.mark.parametrize(
        "authorization", ["", "Basic", "Basic !", "Basic /w==", "Basic \ud800", "Bearer x", "Basic ====="]
    )
    def test_odd_credentials_raise_nothing(self, source: EventSource, authorization: str) -> None:
        for request in self.samples():
            odd = replace(request, headers={**request.headers, "authorization": authorization})
            _assert_refused_or_stored(source, odd)

    @pytest.mark.parametrize("oddity", ODD_HEADERS)
    def test_odd_headers_are_refused_or_stored(self, source: EventSource, oddity: str) -> None:
        for request in self.samples():
            for odd in with_odd_headers(request, oddity):
                _assert_refused_or_stored(source, odd)

    @pytest.mark.parametrize("status", [400, 401, 404, 405, 413, 429, 503])
    def test_trouble_keeps_its_status(self, source: EventSource, status: int) -> None:
        assert source.trouble(status, "A reason.").status == status

    def test_trouble_says_when_to_come_back(self, source: EventSource) -> None:
        assert source.trouble(503, "Full.", 7).headers["Retry-After"] == "7"


def _store(source: EventSource, request: InboundRequest) -> Stored:
    outcome = source.receive(request)
    assert isinstance(outcome, Accepted), f"{request.path}: {outcome}"
    return _stored(outcome, request)


def _stored(accepted: Accepted, request: InboundRequest) -> Stored:
    return Stored(body=accepted.body, arrived_at=request.arrived_at, hint=accepted.hint)


def _assert_refused_or_stored(source: EventSource, request: InboundRequest) -> None:
    source.key(request)
    outcome = source.receive(request)
    if isinstance(outcome, Accepted):
        _assert_fit_to_store(list(source.read(_stored(outcome, request))))
    else:
        assert outcome.status < 500


def _assert_fit_to_store(events: Sequence[Event | Unreadable]) -> None:
    for event in events:
        json.dumps(event.payload, allow_nan=False).encode()
        for text in _texts(event):
            assert "\x00" not in text, "PostgreSQL stores no NUL"
            text.encode()  # raises on a lone surrogate
        if isinstance(event, Event) and event.timestamp is not None:
            assert event.timestamp.tzinfo is not None
        if isinstance(event, Unreadable):
            assert event.why


def _texts(event: Event | Unreadable) -> Iterator[str]:
    values: list[Any] = [getattr(event, name) for name in event.__dataclass_fields__]
    while values:
        value = values.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            values += [*value, *value.values()]
        elif isinstance(value, list | tuple):
            values += value


def _lookup_values(source: EventSource) -> set[str]:
    fields = source.config_schema().fields
    names = [name for name, field in fields.items() if isinstance(field, Secret) and field.lookup]
    return {source.config[name] for name in names}


def _is_root_path(source: EventSource, path: str) -> bool:
    prefixes = [pattern[:-1] for pattern in source.paths if pattern.endswith("/*")]
    return path in source.paths or any(path.startswith(prefix) for prefix in prefixes)
