"""An answer in the words that both targets write, and times in those of all requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hub.plugin import CustomerUpdate, Parked

TRAITS = ("NPS_rating", "NPS_comment", "NPS_date")
FIELDS = ("message_id", "survey", "user_id", "anonymous_id", "email", *TRAITS)
TYPE = "survey.answered"


def fields_of(update: CustomerUpdate) -> dict[str, str | int | None] | Parked:
    """Return an update by the names of `FIELDS`; parked when it is about nobody."""
    person = update.person
    if not person.user_id and not person.anonymous_ids:
        return Parked(why="The person has no userId and no anonymousId.", code="no_id")
    return {
        "message_id": update.message_id,
        "survey": update.survey,
        "user_id": person.user_id,
        "anonymous_id": person.anonymous_ids[0] if person.anonymous_ids else None,
        "email": person.email,
        "NPS_rating": update.rating,
        "NPS_comment": update.comment,
        "NPS_date": moment(update.rated_at),
    }


def moment(at: datetime) -> str:
    """Return a time in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_ours(item: Mapping[str, Any], hub_id: str) -> bool:
    """Tell whether an event is an answer or a notice that this hub wrote: no other hub has its id."""
    return item.get("hub") == hub_id
