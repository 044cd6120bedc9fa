"""What a server says, put together from the pieces that arrive."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

MAX_LINE = 8_192
MAX_LINES = 1_000


@dataclass(frozen=True)
class Reply:
    """An answer. `code` is 0 when there was none; `words` are its lines, without the code."""

    code: int
    words: bytes


class Garbage(Exception):
    """The server says more than any answer can hold."""


class Replies:
    """The answers of one server, in order."""

    def __init__(self) -> None:
        self._complete: deque[Reply] = deque()
        self._lines: list[bytes] = []
        self._rest = b""

    def feed(self, octets: bytes) -> None:
        """Take what arrived. Raises `Garbage`."""
        *lines, self._rest = (self._rest + octets).split(b"\n")
        for line in lines:
            self._add(line)
        if len(self._rest) > MAX_LINE or len(self._lines) + len(self._complete) > MAX_LINES:
            raise Garbage("a line or an answer without end")

    def next(self) -> Reply | None:
        """Return the oldest answer not returned yet, None when there is none."""
        return self._complete.popleft() if self._complete else None

    def _add(self, line: bytes) -> None:
        if len(line) > MAX_LINE:
            raise Garbage("a line too long")
        code = line[:3]
        if not (code.isdigit() and line[3:4] in (b" ", b"-", b"\r", b"")):
            self._complete.append(Reply(0, line.strip()))
            self._lines.clear()
            return
        self._lines.append(line[4:].strip())
        if line[3:4] != b"-":
            self._complete.append(Reply(int(code), b"\n".join(self._lines)))
            self._lines.clear()
