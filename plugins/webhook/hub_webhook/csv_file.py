"""A CSV file that several processes append to: whole rows on the disk or none, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_FORMULA = frozenset("=+-@＝＋－＠")
_BREAKS = frozenset("\t\r\n")


class OtherColumns(Exception):
    """The file is there, but its first line is not the header that we would write."""


def append(path: Path, header: Sequence[str], rows: Sequence[Sequence[str | int | None]]) -> None:
    """Append rows, after the header when the file is new. Raises OSError or OtherColumns, having added nothing."""
    first, added = _lines([header]), _lines(rows)
    with _locked(path), path.open("a+b", buffering=0) as file:
        file.seek(0)
        if not first.startswith(file.readline()):
            raise OtherColumns("it has other columns; move it away")
        size = _drop_half_a_row(file)
        try:
            _write(file, added if size else first + added)
        except OSError:
            file.truncate(size)
            raise
        if not size:
            _sync_folder(path)


def remove(path: Path, is_unwanted: Callable[[Sequence[str]], bool]) -> None:
    """Remove rows below the header; at any moment the file is whole, with them or without."""
    with _locked(path):
        if not path.exists():
            return
        rewritten = path.with_name(f"{path.name}.new")
        with (
            path.open(encoding="utf-8", errors="surrogateescape", newline="") as before,
            rewritten.open("w", encoding="utf-8", errors="surrogateescape", newline="") as after,
        ):
            shutil.copymode(path, rewritten)
            rows = enumerate(csv.reader(before))
            csv.writer(after).writerows(row for number, row in rows if number == 0 or not is_unwanted(row))
            after.flush()
            os.fsync(after.fileno())
        rewritten.replace(path)
        _sync_folder(path)


def cell(value: str | int | None) -> str:
    """Return a value on one line, and so that no spreadsheet takes it for a formula."""
    text = "" if value is None else str(value)
    is_formula = text.lstrip()[:1] in _FORMULA or text[:1] in _BREAKS
    line = " ".join(text.splitlines()).replace("\0", "")
    return f"'{line}" if is_formula else line


def _lines(rows: Sequence[Sequence[str | int | None]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode(errors="replace")


def _drop_half_a_row(file: io.FileIO) -> int:
    """Cut off what a crash left of a row (each is one line), and return the size then."""
    size = position = file.seek(0, os.SEEK_END)
    whole = 0
    while position and not whole:
        start = max(0, position - 65_536)
        file.seek(start)
        line_end = file.read(position - start).rfind(b"\n")
        whole = start + line_end + 1 if line_end >= 0 else 0
        position = start
    if whole < size:
        file.truncate(whole)
    return whole


def _write(file: io.FileIO, lines: bytes) -> None:
    rest = memoryview(lines)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file beside the path: the file itself is replaced when rows are removed."""
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
