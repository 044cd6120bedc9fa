"""Intake: one small WSGI callable before Flask that answers all event requests, and nothing else."""

from __future__ import annotations

import logging
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from sqlalchemy.exc import SQLAlchemyError

from hub.admin import refused_keys
from hub.pipeline import imported
from hub.pipeline.hub import Hub
from hub.pipeline.receive import Receiver
from hub.plugin import Accepted, EventSource, InboundRequest, Reply
from hub.plugins import RESERVED_PATHS, overlap
from hub.registry import Configuration, log_broken
from hub.store.configuration import Role
from hub.store.group_commit import Overloaded
from hub.store.keys import hash_key
from hub.store.types import is_storable
from hub.web.look import BARE
from hub.web.refusals import Refusals

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

CONFIGURATION_AGE_S = 1.0
RETRY_AFTER_S = 5
BODIES_AT_ONCE = 12
"""Bodies that are read at the same time, of the 16 threads that a web process has; see WEB_THREADS."""
RECEIVED_AT_ONCE = 8
"""Requests that one source looks at in the same moment, of those threads."""
BODY_TURN_S = 1.0
"""How long a request waits for its turn to send its body, and to be looked at, before it is told to come again."""
MOST_GROWN = 10
"""What a source wants stored may be so many times larger than the largest body it takes."""
ALWAYS_INFLATED = 600_000
MOST_INFLATED = 100
"""Beyond 600 KB no gzip body may grow to more than a hundred times its size: strangers send such before any key."""
LONGEST_LENGTH = 18
"""Digits of a Content-Length; Python refuses to read numbers of thousands of them."""
NAMED = "/sources/"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding",
    "Access-Control-Max-Age": "86400",
}
_STATUS_LINES = {
    200: "200 OK",
    204: "204 No Content",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    413: "413 Content Too Large",
    415: "415 Unsupported Media Type",
    503: "503 Service Unavailable",
}


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Intake:
    """Takes the requests that event sources declare; everything else goes on to `app`."""

    def __init__(self, app: WSGIApplication, hub: Hub, *, wake: Callable[[], object]) -> None:
        self._app = app
        self._hub = hub
        self._wake = wake
        self.receiver = Receiver(hub.store)
        self._kinds = cast("Mapping[str, type[EventSource]]", hub.registry.plugins.kinds_of(Role.SOURCE))
        self._paths = {path: kind for kind, source in self._kinds.items() for path in source.paths}
        self._configuration: Configuration | None = None
        self._checked_at = 0.0
        self._refreshing = threading.Lock()
        self._unknown_keys, self._unstored = Refusals(), Refusals()
        self._bodies = threading.BoundedSemaphore(BODIES_AT_ONCE)
        self._turns: dict[str, threading.BoundedSemaphore] = defaultdict(
            lambda: threading.BoundedSemaphore(RECEIVED_AT_ONCE)
        )
        self._answered: Counter[int] = Counter()
        self._counting = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        kind = self._kind_of(path)
        if kind is None and not path.startswith(NAMED) and not self._may_be_of_a_missing_plugin(environ, path):
            return self._app(environ, start_response)
        reply = self._answer(environ, path, kind)
        with self._counting:
            self._answered[reply.status] += 1
        status = _STATUS_LINES.get(reply.status, f"{reply.status} Status")
        headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body))), *BARE.items()]
        start_response(status, headers + list(reply.headers.items()))
        return [reply.body] if environ["REQUEST_METHOD"] != "HEAD" else []

    def answered(self) -> dict[int, int]:
        """Return how many requests were answered, by status."""
        with self._counting:
            return dict(self._answered)

    def close(self) -> None:
        """Store what waits."""
        self.receiver.close()

    def _kind_of(self, path: str) -> str | None:
        for pattern, kind in self._paths.items():
            if path == pattern or (pattern.endswith("/*") and path.startswith(pattern[:-1])):
                return kind
        return None

    def _may_be_of_a_missing_plugin(self, environ: WSGIEnvironment, path: str) -> bool:
        """Return whether this may be an event for a source whose plugin is not installed now: never throw it away."""
        if environ["REQUEST_METHOD"] != "POST" or path == "/" or any(overlap(path, own) for own in RESERVED_PATHS):
            return False
        known = self._configuration
        return known is not None and any(source.stored.kind not in self._kinds for source in known.live(Role.SOURCE))

    def _answer(self, environ: WSGIEnvironment, path: str, kind: str | None) -> Reply:
        configuration: Configuration | None
        try:
            configuration = self._refreshed()
        except SQLAlchemyError as error:
            log.warning("The configuration could not be read: %s", type(error).__name__)
            configuration = self._configuration
        connection_id = None
        if kind is None and configuration is not None and path.startswith(NAMED):
            named = configuration.named(Role.SOURCE, path.removeprefix(NAMED).rstrip("/"))
            if named is None:
                return EventSource.trouble(404, f"There is no source at {path}.")
            connection_id, kind = named.id, named.stored.kind
        source_class = self._kinds.get(kind or "")
        if configuration is None or source_class is None:
            dialect = source_class or EventSource
            return _trouble(dialect, 503, "The hub cannot take events right now; please retry.", RETRY_AFTER_S)
        reply = self._answer_for(source_class, configuration, connection_id, environ)
        return _with_headers(reply, _CORS) if source_class.cors else reply

    def _answer_for(
        self,
        source_class: type[EventSource],
        configuration: Configuration,
        connection_id: str | None,
        environ: WSGIEnvironment,
    ) -> Reply:
        if environ["REQUEST_METHOD"] == "OPTIONS" and source_class.cors:
            return Reply(status=204, content_type="text/plain")
        source = configuration.source(connection_id) if connection_id is not None else None
        if connection_id is not None and source is None:  # before its body is judged by another limit than its own
            return _not_working(source_class)
        try:
            request = self._request(environ, (source or source_class).max_body)
            if connection_id is None:
                key = source_class.key(request)
                connection_id = configuration.source_of_key.get(hash_key(key)) if key else None
            if connection_id is None:
                reply = source_class.without_key(request)
                return _sensible(reply) if reply else self._unknown_key(source_class, configuration)
            return self._receive(configuration.source(connection_id), connection_id, request)
        except _Refused as refused:
            return _trouble(source_class, refused.status, str(refused))
        except (Overloaded, SQLAlchemyError, TimeoutError) as error:
            self._unstored.count(f"a body could not be stored ({type(error).__name__})")
        except BaseException:  # also what a plugin raises to end its thread, which is ours
            log.exception("A source failed to take a request")
        return _trouble(source_class, 503, "The hub cannot store events right now; please retry.", RETRY_AFTER_S)

    def _unknown_key(self, source_class: type[EventSource], configuration: Configuration) -> Reply:
        """Refuse a key, unless it may be that of a source that does not work now: then it is our trouble."""
        of_this_kind = [one for one in configuration.live(Role.SOURCE) if one.stored.kind == source_class.kind]
        if any(one.provider is None for one in of_this_kind):
            return _not_working(source_class)
        if self._unknown_keys.count("the key was missing or unknown"):
            self._note_refused(source_class.kind)
        message = "The write key is missing or unknown. Use the API key of a source of this hub."
        return _trouble(source_class, 401, message)

    def _note_refused(self, kind: str) -> None:
        """Have the console tell whoever wires up a sender."""
        try:
            refused_keys.note(self._hub, kind)
        except SQLAlchemyError as error:
            log.warning("That a key was refused could not be kept: %s", type(error).__name__)

    def _receive(self, source: EventSource | None, connection_id: str, request: InboundRequest) -> Reply:
        if source is None:
            raise Overloaded
        accepted = self._said(source, connection_id, request)
        if not isinstance(accepted, Accepted):
            return _sensible(accepted)
        _check_accepted(accepted, most_bytes=MOST_GROWN * source.max_body)
        self.receiver.store(connection_id, accepted, request.arrived_at)
        self._wake()
        return accepted.reply

    def _said(self, source: EventSource, connection_id: str, request: InboundRequest) -> Accepted | Reply:
        """Return what a source says of a request; one that never comes back holds some of the threads, never all."""
        turns = self._turns[connection_id]
        if not turns.acquire(timeout=BODY_TURN_S):
            log.error("Source %s does not come back from receive", source.name)
            raise Overloaded
        try:
            return source.receive(request)
        finally:
            turns.release()

    def _refreshed(self) -> Configuration:
        """Return the configuration, asked for anew when the last answer is a second old."""
        age = time.monotonic() - self._checked_at
        if self._configuration is not None and (age < CONFIGURATION_AGE_S or self._refreshing.locked()):
            return self._configuration
        with self._refreshing:
            self._checked_at = time.monotonic()  # first: a database that is away is not asked at every request
            known, self._configuration = self._configuration, self._hub.registry.current()
        if known is None or known.revision != self._configuration.revision:
            log_broken(self._configuration)
        return self._configuration

    def _request(self, environ: WSGIEnvironment, max_body: int) -> InboundRequest:
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        if environ.get("CONTENT_TYPE"):
            headers["content-type"] = environ["CONTENT_TYPE"]
        body = self._read_body(environ, max_body)
        encoding = headers.pop("content-encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            body = _gunzip(body, encoding, max_body)
        return InboundRequest(
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", ""),
            arrived_at=self._hub.now(),
            query=dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
            headers=headers,
            body=body,
        )

    def _read_body(self, environ: WSGIEnvironment, max_body: int) -> bytes:
        """Return a request's body; slow senders never hold all threads, so that pages and answers go on."""
        if not self._bodies.acquire(timeout=BODY_TURN_S):
            raise Overloaded
        try:
            return _read_body(environ, max_body)
        finally:
            self._bodies.release()


def _sensible(reply: Reply) -> Reply:
    """Return a plugin's reply. Raises TypeError where it is none that could be sent."""
    if not isinstance(reply, Reply):
        raise TypeError(f"a source gave a {type(reply).__name__} for an answer")
    texts = [reply.content_type, *reply.headers, *reply.headers.values()]
    is_sensible = isinstance(reply.status, int) and isinstance(reply.body, bytes)
    if not is_sensible or not all(isinstance(text, str) for text in texts):
        raise TypeError("a Reply has a whole number for its status, bytes for its body and text for its headers")
    return reply


def _check_accepted(accepted: Accepted, *, most_bytes: int) -> None:
    """Raise TypeError or ValueError for what cannot be stored: it must not harm what is stored with it."""
    _sensible(accepted.reply)
    is_sensible = isinstance(accepted.body, bytes) and isinstance(accepted.hint, str)
    if not is_sensible or not is_storable(accepted.hint):
        raise TypeError("Accepted has bytes for its body and text for its hint")
    if len(accepted.body) > most_bytes:
        raise ValueError(f"Accepted has a body of {len(accepted.body)} bytes; {most_bytes} are the most")
    if accepted.hint == imported.HINT:
        raise ValueError("the hint of a source is the hub's own; its plugin has to choose another")


def _trouble(dialect: type[EventSource], status: int, message: str, retry_after_s: int | None = None) -> Reply:
    """Return an error in the sender's dialect, in plain words where the plugin has none."""
    try:
        return _sensible(dialect.trouble(status, message, retry_after_s))
    except Exception:
        log.exception("The source kind %s could not word an error", dialect.kind)
        return EventSource.trouble(status, message, retry_after_s)


def _not_working(source_class: type[EventSource]) -> Reply:
    return _trouble(source_class, 503, "A source of this hub does not work right now; please retry.", RETRY_AFTER_S)


def _read_body(environ: WSGIEnvironment, max_body: int) -> bytes:
    declared: Any = environ.get("CONTENT_LENGTH") or None
    if declared is not None and (not declared.isdecimal() or len(declared) > LONGEST_LENGTH):
        raise _Refused(400, "Content-Length is no length of a body.")
    if declared is not None and int(declared) > max_body:
        raise _too_large(max_body)
    stream = environ["wsgi.input"]
    wanted = max_body + 1 if declared is None else int(declared)
    parts: list[bytes] = []
    while wanted > 0 and (part := stream.read(wanted)):
        parts.append(part)
        wanted -= len(part)
    body = b"".join(parts)
    if len(body) > max_body:
        raise _too_large(max_body)
    if declared is not None and len(body) < int(declared):
        raise _Refused(400, f"The body ended after {len(body)} of {declared} bytes.")
    return body


def _gunzip(body: bytes, encoding: str, max_body: int) -> bytes:
    if encoding not in ("gzip", "x-gzip"):
        raise _Refused(415, f"Content-Encoding {encoding!r} is not understood; send gzip or nothing.")
    inflater = zlib.decompressobj(31)
    limit = min(max_body, max(ALWAYS_INFLATED, MOST_INFLATED * len(body)))
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise _Refused(400, "The body is said to be gzip, but is not.") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not inflater.eof:
        raise _Refused(400, "The gzip body is cut short.")
    return plain


def _too_large(max_body: int) -> _Refused:
    return _Refused(413, f"The body is larger than {max_body} bytes; send smaller batches.")


def _with_headers(reply: Reply, headers: Mapping[str, str]) -> Reply:
    return Reply(
        status=reply.status,
        body=reply.body,
        content_type=reply.content_type,
        headers={**reply.headers, **headers},
    )
