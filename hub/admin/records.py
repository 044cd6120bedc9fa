"""Reading what people import, a record at a time: CSV with a header, JSON lines, or a JSON array of objects."""

from __future__ import annotations

import codecs
import csv
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, Any, NoReturn

from hub.admin.trouble import CutOff
from hub.config import ConfigError

LONGEST_LINE = 1_000_000
MOST_PROBLEMS = 1_000


class Format(StrEnum):
    """How records are written, by media type."""

    CSV = "text/csv"
    LINES = "application/x-ndjson"
    ARRAY = "application/json"


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


def read_records(stream: IO[bytes], written: Format, *, any_of: Collection[str]) -> Iterator[Record | Problem]:
    """Return the records of a file, read as they are asked for.

    Raises ConfigError when it is no such file at all, or CSV without any of the columns `any_of`.
    """
    match written:
        case Format.CSV:
            return _read_csv(stream, any_of)
        case Format.LINES:
            return _read_lines(stream)
        case Format.ARRAY:
            return _read_array(stream)


def _read_csv(stream: IO[bytes], any_of: Collection[str]) -> Iterator[Record | Problem]:
    # Strictly, since a cell whose quotes never end is one that was cut short.
    reader = csv.reader(_text_lines(stream), strict=True)
    header = _header(reader)
    if not set(any_of) & set(header):
        raise ConfigError([f"The first line has to name the columns, among them {' or '.join(any_of)}"])
    return _read_rows(reader, header)


def _read_rows(reader: Any, header: Sequence[str]) -> Iterator[Record | Problem]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Problem(line=line, why=f"is no CSV: {error}")
            continue
        if cells is None:
            return
        if not cells:
            continue
        if len(cells) != len(header):
            yield Problem(line=line, why=f"has {len(cells)} cells; the header has {len(header)}")
            continue
        yield Record(line=line, values={name: cell for name, cell in zip(header, cells, strict=True) if cell != ""})


def _header(reader: Any) -> list[str]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise ConfigError([f"The first line is no CSV: {error}"]) from None
    if not header or "" in header or len(set(header)) < len(header):
        raise ConfigError(["The first line has to name every column, each once"])
    return header


def _text_lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield lines as text; what is no UTF-8 becomes U+FFFD, which no address and no id may hold."""
    for number, line in enumerate(_lines(stream)):
        yield (line.removeprefix(codecs.BOM_UTF8) if number == 0 else line).decode(errors="replace")


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield lines; one without end comes in pieces, so that no line fills the memory."""
    while line := stream.readline(LONGEST_LINE):
        yield line


def _read_lines(stream: IO[bytes]) -> Iterator[Record | Problem]:
    for number, line in enumerate(_lines(stream), 1):
        if line.strip():
            yield _record(number, line)


def _record(number: int, line: bytes) -> Record | Problem:
    try:
        return _object(number, json.loads(line, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return Problem(line=number, why="is no valid JSON")


def _read_array(stream: IO[bytes]) -> Iterator[Record | Problem]:
    try:
        items = json.loads(stream.read(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ConfigError(["The body is no valid JSON"]) from None
    if not isinstance(items, list):
        raise ConfigError(["The body has to be a JSON array of objects"])
    return (_object(number, item) for number, item in enumerate(items, 1))


def _object(number: int, item: Any) -> Record | Problem:
    if not isinstance(item, dict):
        return Problem(line=number, why="is no JSON object")
    return Record(line=number, values=item)


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
