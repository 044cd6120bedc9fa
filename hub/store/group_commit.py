"""Many threads, one transaction: callers wait together for one commit."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Overloaded(Exception):
    """Too much waits already, or writing is stuck; nothing of this call was stored."""


class GroupCommit(Generic[Item, Result]):
    """Hands what threads submit to `write` in groups; each caller gets its own result when its group is committed.

    Once a write failed, or takes longer than `patience_s`, one item at a time tries whether it works again; all
    others are refused at once, so that neither threads nor memory pile up behind a database that is stuck.
    A group is open to others for `gather_s` after the first came.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        name: str,
        max_group: int = 500,
        max_waiting: int = 5_000,
        patience_s: float | None = None,
        gather_s: float = 0.0,
    ) -> None:
        self._write = write
        self._max_group = max_group
        self._max_waiting = max_waiting
        self._patience_s = patience_s
        self._gather_s = gather_s
        self._writing_since: float | None = None
        self._failed = False
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: Item, *, timeout_s: float | None = None) -> Result:
        """Return the result for `item` once its group is committed.

        Raises Overloaded, what `write` raised, or TimeoutError: then it was in hand, and may be written yet.
        """
        future = self.post(item)
        try:
            return future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise

    def post(self, item: Item) -> Future[Result]:
        """Return the coming result for `item` without waiting for it. Raises Overloaded."""
        future: Future[Result] = Future()
        with self._changed:
            if self._closed or len(self._waiting) >= self._max_waiting or self._is_stuck():
                raise Overloaded
            self._waiting.append((item, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Write what waits, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _is_stuck(self) -> bool:
        if self._patience_s is None:
            return False
        if self._failed:
            return bool(self._waiting) or self._writing_since is not None
        return self._writing_since is not None and time.monotonic() - self._writing_since > self._patience_s

    def _run(self) -> None:
        while group := self._next_group():
            items = [item for item, _ in group]
            try:
                results = self._write(items)
            except Exception as error:  # noqa: BLE001  handed to every caller of the group, none is lost
                self._ended(failed=True)
                for _, future in group:
                    future.set_exception(error)
            else:
                self._ended(failed=False)
                for (_, future), result in zip(group, results, strict=True):
                    future.set_result(result)

    def _next_group(self) -> list[tuple[Item, Future[Result]]]:
        """Return what to write next, without what its callers gave up; nothing once all is closed."""
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
            if self._gather_s:
                time.sleep(self._gather_s)
            with self._changed:
                size = min(len(self._waiting), self._max_group)
                group = [self._waiting.popleft() for _ in range(size)]
                wanted = [(item, future) for item, future in group if future.set_running_or_notify_cancel()]
                if wanted or not group:
                    self._writing_since = time.monotonic()
                    return wanted

    def _ended(self, *, failed: bool) -> None:
        with self._changed:
            self._writing_since, self._failed = None, failed
