"""The sync target `webhook`: each answer as a signed JSON request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
from marshmallow import Schema, fields

from hub.plugin import CheckFailed, CustomerUpdate, Done, Limits, Parked, Retry, Services, SyncTarget
from hub_webhook.answers import TRAITS, TYPE, fields_of
from hub_webhook.signatures import keys_of, secret_field, sign

_MAX_WAIT_S = 86_400.0


class WebhookTargetSettings(Schema):
    """What an operator sets."""

    url = fields.Url(
        required=True,
        schemes={"http", "https"},
        require_tld=False,
        metadata={"help": "Where answers are posted to."},
    )
    secret = secret_field("What requests are signed with: whsec_ and 24 to 64 random bytes as base64.", required=True)
    previous_secret = secret_field(
        "The secret before, during a rotation: requests then carry both signatures.", load_default=None, allow_none=True
    )


class WebhookTarget(SyncTarget):
    """Answers as JSON requests, signed by the Standard Webhooks specification."""

    kind = "webhook"
    config_schema = WebhookTargetSettings
    limits = Limits(count=4)
    timeout_s: ClassVar[tuple[float, float]] = (5.0, 10.0)
    """To connect, and between bytes of the answer: a push of four ends within the minute that the hub waits."""

    def __init__(self, name: str, config: Mapping[str, Any], services: Services) -> None:
        super().__init__(name, config, services)
        self._keys = keys_of(config)

    @property
    def trait_names(self) -> frozenset[str]:
        """The names of score, comment and time in the requests."""
        return frozenset(TRAITS)

    def check(self) -> None:
        """Post a signed request without an answer in it; one that is refused for that has arrived, too."""
        result = self._post("hub-check", {"type": "survey.check", "hub": self.services.hub_id, "data": {}})
        if isinstance(result, Retry):
            raise CheckFailed(result.why)

    def push(self, updates: Sequence[CustomerUpdate]) -> Sequence[Done | Retry | Parked]:
        """Post each answer; after trouble that concerns all, leave the rest for later."""
        results: list[Done | Retry | Parked] = []
        trouble: Retry | None = None
        for update in updates:
            answer = fields_of(update)
            result = answer if isinstance(answer, Parked) else trouble or self._post(*self._document(update, answer))
            trouble = result if isinstance(result, Retry) else None
            results.append(result)
        return results

    def _document(self, update: CustomerUpdate, answer: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        document = {"type": TYPE, "timestamp": answer["NPS_date"], "hub": self.services.hub_id, "data": answer}
        return update.message_id, document

    def _post(self, message_id: str, document: Mapping[str, Any]) -> Done | Retry | Parked:
        body, timestamp = json.dumps(document).encode(), str(int(self.services.now().timestamp()))
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(self._keys, message_id=message_id, timestamp=timestamp, body=body),
        }
        try:
            response = self.services.http().post(
                self.config["url"], data=body, headers=headers, timeout=self.timeout_s, allow_redirects=False
            )
        except requests.RequestException as error:
            return Retry(why=f"{self._host} cannot be reached ({type(error).__name__}): check `url` and the network.")
        return self._judge(response)

    def _judge(self, response: requests.Response) -> Done | Retry | Parked:
        status = response.status_code
        if 200 <= status < 300:
            return Done()
        if status in (400, 413, 422):
            return Parked(why=f"{self._host} answered {status}: {response.text[:200]}")
        after = response.headers.get("Retry-After", "")
        after_s = min(float(after), _MAX_WAIT_S) if after.isascii() and after.isdigit() else None
        cure = ": check `url` and `secret`" if status < 500 and status != 429 else ""
        return Retry(why=f"{self._host} answered {status}{cure}.", after_s=after_s)

    @property
    def _host(self) -> str:
        """What may be shown of the address: its path often holds a key."""
        return urlsplit(self.config["url"]).hostname or ""
