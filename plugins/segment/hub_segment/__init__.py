"""Segment on both sides of the hub: its SDKs as an event source, its API as a sync target."""

from __future__ import annotations

from collections.abc import Sequence

from hub.plugin import EventSource, SyncTarget, hookimpl
from hub_segment.source import SegmentSource
from hub_segment.target import SegmentTarget

__all__ = ["SegmentSource", "SegmentTarget", "hub_api", "hub_event_sources", "hub_sync_targets"]

hub_api = (1, 1)


@hookimpl
def hub_event_sources() -> Sequence[type[EventSource]]:
    """Offer the source kind `segment`."""
    return [SegmentSource]


@hookimpl
def hub_sync_targets() -> Sequence[type[SyncTarget]]:
    """Offer the target kind `segment`."""
    return [SegmentTarget]
