"""The event source: Segment's Tracking API, for SDKs whose host is set to the hub."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from marshmallow import Schema

from hub.plugin import Accepted, Event, EventSource, InboundRequest, Reply, Secret, Stored, Unreadable
from hub_segment import bodies
from hub_segment.bodies import BodyError
from hub_segment.events import event_from, readable_message_id
from hub_segment.routes import BATCH, HINTS, basic_user, endpoint_of, settings_key
from hub_segment.settings_document import settings_document

MAX_EVENT_BYTES = 36_044
MAX_BATCH_BYTES = 563_200
MAX_BATCH_EVENTS = 2_750
"""Segment's limits (32 KB, 500 KB, 2,500 events) and 10 %: SDKs fill a batch until they have passed them."""

_CODES = {
    400: "bad_request",
    401: "invalid_write_key",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    429: "too_many_requests",
    503: "service_unavailable",
}
# Exactly 200: analytics-python sends a batch again after any other answer, 202 and 204 included.
_SUCCESS = Reply.json({"success": True})


class SourceSettings(Schema):
    """What an operator sets."""

    api_key = Secret(
        generate=True,
        lookup=True,
        metadata={"help": "The write key that SDKs present. Made by the hub when left out."},
    )


class SegmentSource(EventSource):
    """Events from Segment's SDKs."""

    kind = "segment"
    config_schema = SourceSettings
    paths = ("/v1/*",)
    cors = True
    max_body = MAX_BATCH_BYTES

    @classmethod
    def key(cls, request: InboundRequest) -> str | None:
        """Return the key from the path of a settings request, from Basic authentication or from the body."""
        return settings_key(request.path) or basic_user(request) or bodies.write_key(request.body)

    @classmethod
    def without_key(cls, request: InboundRequest) -> Reply | None:
        """Take SDKs' own metrics, which are sent without a key, and drop them."""
        return _SUCCESS if endpoint_of(request.path) == "m" else None

    @classmethod
    def trouble(cls, status: int, message: str, retry_after_s: int | None = None) -> Reply:
        """Return an error with the `code` and `message` that SDKs look for."""
        headers = {"Retry-After": str(retry_after_s)} if retry_after_s is not None else {}
        code = _CODES.get(status, f"http_{status}")
        return Reply.json({"code": code, "message": message}, status=status, headers=headers)

    def receive(self, request: InboundRequest) -> Accepted | Reply:
        """Accept a readable body from a sender with our key. Faults of single events are left to `read`."""
        endpoint = endpoint_of(request.path)
        if endpoint == "m":
            return _SUCCESS
        if not self._is_authentic(request):
            return self.trouble(401, "The write key is missing or is not the one of this source.")
        if endpoint.startswith("projects/"):
            return self._settings(request)
        hint = HINTS.get(endpoint)
        if hint is None and endpoint:
            return self.trouble(404, f"There is no {request.path} here; see Segment's HTTP Tracking API.")
        if request.method != "POST":
            return _method_not_allowed("POST", request)
        return self._accept(request.body, hint)

    def read(self, stored: Stored) -> Iterator[Event | Unreadable]:
        """Yield the events of a body in order; of one without a hint, the single event that it is."""
        if stored.hint == BATCH:
            yield from self._read_batch(stored)
        else:
            outer = {"type": stored.hint} if stored.hint else {}
            yield self._read_event(stored.body, {}, outer, stored.arrived_at)

    def _is_authentic(self, request: InboundRequest) -> bool:
        expected = self.config.get("api_key") or ""
        given = self.key(request) or ""
        return bool(expected) and hmac.compare_digest(_encoded(given), _encoded(expected))

    def _settings(self, request: InboundRequest) -> Reply:
        if settings_key(request.path) is None:
            return self.trouble(404, f"There is no {request.path}; is it /v1/projects/<key>/settings?")
        if request.method != "GET":
            return _method_not_allowed("GET", request)
        return Reply.json(settings_document(self.config["api_key"], self.services.base_url))

    def _accept(self, body: bytes, hint: str | None) -> Accepted | Reply:
        try:
            if hint is None:
                hint = BATCH if bodies.looks_like_batch(body) else ""
            if hint != BATCH:
                bodies.check_event(body)
                return Accepted(body=body, reply=_SUCCESS, hint=hint)
            count = bodies.count_events(body)
        except BodyError as fault:
            return Reply.json({"code": fault.code, "message": str(fault)}, status=400)
        if count == 0:
            return _SUCCESS
        if count > MAX_BATCH_EVENTS:
            return self.trouble(413, f"This batch holds {count} events; Segment allows 2500: send smaller ones.")
        return Accepted(body=body, reply=_SUCCESS, hint=hint)

    def _read_batch(self, stored: Stored) -> Iterator[Event | Unreadable]:
        try:
            batch = bodies.split_batch(stored.body)
        except BodyError as fault:
            yield Unreadable(why=str(fault), payload=self._excerpt(stored.body))
            return
        try:
            outer = {
                "context": bodies.decode_value(batch.context),
                "integrations": bodies.decode_value(batch.integrations),
                "sentAt": bodies.decode_value(batch.sentAt),
            }
        except BodyError as fault:
            why = f"The common part of the batch is unreadable. {fault}"
            yield from (Unreadable(why=why, payload=self._excerpt(bytes(raw))) for raw in batch.batch)
            return
        common = {name: value for name, value in outer.items() if value is not None}
        for raw in batch.batch:
            yield self._read_event(bytes(raw), common, {}, stored.arrived_at)

    def _read_event(
        self, raw: bytes, common: dict[str, Any], forced: dict[str, Any], arrived_at: datetime
    ) -> Event | Unreadable:
        try:
            value = bodies.decode_value(raw)
        except BodyError as fault:
            return Unreadable(why=str(fault), payload=self._excerpt(raw))
        if not isinstance(value, dict):
            return Unreadable(why="An event must be a JSON object.", payload=self._excerpt(raw))
        if len(raw) > MAX_EVENT_BYTES:
            why = f"This event has {len(raw)} bytes; Segment allows 32768."
            return Unreadable(why=why, payload=self._excerpt(raw), message_id=readable_message_id(value))
        value.pop("writeKey", None)  # a credential, not part of what happened
        payload = _merge(common, value) | forced
        return event_from(payload, arrived_at=arrived_at, hub_id=self.services.hub_id)

    def _excerpt(self, raw: bytes) -> str:
        """Return the beginning of what can't be read, for people, fit to be stored and without our key."""
        text = raw.decode(errors="replace").replace("\x00", "\ufffd")
        return text.replace(self.config["api_key"] or "\x00", "(api_key)")[:1_000]


def _encoded(key: str) -> bytes:
    return key.encode(errors="surrogatepass")


def _method_not_allowed(allowed: str, request: InboundRequest) -> Reply:
    message = f"{request.path} takes {allowed}, not {request.method}."
    reply = {"code": _CODES[405], "message": message}
    return Reply.json(reply, status=405, headers={"Allow": allowed})


def _merge(common: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """Return an event with what its batch says for all; the event's own word counts more."""
    for name, outer in common.items():
        inner = event.get(name)
        if isinstance(outer, dict) and isinstance(inner, dict):
            event[name] = outer | inner
        elif inner is None:
            event[name] = outer
    return event
