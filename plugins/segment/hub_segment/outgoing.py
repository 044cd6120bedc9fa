"""An answer as the events that tell Segment of it: one identify, and track events beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.plugin import CustomerUpdate, Parked, Person
from hub_segment.echo import marks, own_properties

MAX_EVENT_BYTES = 32_768
PLAIN_TRAITS = ("rating_trait", "comment_trait", "date_trait")


def events_of(
    update: CustomerUpdate, config: Mapping[str, Any], *, hub_id: str, sent_at: datetime
) -> list[bytes] | Parked:
    """Return an update's events, serialised: the identify first. All of them have the same fate."""
    identity = _identity(update.person)
    if identity is None:
        return Parked(code="no_segment_id", why="This person has no userId or anonymousId at Segment.")
    common = {**identity, **marks(hub_id)}
    parts = [_identify(update, config, sent_at), *(_tracks(update, config, hub_id) if config["track"] else ())]
    events = [msgspec.json.encode({**part, **common}) for part in parts]
    largest = max(len(event) for event in events)
    if largest > MAX_EVENT_BYTES:
        return Parked(code="too_large", why=f"The event has {largest} bytes; Segment takes 32768.")
    return events


def plain_traits(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the traits for score, comment and date."""
    return [config[name] for name in PLAIN_TRAITS]


def traits_of(survey: str, config: Mapping[str, Any]) -> list[str]:
    """Return the names of the same three for the answers to one survey."""
    suffix = survey.replace("-", "_")  # a hyphen is minus to what reads traits as columns
    return [f"{name}_{suffix}" for name in plain_traits(config)]


def iso(time: datetime) -> str:
    """Return a time as Segment writes it: with `Z`, to the millisecond."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _identify(update: CustomerUpdate, config: Mapping[str, Any], sent_at: datetime) -> dict[str, Any]:
    values = (update.rating, update.comment, iso(update.rated_at))
    own = zip(traits_of(update.survey, config), values, strict=True) if config["per_survey"] else ()
    plain = zip(plain_traits(config), values, strict=True) if update.is_newest else ()
    return {
        "type": "identify",
        "messageId": update.message_id,
        "traits": {**dict(own), **dict(plain)},
        "timestamp": iso(sent_at),
    }


def _tracks(update: CustomerUpdate, config: Mapping[str, Any], hub_id: str) -> Iterator[dict[str, Any]]:
    if not update.is_rating_told:
        yield _track(update, config["answered_event"], "answered", update.rated_at, hub_id)
    if update.comment:
        yield _track(update, config["completed_event"], "completed", update.given_at or update.rated_at, hub_id)


def _track(update: CustomerUpdate, name: str, suffix: str, at: datetime, hub_id: str) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "messageId": f"{update.message_id}-{suffix}",
        "properties": {
            "survey": update.survey,
            "rating": update.rating,
            "comment": update.comment,
            "first_rated_at": iso(update.first_rated_at or update.rated_at),
            "rated_at": iso(update.rated_at),
            **own_properties(hub_id),
        },
        "timestamp": iso(at),
    }


def _identity(person: Person) -> dict[str, str] | None:
    """Return the id Segment knows a person by; of several anonymous ones the oldest: it stays the same."""
    if person.user_id:
        return {"userId": person.user_id}
    if person.anonymous_ids:
        return {"anonymousId": person.anonymous_ids[0]}
    return None
