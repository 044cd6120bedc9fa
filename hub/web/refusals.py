"""Requests that are refused leave a trace in the log, and no more than a trace, however many come."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from hub.admin.words import counted

log = logging.getLogger(__name__)

EVERY_S = 60.0


class Refusals:
    """Says the first refusal at once, those that follow at most once a minute with their number. Never a key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._number = 0
        self._said_at: float | None = None

    def count(self, why: str) -> bool:
        """Count a request that was refused; return whether that was said now, with the reason of this one."""
        with self._lock:
            self._number += 1
            now = self._clock()
            if self._said_at is not None and now - self._said_at < EVERY_S:
                return False
            number, self._number, self._said_at = self._number, 0, now
        log.warning("Refused %s: %s", counted(number, "request"), why)
        return True
