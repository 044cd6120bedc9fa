"""The idle connections of a channel."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from .session import SmtpSession


class SessionPool:
    """Keeps connections between deliveries; the most recently used goes out first. Thread-safe."""

    def __init__(self, connect: Callable[[], SmtpSession]) -> None:
        self.connect = connect
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

    def close(self) -> None:
        """Say goodbye on all idle connections; those in use are closed when they come back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.quit()
