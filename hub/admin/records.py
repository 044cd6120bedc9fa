"""Reading what people import, a record at a time: CSV with a header, JSON lines, or a JSON array of objects."""

from __future__ import annotations

import codecs
import csv
import itertools
import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import IO, Any, NoReturn

from hub.admin.trouble import CutOff
from hub.config import ConfigError

LONGEST_ROW = 512_000
"""Bytes."""
TOO_LONG = "is longer than 512 KB"
MOST_PROBLEMS = 1_000


class Format(StrEnum):
    """How records are written, by media type."""

    CSV = "text/csv"
    LINES = "application/x-ndjson"
    ARRAY = "application/json"


_FORMATS = {".csv": Format.CSV, ".json": Format.ARRAY, ".jsonl": Format.LINES, ".ndjson": Format.LINES}


def format_of(file_name: str) -> Format:
    """Return how a file of this name is written: CSV unless its ending says otherwise."""
    return _FORMATS.get(PurePath(file_name).suffix.lower(), Format.CSV)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record with the line it begins on; of an array, its place in it, from 1."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A line that was not taken, and why not. Nothing of it was kept."""

    line: int
    why: str


@dataclass(kw_only=True)
class Tally:
    """The lines that were not taken: how many, and the first thousand of them."""

    refused: int = 0
    problems: list[Problem] = field(default_factory=list)

    def note(self, problem: Problem) -> None:
        """Count a problem."""
        self.refused += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


def read_records(
    stream: IO[bytes], written: Format, *, any_of: Collection[str], cell: Callable[[str], str] = str
) -> Iterator[Record | Problem]:
    """Return the records of a file, read as they are asked for; `cell` returns what a cell of CSV stands for.

    Raises ConfigError when it is no such file at all, or CSV without any of the columns `any_of`.
    """
    match written:
        case Format.CSV:
            return _read_csv(stream, any_of, cell)
        case Format.LINES:
            return _read_lines(stream)
        case Format.ARRAY:
            return _read_array(stream)


def _read_csv(stream: IO[bytes], any_of: Collection[str], cell: Callable[[str], str]) -> Iterator[Record | Problem]:
    # Strictly, since a cell whose quotes never end is one that was cut short.
    lines = _TextLines(stream)
    reader = csv.reader(lines, strict=True)
    header = _header(reader)
    if not set(any_of) & set(header):
        raise ConfigError([f"The first line has to name the columns, among them {' or '.join(any_of)}"])
    return _read_rows(lines, reader, header, cell)


def _read_rows(
    lines: _TextLines, reader: Any, header: Sequence[str], cell: Callable[[str], str]
) -> Iterator[Record | Problem]:
    while True:
        line = lines.number + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Problem(line=line, why=f"is no CSV: {error}")
            continue
        except _TooLong:
            yield Problem(line=line, why=TOO_LONG)
            continue
        if cells is None:
            return
        if not cells:
            continue
        if len(cells) != len(header):
            yield Problem(line=line, why=f"has {len(cells)} cells; the header has {len(header)}")
            continue
        if sum(map(len, cells)) > LONGEST_ROW:
            yield Problem(line=line, why=TOO_LONG)
            continue
        values = {name: cell(one) for name, one in zip(header, cells, strict=True) if one != ""}
        yield Record(line=line, values=values)


def _header(reader: Any) -> list[str]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise ConfigError([f"The first line is no CSV: {error}"]) from None
    except _TooLong:
        raise ConfigError([f"The first line {TOO_LONG}"]) from None
    if not header or "" in header or len(set(header)) < len(header):
        raise ConfigError(["The first line has to name every column, each once"])
    return header


class _TooLong(Exception):
    """A line was passed over."""


class _TextLines:
    """Lines as text; what is no UTF-8 becomes U+FFFD, which no address and no id may hold. `number` is the last's."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines = _lines(stream)
        self.number = 0

    def __iter__(self) -> _TextLines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        if line is None:
            raise _TooLong
        return (line.removeprefix(codecs.BOM_UTF8) if self.number == 1 else line).decode(errors="replace")


def _lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Yield lines; None for one that is too long, which is passed over in pieces, so that none fills the memory."""
    while line := stream.readline(LONGEST_ROW):
        piece = line
        while len(piece) == LONGEST_ROW and not piece.endswith(b"\n"):
            piece = stream.readline(LONGEST_ROW)
        yield line if piece is line else None


def _read_lines(stream: IO[bytes]) -> Iterator[Record | Problem]:
    for number, line in enumerate(_lines(stream), 1):
        if line is None:
            yield Problem(line=number, why=TOO_LONG)
        elif line.strip():
            yield _record(number, line)


def _record(number: int, line: bytes) -> Record | Problem:
    try:
        return _object(number, json.loads(line, parse_float=_finite, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return Problem(line=number, why="is no valid JSON")


def _read_array(stream: IO[bytes]) -> Iterator[Record | Problem]:
    try:
        items = json.loads(stream.read(), parse_float=_finite, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ConfigError(["The body is no valid JSON"]) from None
    if not isinstance(items, list):
        raise ConfigError(["The body has to be a JSON array of objects"])
    return (_object(number, item) for number, item in enumerate(items, 1))


def _object(number: int, item: Any) -> Record | Problem:
    if not isinstance(item, dict):
        return Problem(line=number, why="is no JSON object")
    return Record(line=number, values=item)


def _finite(number: str) -> float:
    """Return a number; 1e999 would be an infinity, which JSON cannot say again."""
    value = float(number)
    if not math.isfinite(value):
        _refuse(number)
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def in_chunks(records: Iterable[Record | Problem], size: int) -> Iterator[list[Record | Problem]]:
    """Yield the records in lists of a size. Raises CutOff, saying how many were yielded, when they break off."""
    remaining = iter(records)
    yielded = 0
    while True:
        try:
            chunk = list(itertools.islice(remaining, size))
        except CutOff as error:
            raise CutOff(error.why, after=yielded) from None
        if not chunk:
            return
        yield chunk
        yielded += len(chunk)
