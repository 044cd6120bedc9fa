"""Reading the records of an upload as they arrive, and telling whether all of it did."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from typing import IO, cast

from flask import request
from werkzeug.exceptions import ClientDisconnected

from hub.admin.records import Format, Problem, Record, read_records
from hub.admin.trouble import CutOff, TooLarge

LARGEST_ARRAY = 10_000_000
MOST_ITEMS = 100_000
_EARLY = "The upload ended before all of it was here"
_UNENDED = "The upload ended within a line; end the last line with a line break, or send Content-Length"


def uploaded(*, any_of: Collection[str], cell: Callable[[str], str] = str) -> Iterator[Record | Problem]:
    """Return the records of the current request's body.

    Raises ConfigError as `read_records` does, CutOff, and TooLarge for an array, which has to be held in memory whole.
    """
    written = Format(request.mimetype)
    if written is not Format.ARRAY:
        return read_records(cast("IO[bytes]", _Upload()), written, any_of=any_of, cell=cell)
    if (request.content_length or 0) > LARGEST_ARRAY or len(body := _Upload().read(LARGEST_ARRAY + 1)) > LARGEST_ARRAY:
        raise TooLarge("A JSON array may have 10 MB; send JSON lines for more")
    records = list(read_records(io.BytesIO(body), written, any_of=any_of))
    if len(records) > MOST_ITEMS:
        raise TooLarge(f"A JSON array may have {MOST_ITEMS:,} items; send JSON lines for more")
    return iter(records)


class _Upload:
    """The body, by its length where one was announced.

    A server says of a chunked body neither that it ended nor that it broke off; so its last line has to be ended,
    since a row cut short may be a row too.
    """

    def __init__(self) -> None:
        # The buffer, since a raw stream reads its lines byte by byte.
        self._stream = io.BufferedReader(cast("io.RawIOBase", request.stream))
        self._missing = request.content_length
        self._is_line_open = False

    def read(self, size: int = -1) -> bytes:
        """Return what is left, or `size` bytes; what is cut short of a JSON array is no JSON."""
        taken = self._attempt(self._stream.read, size)
        return self._noted(taken, is_end=self._missing is not None and len(taken) != size)

    def readline(self, size: int = -1) -> bytes:
        """Return the next line, or the next piece of one."""
        line = self._attempt(self._stream.readline, size)
        return self._noted(line, is_end=not line.endswith(b"\n") and len(line) != size)

    def _attempt(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except ClientDisconnected:
            raise CutOff(_EARLY) from None

    def _noted(self, taken: bytes, *, is_end: bool) -> bytes:
        if taken:
            self._is_line_open = not taken.endswith(b"\n")
        if self._missing is not None:
            self._missing -= len(taken)
            if is_end and self._missing > 0:
                raise CutOff(_EARLY)
        elif is_end and self._is_line_open:
            raise CutOff(_UNENDED)
        return taken
