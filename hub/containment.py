"""Calls into plugins, in a thread beside the caller: one that hangs is left behind, and what it raises harms nobody.

Threads cannot be ended. What was left behind goes on until its process ends, which a worker's does after every job.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

MADE_WITHIN_S = 10.0
"""`__init__` and `close`, which do no I/O or little."""
READ_WITHIN_S = 30.0
"""`read`, of all bodies that are decided together."""
FORGOTTEN_WITHIN_S = 30.0
"""`erase`, of one person."""
CHECKED_WITHIN_S = 60.0
"""`check`."""
DONE_WITHIN_S = 60.0
"""A `push`, and the sending of the last message that a channel was given: shorter than the lease of a claim."""

_LATE_S = 0.5
"""Waiting so much longer than asked means that the process was stopped, or its machine."""
_CAUGHT_UP_WITHIN_S = 2.0


class Hung(Exception):
    """A method of a plugin did not come back in time, and was left behind."""


class Escaped(Exception):
    """A method of a plugin raised what is meant to end a thread or a process: `SystemExit` and its like."""


def contained(call: Callable[[], T], *, of: str, doing: str, within_s: float, claim: str = "") -> T:
    """Return what `call` into the plugin of connection `of` returns. Raises what it raises, `Hung` and `Escaped`.

    `claim` is what the process has in hand meanwhile.
    """
    answer: Future[T] = Future()
    try:
        with _noting(Note(of=of, doing=doing, claim=claim)):
            _hand().put((copy_context(), call, answer))
            _wait(answer, within_s)
    finally:
        if not answer.done():
            _hands.hand = None
    if not answer.done():
        raise Hung(f"its plugin did not come back from {doing} within {within_s:.0f} s")
    try:
        return answer.result()
    except Exception:
        raise
    except BaseException as error:
        raise Escaped(f"its plugin raised {type(error).__name__} in {doing}") from error


def _wait(answer: Future[Any], within_s: float) -> None:
    """Wait for an answer, a moment more where this process stood still: the answer may be there, and not read yet."""
    until = time.monotonic() + within_s
    wait([answer], within_s)
    if time.monotonic() > until + _LATE_S:
        wait([answer], _CAUGHT_UP_WITHIN_S)


# The thread beside


_Call = tuple[Context, Callable[[], Any], "Future[Any]"]
_hands = threading.local()


def _hand() -> SimpleQueue[_Call]:
    """Return where the calling thread puts its calls: one thread does them all, so that connections can be kept."""
    known: tuple[int, SimpleQueue[_Call]] | None = getattr(_hands, "hand", None)
    if known is not None and known[0] == os.getpid():  # threads do not follow into a fork
        return known[1]
    calls: SimpleQueue[_Call] = SimpleQueue()
    threading.Thread(target=_work, args=(calls,), name="plugin", daemon=True).start()
    _hands.hand = (os.getpid(), calls)
    return calls


def _work(calls: SimpleQueue[_Call]) -> None:
    while True:
        context, call, answer = calls.get()
        try:
            answer.set_result(context.run(call))
        except BaseException as error:  # noqa: BLE001  raised where it was called
            answer.set_exception(error)
        del context, call, answer


# In whose hands a process was when it died


@dataclass(frozen=True, kw_only=True)
class Note:
    """Which connection's plugin a process was in, in which method, and what it had claimed."""

    of: str
    doing: str
    claim: str = ""


_NOTE_BYTES = 512
_page: mmap.mmap | None = None


def share_notes() -> None:
    """Have the processes that this one forks note in whose hands they are, where `last_note` finds it."""
    global _page
    _page = mmap.mmap(-1, _NOTE_BYTES)


def last_note() -> Note | None:
    """Return in whose hands a forked process ended; None where it was in no one's."""
    if _page is None:
        return None
    noted = bytes(_page[:]).rstrip(b"\0").decode()
    note_down(None)
    of, _, rest = noted.partition("\n")
    doing, _, claim = rest.partition("\n")
    return Note(of=of, doing=doing, claim=claim) if noted else None


def note_down(note: Note | None) -> None:
    """Note in whose hands this process is now; also within one call of `contained`."""
    if _page is not None:
        text = f"{note.of}\n{note.doing}\n{note.claim}" if note else ""
        _page[:] = text.encode()[:_NOTE_BYTES].ljust(_NOTE_BYTES, b"\0")


@contextmanager
def _noting(note: Note) -> Iterator[None]:
    note_down(note)
    try:
        yield
    finally:
        note_down(None)
