"""Writes down openings of survey links, beside the pages: none of them waits for it or fails with it."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading

from sqlalchemy.exc import SQLAlchemyError

from hub.domain.openings import Opening
from hub.pipeline.hub import Hub
from hub.store import openings
from hub.store.openings import Opened

log = logging.getLogger(__name__)

MOST_WAITING = 1_000
"""What comes while so many wait for the database is not kept."""


class OpeningLog:
    """Keeps openings from a thread of its own, which starts with the first. Safe to share between threads."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: queue.Queue[Opened | None] = queue.Queue(MOST_WAITING)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def note(self, token: str, score: int | None) -> None:
        """Return at once; the opening of this link is kept soon, if the database can."""
        invitation_id = self._hub.keys.invitation_of(token)
        if invitation_id is None:
            return
        self._start()
        with contextlib.suppress(queue.Full):
            opening = Opening(score=score, at=self._hub.now())
            self._waiting.put_nowait(Opened(invitation_id=invitation_id, opening=opening))

    def close(self) -> None:
        """Keep what waits, and end the thread."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="openings", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        is_open = True
        while is_open:
            taken = [self._waiting.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    taken.append(self._waiting.get_nowait())
            is_open = None not in taken
            self._keep([one for one in taken if one is not None])

    def _keep(self, opened: list[Opened]) -> None:
        if not opened:
            return
        try:
            self._hub.store.transact(lambda connection: openings.record(connection, opened))
        except SQLAlchemyError as error:
            log.warning("%s openings of survey links were not kept: %s", len(opened), type(error).__name__)
