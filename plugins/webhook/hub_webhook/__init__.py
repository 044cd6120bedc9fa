"""Signed webhooks on both sides of the hub, and answers as a CSV file."""

from __future__ import annotations

from collections.abc import Sequence

from hub.plugin import EventSource, SyncTarget, hookimpl
from hub_webhook.csv_target import CsvTarget
from hub_webhook.source import WebhookSource
from hub_webhook.target import WebhookTarget

__all__ = ["CsvTarget", "WebhookSource", "WebhookTarget", "hub_api", "hub_event_sources", "hub_sync_targets"]

hub_api = (1, 1)


@hookimpl
def hub_event_sources() -> Sequence[type[EventSource]]:
    """Offer the source kind `webhook`."""
    return [WebhookSource]


@hookimpl
def hub_sync_targets() -> Sequence[type[SyncTarget]]:
    """Offer the target kinds `webhook` and `csv`."""
    return [WebhookTarget, CsvTarget]
