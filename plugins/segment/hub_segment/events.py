"""One Segment event: what can be wrong with it, and its words in ours.

Marshmallow decides what is wrong and says it. Before it comes a typed check that is many times faster and
accepts only what the schema accepts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate
from msgspec import Meta

from hub.plugin import Event, Unreadable
from hub_segment.echo import is_echo

EventType = Literal["identify", "track", "page", "screen", "group", "alias", "delete"]
TYPES: tuple[str, ...] = ("identify", "track", "page", "screen", "group", "alias", "delete")

MAX_MESSAGE_ID = 110
"""Segment's 100 characters and 10 %."""
MAX_ID = 512
_INT64 = 2**63


def event_from(payload: dict[str, Any], *, timestamp: datetime | None, hub_id: str) -> Event | Unreadable:
    """Return a decoded event that happened at `timestamp` in the hub's words, or what is wrong with it."""
    faults = find_faults(payload)
    if faults:
        return Unreadable(why=faults, payload=payload, message_id=readable_message_id(payload))
    context = payload.get("context") or {}
    is_track = payload["type"] == "track"
    properties = _object(payload.get("properties")) if is_track else {}
    return Event(
        type=payload["type"],
        payload=payload,
        message_id=readable_message_id(payload),
        user_id=_id(payload.get("userId")),
        anonymous_id=_id(payload.get("anonymousId")),
        # A group's traits are a company's, not the customer's.
        traits={} if payload["type"] == "group" else payload.get("traits") or {},
        fallback_traits=context.get("traits") or {},
        name=_text(payload.get("event" if is_track else "name")),
        properties=properties,
        timestamp=timestamp,
        locale=_text(context.get("locale")),
        timezone=_text(context.get("timezone")),
        echo=is_echo(context, payload.get("integrations") or {}, properties, hub_id),
        active=context.get("active") is not False,
    )


def find_faults(payload: Mapping[str, Any]) -> str:
    """Return what is wrong with an event as one sentence, "" when nothing is."""
    if passes_fast_check(payload):
        return ""
    errors = EventSchema().validate(payload)
    return "; ".join(_sentences(errors))


def passes_fast_check(payload: Mapping[str, Any]) -> bool:
    """Tell whether an event is plainly right. False says nothing: the schema decides then."""
    try:
        msgspec.convert(payload, _PlainEvent)
    except msgspec.ValidationError:
        return False
    return True


def readable_message_id(payload: Mapping[str, Any]) -> str | None:
    """Return an event's `messageId` if it has one that can be kept."""
    message_id = payload.get("messageId")
    return message_id if isinstance(message_id, str) and 0 < len(message_id) <= MAX_MESSAGE_ID else None


class Identifier(fields.Field[str | int | float]):
    """A `userId` or `anonymousId`: text or a number."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | int | float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValidationError("Must be text or a number.")
        if isinstance(value, str) and len(value) > MAX_ID:
            raise ValidationError(f"Longer than {MAX_ID} characters.")
        if isinstance(value, str) and "\ufffd" in value:
            raise ValidationError("Holds a character that cannot be kept (NUL, half an emoji or U+FFFD).")
        if isinstance(value, int) and not -_INT64 <= value < _INT64:
            raise ValidationError("A number beyond 64 bits: send it as text.")
        return value


class _Lenient(Schema):
    class Meta:
        unknown = EXCLUDE

    @pre_load
    def read_empty_lists_as_objects(self, data: Any, **kwargs: Any) -> Any:
        """PHP writes an empty object as `[]`."""
        if not isinstance(data, Mapping):
            return data
        return {key: {} if value == [] and key in _OBJECTS else value for key, value in data.items()}


_OBJECTS = frozenset({"traits", "context", "integrations"})


class ContextSchema(_Lenient):
    """The parts of `context` that must be right; locale and the like are only used when they are."""

    traits = fields.Dict(allow_none=True)


class EventSchema(_Lenient):
    """The parts of an event that must be right. What it does not name may be anything."""

    type = fields.String(required=True, validate=validate.OneOf(TYPES))
    messageId = fields.String(allow_none=True, validate=validate.Length(max=MAX_MESSAGE_ID))  # noqa: N815
    userId = Identifier(allow_none=True)  # noqa: N815
    anonymousId = Identifier(allow_none=True)  # noqa: N815
    traits = fields.Dict(allow_none=True)
    context = fields.Nested(ContextSchema, allow_none=True)
    integrations = fields.Dict(allow_none=True)


_PlainId = (
    Annotated[str, Meta(max_length=MAX_ID, pattern="^[^\ufffd]*$")]
    | Annotated[int, Meta(ge=-_INT64, le=_INT64 - 1)]
    | float
    | None
)


class _PlainContext(msgspec.Struct):
    traits: dict[str, Any] | None = None


class _PlainEvent(msgspec.Struct):
    type: EventType
    messageId: Annotated[str, Meta(max_length=MAX_MESSAGE_ID)] | None = None  # noqa: N815
    userId: _PlainId = None  # noqa: N815
    anonymousId: _PlainId = None  # noqa: N815
    traits: dict[str, Any] | None = None
    context: _PlainContext | None = None
    integrations: dict[str, Any] | None = None


def _sentences(errors: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, found in errors.items():
        where = name if name == "_schema" else f"{path}{name}"
        if isinstance(found, Mapping):
            yield from _sentences(found, f"{where}.")
        else:
            yield from (f"{path.rstrip('.') if name == '_schema' else where}: {text}" for text in found)


def _id(value: str | int | float | None) -> str | int | float | None:
    return None if value == "" else value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
