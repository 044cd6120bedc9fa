"""Having answers pushed to the targets before it is their time."""

from __future__ import annotations

from collections.abc import Sequence

from hub.admin import audit
from hub.pipeline import sync
from hub.pipeline.hub import Hub


def start_now(hub: Hub, *, target: str | None = None) -> list[str]:
    """Start a sync of every target right now, or of one; return their names."""
    return sync.start_now(
        hub,
        lambda connection, name: audit.note(hub, connection, audit.Action.SYNC_STARTED, f"targets.{name}"),
        target=target,
    )


def told(hub: Hub, started: Sequence[str], *, is_woken: bool) -> str:
    """Return in a sentence what was started, and what it waits for unless `is_woken`: a worker was asked for."""
    names = ", ".join(started)
    if is_woken:
        return f"Sync started for {names}."
    if hub.settings.redis_url is None:
        return f"The hub is not running; the sync for {names} starts when it is."
    return f"Redis is away; the sync for {names} starts when it is back."
