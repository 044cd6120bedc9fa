"""Many threads, one transaction: callers wait together for one commit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Overloaded(Exception):
    """Too much waits already; nothing of this call was stored."""


class GroupCommit(Generic[Item, Result]):
    """Hands what threads submit to `write` in groups; each caller gets its own result when its group is committed."""

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        name: str,
        max_group: int = 500,
        max_waiting: int = 5_000,
    ) -> None:
        self._write = write
        self._max_group = max_group
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: Item, *, timeout_s: float | None = None) -> Result:
        """Return the result for `item` once its group is committed.

        Raises Overloaded, what `write` raised, or TimeoutError: then it may or may not be written yet.
        """
        return self.post(item).result(timeout_s)

    def post(self, item: Item) -> Future[Result]:
        """Return the coming result for `item` without waiting for it. Raises Overloaded."""
        future: Future[Result] = Future()
        with self._changed:
            if self._closed or len(self._waiting) >= self._max_waiting:
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

    def _run(self) -> None:
        while group := self._next_group():
            items = [item for item, _ in group]
            try:
                results = self._write(items)
            except Exception as error:  # noqa: BLE001  handed to every caller of the group, none is lost
                for _, future in group:
                    future.set_exception(error)
            else:
                for (_, future), result in zip(group, results, strict=True):
                    future.set_result(result)

    def _next_group(self) -> list[tuple[Item, Future[Result]]]:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            size = min(len(self._waiting), self._max_group)
            return [self._waiting.popleft() for _ in range(size)]
