"""The idle connections of a channel."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock

from .session import SmtpSession

logger = logging.getLogger(__name__)

ASKS_FOR_MORE_AFTER_S = 60.0


class SessionPool:
    """Keeps connections between deliveries; the most recently used goes out first. Thread-safe."""

    def __init__(
        self, connect: Callable[[], SmtpSession], *, connections: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.connect = connect
        self._connections = connections
        self._clock = clock
        self._working = connections
        self._asks_for_more_at = 0.0
        self._lock = Lock()
        self._idle: list[SmtpSession] = []
        self._is_closed = False

    def take(self) -> SmtpSession | None:
        """Return an idle connection, perhaps a worn-out one; None when there is none."""
        with self._lock:
            return self._idle.pop() if self._idle else None

    def give_back(self, session: SmtpSession) -> None:
        """Keep a connection, unless the pool was closed meanwhile."""
        with self._lock:
            if session.is_open and not self._is_closed:
                self._idle.append(session)
                return
        session.quit()

    def room(self) -> int:
        """Return how many connections a delivery may have."""
        return self._connections if self._clock() >= self._asks_for_more_at else self._working

    def took_only(self, working: int, why: Exception) -> None:
        """Note that the server refused a connection beside `working` others: for a minute it is not asked again."""
        if self._clock() >= self._asks_for_more_at:
            logger.info("The server took fewer than %d connections: %s", self._connections, why)
        self._working = working
        self._asks_for_more_at = self._clock() + ASKS_FOR_MORE_AFTER_S

    def close(self) -> None:
        """Say goodbye on all idle connections; those in use are closed when they come back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.quit()
