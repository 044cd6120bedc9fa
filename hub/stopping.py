"""Ending politely: a process asked to end finishes what it has in hand, begins nothing new, and is soon gone."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

FINISH_WITHIN_S = 5.0
"""How long what is in hand may take once the process was asked to end; then it is given up."""
GIVE_UP_WITHIN_S = 2.0
"""How long giving up may take: `hub up` kills after 8 s, others after 10."""

_is_asked = threading.Event()
_last_acts: list[Callable[[], None]] = []


def listen() -> None:
    """Have SIGTERM ask this process to end, and end it in any case soon after that."""
    signal.signal(signal.SIGTERM, lambda *_: ask())


def ask() -> None:
    """Ask this process to end. Safe in a signal handler: a thread does the rest."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end, name="stopping", daemon=True).start()


def is_asked() -> bool:
    """Return whether this process was asked to end: nothing new is begun."""
    return _is_asked.is_set()


def is_time_up(until: float) -> bool:
    """Return whether the monotonic clock has passed `until`, or this process was asked to end."""
    return is_asked() or time.monotonic() > until


def sleep(seconds: float) -> None:
    """Sleep, but no longer than until this process is asked to end."""
    _is_asked.wait(seconds)


@contextmanager
def or_else(last_act: Callable[[], None]) -> Iterator[None]:
    """Have `last_act` called, by another thread, should this process have to end before the block does."""
    _last_acts.append(last_act)
    try:
        yield
    finally:
        _last_acts.remove(last_act)


def _end() -> None:
    _is_asked.set()
    time.sleep(FINISH_WITHIN_S)
    log.warning("Asked to end, but still busy after %.0f s: what is in hand is given up", FINISH_WITHIN_S)
    killer = threading.Timer(GIVE_UP_WITHIN_S, os._exit, [1])
    killer.daemon = True
    killer.start()
    for act in list(_last_acts):
        try:
            act()
        except Exception:
            log.exception("What was in hand could not be given up; its lease runs out")
    os._exit(1)
