"""What Segment's webhooks send to a source's own path: its outside, and what may vouch for it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hub.plugin import InboundRequest
from hub_segment import bodies
from hub_segment.routes import BATCH, WEBHOOK, WEBHOOKS, basic_user
from hub_segment.signature import HEADER, is_signed

MAX_SIGNED_BYTES = 563_200
"""Of a body that nothing but its signature vouches for, or that names its key inside: all that a stranger can
make us parse. It is more than one event may have."""


class NotAllowed(Exception):
    """Nothing vouches for a request, or something speaks against it; `code` is the word for it in an answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A body seen from outside: its hint, how many events it holds, and the text that a signature is of."""

    hint: str
    count: int
    signed: bytes
    is_by_key: bool = False
    """Nothing but the API key vouches for it."""

    @property
    def is_signed_whole(self) -> bool:
        """Tell whether a signature leaves no event out."""
        return self.hint != WEBHOOKS or self.count <= 1


def outline(body: bytes) -> Outline:
    """Return what a body is. Raises `BodyError` unless it is one event, an array of them or a batch."""
    if bodies.is_array(body):
        elements = bodies.split_array(body)
        return Outline(hint=WEBHOOKS, count=len(elements), signed=bodies.first_of(body, elements) if elements else body)
    if bodies.looks_like_batch(body):
        return Outline(hint=BATCH, count=bodies.count_events(body), signed=body)
    return Outline(hint=WEBHOOK, count=1, signed=body)


class Gate:
    """Lets in what one of a source's credentials vouches for: its API key, a header's secret, a signature."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._api_keys = _encoded(config.get("api_key"))
        self._header_secrets = _encoded(config["header_secret"], config["previous_header_secret"])
        self._shared_secrets = _encoded(config["shared_secret"], config["previous_shared_secret"])
        self._header_name = config["header_name"]

    def admit(self, request: InboundRequest) -> Outline:
        """Return what the body is. Raises `NotAllowed`, or `BodyError` when it can't be read.

        A signature that we can check must be right whatever else vouches for the body; alone it is enough only
        for a body that it covers.
        """
        has_header_secret = self._has_header_secret(request)
        is_vouched_for = has_header_secret or self._has_key(request)
        signature = request.headers.get(HEADER) if self._shared_secrets else None
        if not is_vouched_for and signature is None:
            message = "Nothing vouches for this request: send the API key, the custom header or a signature."
            raise NotAllowed("missing_credential", message)
        if not is_vouched_for and len(request.body) > MAX_SIGNED_BYTES:
            raise self._not_covered()
        found = outline(request.body)
        if signature is not None and not is_signed(found.signed, signature, self._shared_secrets):
            message = "X-Signature does not fit the body and the source's shared_secret. Is it the same in Segment?"
            raise NotAllowed("invalid_signature", message)
        if not is_vouched_for and not found.is_signed_whole:
            raise self._not_covered()
        is_by_key = not has_header_secret and not (signature is not None and found.is_signed_whole)
        return replace(found, is_by_key=is_by_key)

    def _has_key(self, request: InboundRequest) -> bool:
        key = basic_user(request)
        if key is None and len(request.body) <= MAX_SIGNED_BYTES and not bodies.is_array(request.body):
            key = bodies.write_key(request.body)
        return _is_among(key, self._api_keys)

    def _has_header_secret(self, request: InboundRequest) -> bool:
        return _is_among(request.headers.get(self._header_name.lower()), self._header_secrets)

    def _not_covered(self) -> NotAllowed:
        message = (
            "Segment signs only the first event of a batch, and nothing else vouches for the others: set "
            f"header_secret here and send it in the custom header {self._header_name}, or switch batching off."
        )
        return NotAllowed("not_covered", message)


def _encoded(*secrets: str | None) -> list[bytes]:
    return [secret.encode(errors="surrogatepass") for secret in secrets if secret]


def _is_among(given: str | None, secrets: list[bytes]) -> bool:
    encoded = (given or "").encode(errors="surrogatepass")
    return any(hmac.compare_digest(encoded, secret) for secret in secrets)
