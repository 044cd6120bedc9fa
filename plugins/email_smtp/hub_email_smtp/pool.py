"""The idle connections of a channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from .session import SmtpSession


class SessionPool:
    """Lends a connection to one thread at a time, the most recently used first."""

    def __init__(self, connect: Callable[[], SmtpSession], *, messages_per_connection: int) -> None:
        self._connect = connect
        self._limit = messages_per_connection
        self._lock = Lock()
        self._idle: list[SmtpSession] = []
        self._is_closed = False

    @contextmanager
    def lend(self) -> Iterator[SmtpSession]:
        """Give an idle connection, or a new one, and take it back if it is still open."""
        session = self._take() or self._connect()
        try:
            yield session
        finally:
            self._take_back(session)

    @contextmanager
    def lend_fresh(self) -> Iterator[SmtpSession]:
        """Give a new connection, and take it back if it is still open."""
        session = self._connect()
        try:
            yield session
        finally:
            self._take_back(session)

    def close(self) -> None:
        """Say goodbye on all idle connections; those that are lent are closed when they come back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.quit()

    def _take(self) -> SmtpSession | None:
        with self._lock:
            session = self._idle.pop() if self._idle else None
        # Replaced before the next message, not after the last: goodbyes must not delay an outcome.
        if session is not None and session.completed >= self._limit:
            session.quit()
            return None
        return session

    def _take_back(self, session: SmtpSession) -> None:
        with self._lock:
            if session.is_open and not self._is_closed:
                self._idle.append(session)
                return
        session.quit()
