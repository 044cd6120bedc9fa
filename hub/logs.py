"""Logging of the hub's processes: lines on standard error, as text or as JSON, without addresses and secrets."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Which request is being answered."""
job_id: ContextVar[str] = ContextVar("job_id", default="")
"""Which job is being done."""

_QUIET = ("rq", "rq.worker", "alembic", "sqlalchemy", "urllib3", "werkzeug", "_granian")
_SHORTEST_SECRET = 6
_ENDS = r"\s\"<>()\[\]{},;:@"
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves a terminal's cursor, ends a line or turns its direction: a stranger's name is no place for it."""
_ADDRESS = re.compile(rf"(?:\"[^\"\n]{{1,64}}\"|(?!')[^{_ENDS}]{{1,128}})(?:@|%40)[^{_ENDS}']*")


class _Concealed:
    """The values that no line may hold, as one expression: a mask is never masked again."""

    def __init__(self) -> None:
        self._values: frozenset[str] = frozenset()
        self._made = (self._values, re.compile(r"(?!)"))
        self._adding = threading.Lock()

    def add(self, values: Iterable[str]) -> None:
        given = frozenset(values)
        with self._adding:
            if not given <= self._values:
                self._values |= given

    @property
    def expression(self) -> re.Pattern[str]:
        """What finds any of them; it is made anew when there are others than before, and only when it is asked for."""
        values = self._values
        made_of, expression = self._made
        if made_of is not values:
            longest_first = sorted(values, key=lambda value: (-len(value), value))
            expression = re.compile("|".join(map(re.escape, longest_first)))
            self._made = (values, expression)
        return expression


_concealed = _Concealed()


def configure_logging(form: str = "text", *, secrets: Iterable[str] = (), level: int = logging.INFO) -> None:
    """Send log lines to standard error, quietly where other libraries are chatty; also what ends this process."""
    conceal(*secrets)
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(form))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _log_end
    threading.excepthook = lambda ended: _log_end(ended.exc_type, ended.exc_value, ended.exc_traceback)


def formatter(form: str) -> logging.Formatter:
    """Return what makes lines of log records: `text` for people, `json` for programs."""
    return _Json() if form == "json" else _Text()


def conceal(*secrets: str) -> None:
    """Have no log line of this process hold these values; very short ones would garble everything and are left."""
    _concealed.add(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)


def without_secrets(text: str) -> str:
    """Return `text` without the secrets that are known."""
    return _concealed.expression.sub("(secret)", text)


def masked(text: str) -> str:
    """Return `text` without mail addresses and secrets."""
    text = without_secrets(text)
    return _ADDRESS.sub("(address)", text) if "@" in text or "%40" in text else text


def visible(text: str) -> str:
    """Return `text` with control characters written out, line ends and tabs excepted: safe to show in a terminal."""
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class _Text(logging.Formatter):
    """One line a record; those of its traceback are indented, so that nothing in them looks like another record."""

    def __init__(self) -> None:
        role = os.environ.get("HUB_PROCESS", "")
        prefix = f"{role:9} " if role else ""
        super().__init__(f"%(asctime)s {prefix}%(levelname)s %(message)s", datefmt="%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        return super().formatMessage(record).replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        return visible(masked(super().format(record))).replace("\n", "\n    ")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": os.environ.get("HUB_PROCESS", ""),
            "logger": record.name,
            "message": masked(record.getMessage()),
            "request_id": request_id.get(),
            "job_id": job_id.get(),
            "exception": masked(self.formatException(record.exc_info)) if record.exc_info else "",
        }
        return json.dumps({name: value for name, value in fields.items() if value})


def _log_end(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if error is None or not issubclass(kind, Exception):
        sys.__excepthook__(kind, error or kind(), traceback)
        return
    logging.getLogger(__name__).critical("Ended by an error", exc_info=(kind, error, traceback))
