"""Decide: bodies become events, events become decisions and invitations; one transaction a chunk."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence

from sqlalchemy.exc import SQLAlchemyError

from hub import stopping
from hub.failpoints import failpoint
from hub.pipeline.careful import decide_alone, decide_carefully
from hub.pipeline.decisions import decide_together, may_be_an_event
from hub.pipeline.hub import Hub
from hub.pipeline.read import MAX_DEATHS, ReadEvent, Stuck, read_bodies
from hub.pipeline.sources import judge_sources, leave_alone, readable_sources
from hub.registry import Configuration
from hub.store import intake
from hub.store.engine import patiently
from hub.store.intake import AcceptedBody

log = logging.getLogger(__name__)

CHUNK_BODIES = 2_000
CHUNK_BYTES = 2_000_000
PAUSE_S = 0.005
"""Between chunks on SQLite, so that votes get their turn at the only write lock."""


def drain(hub: Hub, *, until: float) -> int:
    """Decide what waits, until nothing does or the monotonic clock passes `until`; return the number of events.

    One process decides at a time; another that finds it at work returns 0.
    """
    decided = 0
    with hub.store.alone("decide") as connection:
        if connection is None:
            return 0
        while bodies := _next_bodies(hub):
            decided += _decide_chunk(hub, bodies)
            if stopping.is_time_up(until):
                break
            if hub.store.is_sqlite:
                time.sleep(PAUSE_S)
    return decided


def _next_bodies(hub: Hub) -> list[AcceptedBody]:
    return intake.first(hub.store, sources=readable_sources(hub), limit=CHUNK_BODIES, max_bytes=CHUNK_BYTES)


def _decide_chunk(hub: Hub, bodies: Sequence[AcceptedBody]) -> int:
    """Decide bodies together; when one of their events makes that fail, each event alone, and set that one aside."""
    configuration = hub.registry.current()
    ids = [body.id for body in bodies if body.id is not None]
    intake.begin_work(hub.store, ids)
    try:
        count = _decide_bodies(hub, configuration, bodies)
    except Stuck as stuck:
        intake.leave_work(hub.store, [id for id in ids if id != stuck.body.id])
        leave_alone(hub, configuration, stuck.body.source_id, str(stuck))
        return 0
    except Exception:
        with contextlib.suppress(SQLAlchemyError):  # the database may be what is away, and back in a moment
            patiently(lambda: intake.leave_work(hub.store, ids))
        raise
    failpoint("decide.after_commit")
    intake.remove(hub.store, ids)
    judge_sources(hub, configuration, bodies)
    return count


def _decide_bodies(hub: Hub, configuration: Configuration, bodies: Sequence[AcceptedBody]) -> int:
    if [body.deaths for body in bodies] == [MAX_DEATHS - 1]:
        return decide_carefully(hub, configuration, bodies[0])
    events = read_bodies(configuration, bodies)
    for stretch in _up_to_deletes(events):
        _decide_stretch(hub, configuration, stretch)
    return len(events)


def _up_to_deletes(events: Sequence[ReadEvent]) -> Iterator[list[ReadEvent]]:
    """Yield the events in stretches of which only the ends are `delete` events.

    Whom these name is erased before anything that came after them is decided.
    """
    stretch: list[ReadEvent] = []
    for event in events:
        if stretch and stretch[-1].type == "delete" and event.type != "delete":
            yield stretch
            stretch = []
        stretch.append(event)
    if stretch:
        yield stretch


def _decide_stretch(hub: Hub, configuration: Configuration, events: Sequence[ReadEvent]) -> None:
    try:
        decide_together(hub, configuration, events)
    except Exception as error:
        if not may_be_an_event(error):
            raise
        log.exception("Events could not be decided together; each is tried alone")
        for event in events:
            decide_alone(hub, configuration, event)
