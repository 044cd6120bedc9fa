"""The marks on the events we send to Segment, by which a source knows them when they come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERSION = "0.1.0"
LIBRARY = "survey-hub"
DESTINATION = "Survey Hub"
"""What this hub is called in `integrations`: an event may opt it out like any other destination."""
OWN_PROPERTY = "survey_hub"


def marks(hub_id: str) -> dict[str, Any]:
    """Return the `context` and `integrations` of an outgoing event."""
    return {
        "context": {"active": False, "library": {"name": LIBRARY, "version": VERSION, "hub": hub_id}},
        "integrations": {"All": True, DESTINATION: False},
    }


def own_properties(hub_id: str) -> dict[str, Any]:
    """Return what tells an outgoing track event from others by its `properties` alone."""
    return {OWN_PROPERTY: hub_id}


def is_echo(
    context: Mapping[str, Any], integrations: Mapping[str, Any], properties: Mapping[str, Any], hub_id: str
) -> bool:
    """Tell whether this hub wrote the event, or whether the event opts this hub out."""
    return (
        integrations.get(DESTINATION) is False
        or _is_our_library(context.get("library"), hub_id)
        or properties.get(OWN_PROPERTY) == hub_id
    )


def _is_our_library(library: object, hub_id: str) -> bool:
    """A library of our name without a hub id is ours too: something on the way may have dropped the id."""
    return isinstance(library, dict) and library.get("name") == LIBRARY and library.get("hub") in (None, hub_id)
