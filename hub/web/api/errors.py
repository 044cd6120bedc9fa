"""Errors of the API: one shape for all of them, whatever happened. Never a page, never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask import Response, jsonify
from werkzeug.exceptions import HTTPException

from hub.admin.trouble import Conflict, CutOff, NotThere, TooLarge
from hub.config import ConfigError
from hub.store.group_commit import Overloaded

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    500: "failed",
    503: "unavailable",
}
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_STATUSES = {NotThere: 404, Conflict: 409, CutOff: 400, TooLarge: 413}
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="survey-hub"'}
_TABLES = ("sources", "channels", "targets", "surveys")


def answer(
    status: int,
    message: str,
    fields: Mapping[str, Sequence[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error: a `code` for programs, a sentence for people, and what is wrong with which field."""
    body = jsonify(code=CODES.get(status, f"http_{status}"), message=message, fields=fields or {})
    body.status_code = status
    body.headers.update({**HEADERS, **(_CHALLENGE if status == 401 else {}), **(headers or {})})
    return body


def refused(error: HTTPException) -> Response:
    """Return what the framework refused, its headers (Allow, WWW-Authenticate, Retry-After) kept."""
    status = error.code or 500
    fields = _fields_of(getattr(error, "data", None) or {})
    message = "Some values are not valid; `fields` says which." if fields else _sentence(error)
    kept = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    return answer(status, message, fields, kept)


def status_of(error: ConfigError) -> int:
    """Return the status of an answer that says what `hub.admin` refused."""
    return next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), 422)


def impossible(error: ConfigError) -> Response:
    """Return what `hub.admin` refused, each problem with its field where it names one."""
    fields: dict[str, list[str]] = {}
    for problem in error.problems:
        path, separator, why = problem.partition(": ")
        if separator and " " not in path:
            fields.setdefault(_field(path), []).append(why)
    message = error.problems[0] if len(error.problems) == 1 else f"{len(error.problems)} things are not valid."
    return answer(status_of(error), message, fields)


def away(error: Exception) -> Response:
    """Return that the database or the intake cannot do it right now; the same request may be sent again."""
    log.error("An API request could not be served: %s", type(error).__name__)
    message = "The hub cannot do this right now; please try again shortly."
    return answer(503, message, headers={"Retry-After": str(RETRY_AFTER_S)})


def failed(error: Exception) -> Response:
    """Return that something is wrong with the hub itself; details go to the log alone."""
    if isinstance(error, Overloaded | TimeoutError):
        return away(error)
    log.error("An API request failed", exc_info=error)
    return answer(500, "Something went wrong inside the hub. It is in the log.")


def _sentence(error: HTTPException) -> str:
    if error.description == type(error).description and error.code == 404:
        return "There is nothing at this path; /api/docs lists what there is."
    return error.description or error.name


def _field(path: str) -> str:
    """Return a problem's path below the survey or connection that it is about."""
    table, _, rest = path.partition(".")
    _, _, setting = rest.partition(".")
    return setting if table in _TABLES and setting else path


def _fields_of(data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the framework's nested messages by dotted path, without the place (query, body) they came in."""
    found: dict[str, list[str]] = {}
    for messages in (data.get("messages") or {}).values():
        for path, message in _flat("", messages):
            found.setdefault(path, []).append(message)
    return found


def _flat(path: str, messages: Any) -> Iterator[tuple[str, str]]:
    if isinstance(messages, Mapping):
        for name, below in messages.items():
            inner = path if name == "_schema" else f"{path}.{name}" if path else str(name)
            yield from _flat(inner, below)
    elif isinstance(messages, list):
        for below in messages:
            yield from _flat(path, below)
    else:
        yield path or "body", str(messages)
