"""Connections that are being opened, in threads: connecting, greeting, TLS and login take many round trips."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from .letter import Letter
from .session import SmtpSession


class Openings:
    """Opens connections side by side, each for a letter. A selector sees it readable when one is done."""

    def __init__(self, connect: Callable[[], SmtpSession], *, at_once: int) -> None:
        self._connect = connect
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="smtp-open")
        self._under_way: dict[Future[SmtpSession], Letter] = {}
        self._heard, self._bell = socket.socketpair()
        self._heard.setblocking(False)

    def __len__(self) -> int:
        return len(self._under_way)

    def fileno(self) -> int:
        """Return what a selector watches."""
        return self._heard.fileno()

    def add(self, letter: Letter, *, instead_of: SmtpSession | None = None) -> None:
        """Open a connection, after a goodbye on the one that it replaces."""
        future = self._threads.submit(self._replace, instead_of)
        self._under_way[future] = letter
        future.add_done_callback(self._ring)

    def finished(self) -> list[tuple[Letter, SmtpSession | Exception]]:
        """Return what became of those that are done."""
        with suppress(BlockingIOError):
            self._heard.recv(4_096)
        done = [future for future in self._under_way if future.done()]
        return [(self._under_way.pop(future), _result(future)) for future in done]

    def give_up(self) -> list[Letter]:
        """Return the letters that wait; their connections are closed as soon as they are open."""
        letters = list(self._under_way.values())
        for future in self._under_way:
            if not future.cancel():
                future.add_done_callback(_discard)
        self._under_way.clear()
        return letters

    def close(self) -> None:
        """Give everything up."""
        self.give_up()
        self._threads.shutdown(wait=False)
        self._heard.close()
        self._bell.close()

    def _replace(self, session: SmtpSession | None) -> SmtpSession:
        if session is not None:
            session.quit()
        return self._connect()

    def _ring(self, future: Future[SmtpSession]) -> None:
        with suppress(OSError):  # nobody listens any more
            self._bell.send(b"\0")


def _result(future: Future[SmtpSession]) -> SmtpSession | Exception:
    error = future.exception()
    return error if isinstance(error, Exception) else future.result()


def _discard(future: Future[SmtpSession]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().abort()
