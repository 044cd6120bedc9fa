"""A survey invitation as the JSON document of SendGrid's v3 Mail Send."""

from __future__ import annotations

import json
from typing import Any

from hub.plugin import Message

from .sender import Sender

MESSAGE_ID = "survey_hub_id"
"""The custom argument that carries `Message.id`; SendGrid repeats it in every event about the mail."""

# https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send: refused with 400 among `headers`.
RESERVED_HEADERS = frozenset(
    {
        "bcc",
        "cc",
        "content-transfer-encoding",
        "content-type",
        "dkim-signature",
        "from",
        "received",
        "reply-to",
        "subject",
        "to",
        "x-sg-eid",
        "x-sg-id",
    }
)

# Links stay the hub's own, nothing is added to the mail, and List-Unsubscribe is the hub's.
_TRACKING = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}


def request_body(message: Message, sender: Sender, *, sandbox: bool) -> bytes:
    """Return the body of the request that sends `message`. The customer's name is nowhere in its addresses."""
    mail: dict[str, Any] = {
        "personalizations": [{"to": [{"email": message.to}]}],
        "from": {"email": sender.address, **({"name": sender.name} if sender.name else {})},
        "subject": message.subject,
        "content": [
            {"type": "text/plain", "value": message.text},
            {"type": "text/html", "value": message.html},
        ],
        "headers": {name: value for name, value in message.headers.items() if name.lower() not in RESERVED_HEADERS},
        "custom_args": {MESSAGE_ID: message.id},
        "tracking_settings": _TRACKING,
    }
    if sandbox:
        mail["mail_settings"] = {"sandbox_mode": {"enable": True}}
    return json.dumps(mail).encode()
