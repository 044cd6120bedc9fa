"""Signatures as the Standard Webhooks specification has them: https://www.standardwebhooks.com."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from marshmallow import ValidationError

from hub.plugin import Secret

TOLERANCE_S = 300
"""How far a sender's clock may be off, and how old a copied request may be; the specification's own figure."""

_ID = re.compile(r"[!-~]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def secret_field(text: str, *, rare: bool = False, **options: Any) -> Secret:
    """Return a settings field for a secret of this form; a `rare` one is folded away."""
    return Secret(validate=_refuse_other_forms, metadata={"help": text, "rare": rare}, **options)


def make_secret() -> str:
    """Return a new secret of this form."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


def keys_of(config: Mapping[str, Any]) -> list[bytes]:
    """Return the keys that are in use: during a rotation two."""
    return [_key(config[name]) for name in ("secret", "previous_secret") if config.get(name)]


def sign(keys: Sequence[bytes], *, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the value of `webhook-signature`: one signature a key."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()}" for key in keys)


def authentic_id(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, *, now: datetime) -> str | None:
    """Return the `webhook-id` of a request that one of the keys signed just now, None for any other request."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp):
        return None
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
        return None
    expected = sign(keys, message_id=message_id, timestamp=timestamp, body=body).encode().split(b" ")
    given = headers.get("webhook-signature", "").encode(errors="replace").split(b" ")
    found = [hmac.compare_digest(one, ours) for one in given for ours in expected]
    return message_id if any(found) else None


def _key(secret: str) -> bytes:
    text = secret.removeprefix("whsec_")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)  # some senders leave the padding out


def _refuse_other_forms(secret: str) -> None:
    try:
        size = len(_key(secret))
    except ValueError:
        size = 0
    if size < 24:
        raise ValidationError("Write whsec_ and at least 24 bytes as base64.")
