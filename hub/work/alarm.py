"""The alarm that ends a job which takes too long."""

from __future__ import annotations

import math
import signal
import time
from types import FrameType
from typing import Any

from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty

_LATE_S = 1.0
"""An alarm that comes so much later than it was set for was held up: the process was stopped, or its machine."""
_CAUGHT_UP_WITHIN_S = 5


class OutOfTime(BaseException):
    """A job took too long: nobody's fault, so that nothing which deals with the errors of plugins takes it for one."""


class Alarm(UnixSignalDeathPenalty):
    """RQ's alarm, which leaves a moment more to a process that stood still: what it waited for may be there by now."""

    def __init__(self, timeout: int, exception: type[BaseException], **kwargs: Any) -> None:
        super().__init__(timeout, OutOfTime if exception is JobTimeoutException else exception, **kwargs)  # type: ignore[no-untyped-call]

    def setup_death_penalty(self) -> None:
        """Set the alarm."""
        self._due_at = time.monotonic() + self._timeout
        super().setup_death_penalty()  # type: ignore[no-untyped-call]

    def handle_death_penalty(self, signum: int, frame: FrameType | None) -> None:
        """Raise the exception, or set the alarm once more."""
        if time.monotonic() < self._due_at + _LATE_S:
            super().handle_death_penalty(signum, frame)  # type: ignore[no-untyped-call]
        self._due_at = math.inf
        signal.alarm(_CAUGHT_UP_WITHIN_S)
