"""SendGrid's Event Webhook: whether a call is genuine, and what it reports."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from hub.plugin import DeliveryReport, InboundRequest, ReportKind

from .mail import MESSAGE_ID
from .words import without_addresses

# https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event; other events tell nothing that counts.
KINDS: Mapping[str, ReportKind] = {
    "delivered": ReportKind.DELIVERED,
    "deferred": ReportKind.DEFERRED,
    "dropped": ReportKind.DROPPED,
    "bounce": ReportKind.BOUNCED,
    "spamreport": ReportKind.COMPLAINED,
    "unsubscribe": ReportKind.UNSUBSCRIBED,
    "group_unsubscribe": ReportKind.UNSUBSCRIBED,
}
_LONGEST_ID = 200


def read_public_key(text: str) -> ec.EllipticCurvePublicKey:
    """Return the key that SendGrid shows as one line of base64 (DER inside); ValueError if it is none."""
    try:
        key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("Give the verification key as SendGrid shows it: one line that begins with MFkw.")  # noqa: TRY004
    return key


def is_genuine(request: InboundRequest, public_key: ec.EllipticCurvePublicKey) -> bool:
    """Return whether the holder of the private key signed this very body, its trailing line break included."""
    signature = request.headers.get("x-twilio-email-event-webhook-signature", "")
    timestamp = request.headers.get("x-twilio-email-event-webhook-timestamp", "")
    try:
        signed = timestamp.encode() + request.body
        public_key.verify(base64.b64decode(signature, validate=True), signed, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def read_reports(body: bytes, *, arrived_at: datetime) -> list[DeliveryReport]:
    """Return what the events report about the hub's mails; ValueError if the body is no array.

    Events of other senders on the account, unknown ones and broken ones are left out.
    """
    try:
        events = json.loads(body.decode(errors="replace"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(events, list):
        raise ValueError("it is another JSON value")  # noqa: TRY004  the body is wrong, not the call
    return [report for event in events if isinstance(event, dict) and (report := _report(event, arrived_at))]


def _report(event: Mapping[str, Any], arrived_at: datetime) -> DeliveryReport | None:
    kind, message_id = KINDS.get(_text(event, "event")), _text(event, MESSAGE_ID)
    if kind is None or not (message_id.isascii() and message_id.isprintable() and 0 < len(message_id) <= _LONGEST_ID):
        return None
    said = _text(event, "reason") or _text(event, "response") or _text(event, "status")
    return DeliveryReport(
        message_id=message_id,
        kind=kind,
        at=_time(event.get("timestamp"), arrived_at),
        detail=without_addresses(said, recipient=_text(event, "email")),
        # A bounce of another type (blocked, expired) says nothing about the mailbox.
        permanent=kind is not ReportKind.BOUNCED or (_text(event, "type") or "bounce") == "bounce",
    )


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""


def _time(epoch: object, arrived_at: datetime) -> datetime:
    """Return when it happened; without a time that can be, when we heard of it."""
    if isinstance(epoch, bool) or not isinstance(epoch, int | float) or epoch <= 0:
        return arrived_at
    try:
        return min(datetime.fromtimestamp(epoch, UTC), arrived_at)
    except (ValueError, OverflowError, OSError):
        return arrived_at
