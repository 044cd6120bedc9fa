"""Signed webhooks: customers in, answers and notices out; and answers as a CSV file."""

from __future__ import annotations

from collections.abc import Sequence

from hub.plugin import EventSource, Listener, SyncTarget, hookimpl
from hub_webhook.csv_target import CsvTarget
from hub_webhook.listener import WebhookListener
from hub_webhook.source import WebhookSource
from hub_webhook.target import WebhookTarget

__all__ = [
    "CsvTarget",
    "WebhookListener",
    "WebhookSource",
    "WebhookTarget",
    "hub_api",
    "hub_event_sources",
    "hub_listeners",
    "hub_sync_targets",
]

hub_api = (1, 1)


@hookimpl
def hub_event_sources() -> Sequence[type[EventSource]]:
    """Offer the source kind `webhook`."""
    return [WebhookSource]


@hookimpl
def hub_sync_targets() -> Sequence[type[SyncTarget]]:
    """Offer the target kinds `webhook` and `csv`."""
    return [WebhookTarget, CsvTarget]


@hookimpl
def hub_listeners() -> Sequence[type[Listener]]:
    """Offer the listener kind `webhook`."""
    return [WebhookListener]
