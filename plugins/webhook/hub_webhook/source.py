"""The event source `webhook`: customers as JSON, from any sender of signed webhooks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields, validate

from hub.plugin import Accepted, Event, EventSource, InboundRequest, Reply, Services, Stored, Unreadable
from hub_webhook.answers import is_ours
from hub_webhook.signatures import authentic_id, keys_of, secret_field

MAX_DEPTH = 100
MAX_ID = 512
_INT64 = 2**63
_ID = "id:"
"""Before the sender's id in a hint, which the hub keeps for us: a sender may call a delivery anything."""


def _field(default: str, what: str) -> fields.String:
    text = f"Where the {what} stands in an object; a dot leads into another one, as in data.{default}."
    return fields.String(load_default=default, validate=validate.Length(min=1, max=200), metadata={"help": text})


class WebhookSourceSettings(Schema):
    """What an operator sets."""

    secret = secret_field("What the sender signs with: whsec_ and base64.", required=True)
    previous_secret = secret_field(
        "The secret before, during a rotation.", rare=True, load_default=None, allow_none=True
    )
    user_id_field = _field("user_id", "customer's id")
    email_field = _field("email", "address")
    created_at_field = _field("created_at", "time of becoming a customer")
    name_field = _field("name", "name")


class WebhookSource(EventSource):
    """Customers as JSON, signed by the Standard Webhooks specification."""

    kind = "webhook"
    config_schema = WebhookSourceSettings

    def __init__(self, name: str, config: Mapping[str, Any], services: Services) -> None:
        super().__init__(name, config, services)
        self._keys = keys_of(config)

    def receive(self, request: InboundRequest) -> Accepted | Reply:
        """Accept whatever is signed; the id of the delivery goes with it."""
        message_id = authentic_id(self._keys, request.headers, request.body, now=self.services.now())
        if message_id is None:
            return self.trouble(401, "The signature is missing or wrong, or the request is older than five minutes.")
        return Accepted(body=request.body, reply=Reply.json({"success": True}), hint=_ID + message_id)

    def read(self, stored: Stored) -> Iterator[Event | Unreadable]:
        """Yield the customer of a body that is an object, or those of one that is an array."""
        message_id = stored.hint.removeprefix(_ID)
        try:
            content = _storable(json.loads(stored.body))
        except (ValueError, RecursionError) as error:
            yield Unreadable(why=f"This is no JSON that can be kept: {error}", message_id=message_id or None)
            return
        if not isinstance(content, list):
            yield self._event(content, message_id or None)
            return
        for index, item in enumerate(content):
            yield self._event(item, f"{message_id}-{index}" if message_id else None)

    def _event(self, item: Any, message_id: str | None) -> Event | Unreadable:
        if not isinstance(item, dict):
            return Unreadable(why="An event must be a JSON object.", payload=item, message_id=message_id)
        user_id = self._value(item, "user_id_field")
        if isinstance(user_id, bool | list | dict) or len(str(user_id)) > MAX_ID:
            why = f"{self.config['user_id_field']} must be text or a number, {MAX_ID} characters at most."
            return Unreadable(why=why, payload=item, message_id=message_id)
        traits = {
            "email": self._value(item, "email_field"),
            "createdAt": self._value(item, "created_at_field"),
            "name": self._value(item, "name_field"),
        }
        return Event(
            type="identify",
            payload=item,
            message_id=message_id,
            user_id=user_id,
            traits={name: value for name, value in traits.items() if value is not None},
            echo=is_ours(item, self.services.hub_id),
        )

    def _value(self, item: Mapping[str, Any], setting: str) -> Any:
        path = self.config[setting]
        return item[path] if path in item else _follow(item, path.split("."))


def _follow(value: Any, names: Sequence[str]) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _storable(value: Any, depth: int = 0) -> Any:
    """Return a JSON value as every database can keep it: no NUL, no half of a surrogate pair. Raises ValueError."""
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        return value.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, dict):
        return {_storable(name, depth): _storable(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner, depth + 1) for inner in value]
    if isinstance(value, int | float) and not -_INT64 <= value < _INT64:
        raise ValueError("it holds a number beyond 64 bits")
    return value
