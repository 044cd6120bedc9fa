"""Recognising our own sync when it comes back through the source that feeds the hub (docs/rules.md, "Echo")."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

SYNC_TRAITS = frozenset({"NPS_rating", "NPS_comment", "NPS_date"})
"""What targets write unless they are told other names."""


def brings_only_sync_traits(traits: Mapping[str, Any], sync_traits: Collection[str]) -> bool:
    """Return whether an event holds at least one trait that we write, and nothing else but email."""
    names = set(traits)
    return bool(names & set(sync_traits)) and names <= {*sync_traits, "email"}
