"""The careful attempts: an event that makes deciding fail, or a worker die, is found and set aside alone."""

from __future__ import annotations

import contextlib
import logging

from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from hub.domain.reasons import Reason
from hub.pipeline.decisions import decide_together, known_messages, may_be_an_event, take_back
from hub.pipeline.hub import Hub
from hub.pipeline.read import MAX_DEATHS, ReadEvent, read_one_by_one
from hub.registry import Configuration
from hub.store import intake
from hub.store.engine import patiently
from hub.store.intake import AcceptedBody

log = logging.getLogger(__name__)


def decide_alone(hub: Hub, configuration: Configuration, event: ReadEvent) -> None:
    """Decide one event; reject it as poison where that fails for what it holds."""
    try:
        decide_together(hub, configuration, [event])
    except Exception as error:
        if not may_be_an_event(error):
            raise
        log.exception("An event could not be decided; it is rejected as poison")
        why = f"deciding on it failed: {type(error).__name__}"
        decide_together(hub, configuration, [replace(event, incoming=None, fault=Reason.POISON, why=why)])


def decide_carefully(hub: Hub, configuration: Configuration, body: AcceptedBody) -> int:
    """Decide the events of a body one by one, so that what kills a worker for the third time is found.

    An event is written down as poison before it is decided, and that is undone by the transaction that decides it.
    Meanwhile the death doesn't count for the body; while the next event is read, it does.
    """
    assert body.id is not None
    count = 0
    for event in read_one_by_one(configuration, body):
        intake.leave_work(hub.store, [body.id])
        try:
            _decide_marked(hub, configuration, event)
        finally:
            intake.begin_work(hub.store, [body.id])
        count += 1
    return count


def _decide_marked(hub: Hub, configuration: Configuration, event: ReadEvent) -> None:
    with hub.store.read() as connection:
        if known_messages(connection, [event]):  # decided before a worker died, or what it died of
            return
    why = f"{MAX_DEATHS} workers died while deciding on it"
    decide_together(hub, configuration, [replace(event, incoming=None, fault=Reason.POISON, why=why)])
    try:
        decide_together(hub, configuration, [event], marked={(event.source_id, event.message_id)})
    except Exception as error:
        if not may_be_an_event(error):
            _unmark(hub, event)
            raise
        log.exception("An event could not be decided; it is rejected as poison")


def _unmark(hub: Hub, event: ReadEvent) -> None:
    mark = {(event.source_id, event.message_id)}
    with contextlib.suppress(SQLAlchemyError):  # the database may be what is away, and back in a moment
        patiently(lambda: hub.store.transact(lambda connection: take_back(connection, mark)))
