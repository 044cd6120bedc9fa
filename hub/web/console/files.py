"""A file of records that somebody chose in a form, with the limits of the API's imports."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO

from flask import request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from hub.admin.records import Format, Problem, Record, format_of, read_records
from hub.admin.trouble import TooLarge
from hub.config import ConfigError
from hub.web.api.uploads import LARGEST_ARRAY, MOST_ITEMS

LARGEST_FILE = 64_000_000
"""Bytes, with the form around it."""
SHOWN_PROBLEMS = 100


@dataclass(frozen=True, kw_only=True)
class ChosenFile:
    """A file by its name, and its records, read as they are asked for."""

    name: str
    records: Iterator[Record | Problem]


def typed_beside(names: Iterable[str]) -> dict[str, str]:
    """Return what the fields of these names hold beside the file; nothing when the form is too large to be read."""
    try:
        return {name: request.form.get(name, "").strip() for name in names}
    except RequestEntityTooLarge:
        return {}


@contextmanager
def chosen_file(*, any_of: Collection[str], cell: Callable[[str], str] = str) -> Iterator[ChosenFile]:
    """Yield what the current form's field `file` holds, until the block ends.

    Raises ConfigError when none was chosen, and for what is too large, empty or no such file at all.
    """
    with closing(_upload()) as upload:
        name = upload.filename or ""
        yield ChosenFile(name=name, records=_records(upload.stream, format_of(name), any_of, cell))


def _upload() -> FileStorage:
    try:
        upload = request.files.get("file")
    except RequestEntityTooLarge:
        raise TooLarge("file: a file may have 64 MB; cut it in several") from None
    if upload is None or not upload.filename:
        raise ConfigError(["file: choose a file"])
    return upload


def _records(
    stream: IO[bytes], written: Format, any_of: Collection[str], cell: Callable[[str], str]
) -> Iterator[Record | Problem]:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if size == 0:
        raise ConfigError(["file: the file is empty"])
    if written is not Format.ARRAY:
        return read_records(stream, written, any_of=any_of, cell=cell)
    if size > LARGEST_ARRAY:
        raise TooLarge("file: a JSON array may have 10 MB; write JSON lines (.jsonl) for more")
    records = list(read_records(stream, written, any_of=any_of, cell=cell))
    if len(records) > MOST_ITEMS:
        raise TooLarge(f"file: a JSON array may have {MOST_ITEMS:,} items; write JSON lines (.jsonl) for more")
    return iter(records)
