"""Signed JSON requests to an operator's address."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
from marshmallow import Schema, fields

from hub.plugin import Retry, Services
from hub_webhook.signatures import keys_of, make_secret, secret_field, sign

TIMEOUT_S = (5.0, 10.0)
"""To connect, and between bytes of the answer."""
_MAX_WAIT_S = 86_400.0


class AddressSettings(Schema):
    """What an operator sets."""

    url = fields.Url(
        required=True,
        schemes={"http", "https"},
        require_tld=False,
        metadata={"help": "Where requests are posted to.", "label": "URL"},
    )
    secret = secret_field(
        "What requests are signed with, by which the receiver knows them: whsec_ and 24 to 64 random bytes as base64.",
        generate=True,
        make=make_secret,
    )
    previous_secret = secret_field(
        "The secret before, during a rotation: requests then carry both signatures.",
        rare=True,
        load_default=None,
        allow_none=True,
    )


class Address:
    """An address with its keys; may be used by many threads."""

    def __init__(self, config: Mapping[str, Any], services: Services) -> None:
        self._url: str = config["url"]
        self._keys: Sequence[bytes] = keys_of(config)
        self._services = services

    @property
    def host(self) -> str:
        """What may be shown of the address: its path often holds a key."""
        return urlsplit(self._url).hostname or ""

    def post(self, message_id: str, document: Mapping[str, Any]) -> requests.Response | Retry:
        """Return what the other side answers to a signed request; redirects are not followed."""
        body, timestamp = json.dumps(document).encode(), str(int(self._services.now().timestamp()))
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(self._keys, message_id=message_id, timestamp=timestamp, body=body),
        }
        try:
            return self._services.http().post(
                self._url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            return Retry(why=f"{self.host} cannot be reached ({type(error).__name__}): check `url` and the network.")

    def try_again(self, response: requests.Response) -> Retry:
        """Return that an answer takes nothing, and how long it asks to wait."""
        status = response.status_code
        after = response.headers.get("Retry-After", "")
        after_s = min(float(after), _MAX_WAIT_S) if after.isascii() and after.isdigit() else None
        cure = ": check `url` and `secret`" if status < 500 and status != 429 else ""
        return Retry(why=f"{self.host} answered {status}{cure}.", after_s=after_s)
