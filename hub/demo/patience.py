"""Waiting for something to become true: until a deadline, or until somebody wants to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_POLL_S = 0.05


class Unexpected(Exception):
    """Something is not as it should be; the message says what was expected and what was seen."""


class Stopped(Exception):
    """Somebody asked to stop."""


class Patience:
    """What is left of the time, shared by everything that waits."""

    def __init__(self, *, within_s: float | None, stopping: threading.Event) -> None:
        self._within_s = within_s
        self._stopping = stopping
        self._started = time.monotonic()

    @property
    def spent_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._started

    def wait_for(self, what: str, look: Callable[[], T | None]) -> T:
        """Return what `look` returns once it is truthy. Raises Unexpected when time is over, Stopped on a stop."""
        while not (found := look()):
            self.check(f"waiting for {what}")
            if self._stopping.wait(_POLL_S):
                raise Stopped
        return found

    def check(self, doing: str) -> None:
        """Raise Unexpected when time is over, Stopped when somebody asked to stop."""
        if self._stopping.is_set():
            raise Stopped
        if self._within_s is not None and self.spent_s > self._within_s:
            raise Unexpected(f"Time was over after {self._within_s:g} s while {doing}.")
