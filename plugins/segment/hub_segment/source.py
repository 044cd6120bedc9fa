"""The event source: Segment's Tracking API for SDKs whose host is set to the hub, and Segment's webhooks."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from marshmallow import Schema, fields, validate

from hub.plugin import Accepted, Event, EventSource, InboundRequest, Reply, Secret, Services, Stored, Unreadable
from hub_segment import bodies
from hub_segment.bodies import BodyError
from hub_segment.reading import Reader
from hub_segment.routes import BATCH, BY_KEY, HINTS, WEBHOOKS, basic_user, endpoint_of, is_tracking, settings_key
from hub_segment.settings_document import settings_document
from hub_segment.webhooks import Gate, NotAllowed, Outline

MAX_BATCH_BYTES = 563_200
MAX_BATCH_EVENTS = 2_750
"""Segment's limits (500 KB, 2,500 events) and 10 %: SDKs fill a batch until they have passed them."""
MAX_WEBHOOK_EVENTS = 4_400
"""Segment's limit of 4,000 and 10 %."""

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
_VISIBLE_ASCII = validate.Regexp(
    r"[!-~]([ -~]*[!-~])?\Z", error="Only visible ASCII characters can be sent in a header, with blanks between."
)


class SourceSettings(Schema):
    """What an operator sets."""

    api_key = Secret(
        generate=True,
        lookup=True,
        metadata={
            "label": "API key",
            "help": "The write key that SDKs and functions present. Made by the hub when left out.",
        },
    )
    shared_secret = Secret(
        load_default=None,
        allow_none=True,
        metadata={"help": "The Shared Secret of Segment's Webhooks destination, which signs what it sends."},
    )
    previous_shared_secret = Secret(
        load_default=None,
        allow_none=True,
        metadata={"help": "The one before it, good as well during a change.", "rare": True},
    )
    header_secret = Secret(
        load_default=None,
        allow_none=True,
        validate=_VISIBLE_ASCII,
        metadata={"help": "The value of the custom header that Segment's webhooks send. Batches need it."},
    )
    previous_header_secret = Secret(
        load_default=None,
        allow_none=True,
        validate=_VISIBLE_ASCII,
        metadata={"help": "The one before it, good as well during a change.", "rare": True},
    )
    header_name = fields.String(
        load_default="X-Hub-Secret",
        validate=validate.Regexp(r"[A-Za-z0-9-]{1,64}\Z", error="Only letters, digits and hyphens, 64 at most."),
        metadata={"help": "The name of that header.", "rare": True},
    )
    max_webhook_bytes = fields.Integer(
        strict=True,
        load_default=20_000_000,
        validate=validate.Range(min=1_000_000, max=100_000_000),
        metadata={
            "label": "Largest body",
            "unit": "bytes",
            "help": "The largest body that `/sources/NAME` takes.",
            "rare": True,
        },
    )


class SegmentSource(EventSource):
    """Events from Segment's SDKs, webhooks and functions."""

    kind = "segment"
    config_schema = SourceSettings
    paths = ("/v1/*",)
    cors = True
    max_body = MAX_BATCH_BYTES

    def __init__(self, name: str, config: Mapping[str, Any], services: Services) -> None:
        super().__init__(name, config, services)
        self.max_body = config["max_webhook_bytes"]
        self._gate = Gate(config)
        self._reader = Reader(api_key=config.get("api_key") or "", hub_id=services.hub_id)

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
        return _error(status, _CODES.get(status, f"http_{status}"), message, headers)

    def receive(self, request: InboundRequest) -> Accepted | Reply:
        """Accept a readable body that is vouched for. Faults of single events are left to `read`."""
        if not is_tracking(request.path):
            return self._receive_webhook(request)
        endpoint = endpoint_of(request.path)
        if endpoint == "m":
            return _SUCCESS
        if not self._is_authentic(request):
            return self.trouble(401, "The write key is missing or is not the one of this source.")
        if endpoint.startswith("projects/"):
            return self._settings(request)
        hint = HINTS.get(endpoint)
        if hint is None:
            return self.trouble(404, f"There is no {request.path} here; see Segment's HTTP Tracking API.")
        if request.method != "POST":
            return _method_not_allowed("POST", request)
        return self._accept(request.body, hint)

    def read(self, stored: Stored) -> Iterator[Event | Unreadable]:
        """Yield the events of a body in order; of one without a hint, the single event that it is."""
        return self._reader.read(stored)

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

    def _accept(self, body: bytes, hint: str) -> Accepted | Reply:
        try:
            if hint == BATCH:
                return self._accept_many(body, hint, bodies.count_events(body))
            bodies.check_event(body)
        except BodyError as fault:
            return _error(400, fault.code, str(fault))
        return Accepted(body=body, reply=_SUCCESS, hint=hint)

    def _accept_many(self, body: bytes, hint: str, count: int) -> Accepted | Reply:
        if count == 0:
            return _SUCCESS
        allowed, most = (4_000, MAX_WEBHOOK_EVENTS) if hint == WEBHOOKS else (2_500, MAX_BATCH_EVENTS)
        if count > most:
            return self.trouble(413, f"This body holds {count} events; Segment allows {allowed}: send smaller ones.")
        return Accepted(body=body, reply=_SUCCESS, hint=hint)

    def _receive_webhook(self, request: InboundRequest) -> Accepted | Reply:
        if request.method not in ("POST", "PUT", "PATCH"):
            return _method_not_allowed("POST, PUT, PATCH", request)
        try:
            found = self._gate.admit(request)
        except NotAllowed as refusal:
            return _error(401, refusal.code, str(refusal))
        except BodyError as fault:
            return _error(400, fault.code, str(fault))
        return self._accept_outlined(request.body, found)

    def _accept_outlined(self, body: bytes, found: Outline) -> Accepted | Reply:
        if found.hint == BATCH and len(body) > MAX_BATCH_BYTES:
            return self.trouble(413, f"This batch has {len(body)} bytes; Segment allows 512000: send smaller ones.")
        accepted = self._accept_many(body, found.hint, found.count)
        if isinstance(accepted, Accepted) and found.is_by_key and found.hint != BATCH:
            return replace(accepted, hint=found.hint + BY_KEY)
        return accepted


def _encoded(key: str) -> bytes:
    return key.encode(errors="surrogatepass")


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply.json({"code": code, "message": message}, status=status, headers=headers)


def _method_not_allowed(allowed: str, request: InboundRequest) -> Reply:
    message = f"{request.path} takes {allowed}, not {request.method}."
    return _error(405, _CODES[405], message, {"Allow": allowed})
