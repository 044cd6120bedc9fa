"""What waits to be done: events to be decided, mails that are due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.pipeline.hub import Hub
from hub.store import claims, intake


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """How much waits, and since when; None for nothing. `bodies` are counted up to `counted_to`."""

    bodies: int
    counted_to: int
    oldest_body_at: datetime | None
    due_at: datetime | None


def backlog(hub: Hub) -> Backlog:
    """Return what waits: a few lookups by index, however much it is."""
    bodies, oldest = intake.backlog(hub.store)
    enabled = [survey.id for survey in hub.registry.current().rules if survey.enabled]
    with hub.store.read() as connection:
        next_due_at = claims.next_due_at(connection, enabled)
    is_due = next_due_at is not None and next_due_at <= hub.now()
    return Backlog(
        bodies=bodies,
        counted_to=intake.COUNT_TO,
        oldest_body_at=oldest,
        due_at=next_due_at if is_due else None,
    )
