"""A small HTTP server for tests: it records what it gets and answers as told."""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class RecordedRequest:
    """A request as it came. Header names are lower-case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the server says. `fault`: "" | "reset" (drop the connection) | "silence" (say nothing, ever)."""

    status: int = 200
    body: bytes = b'{"success":true}'
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


class RecordingServer:
    """A threaded server on 127.0.0.1 and a free port; use it as a context manager.

    The answer to a request is the next one queued with `answer`, else what `respond` returns for it. Where `respond`
    raises, the connection is dropped, and the first such error is raised again at the end.
    """

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        self.cut_off = 0
        """Requests whose body never came whole: nothing was asked of anybody."""
        self.respond: Callable[[RecordedRequest], Answer] = lambda request: Answer()
        self._queue: deque[Answer] = deque()
        self._failures: deque[BaseException] = deque()
        self._closing = Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """The server's address, without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, *answers: Answer) -> None:
        """Queue answers for the next requests."""
        self._queue.extend(answers)

    def reply_to(self, request: RecordedRequest) -> Answer:
        """Record a request and return the answer to it."""
        self.requests.append(request)
        if self._queue:
            return self._queue.popleft()
        try:
            return self.respond(request)
        except BaseException as error:  # noqa: BLE001  raised at the end: in this thread nobody would see it
            self._failures.append(error)
            return Answer(fault="reset")

    def wait_until_closed(self) -> None:
        """Block until the test is over."""
        self._closing.wait()

    def __enter__(self) -> RecordingServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._failures:
            failure = self._failures[0]
            self._failures.clear()
            raise failure


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about clients that went away: tests make them do so."""


def _handler(server: RecordingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10
        wbufsize = -1  # head and body in one write: small ones wait for each other otherwise

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            try:
                body = self.rfile.read(length)
            except ConnectionError:
                body = b""
            if len(body) < length:
                server.cut_off += 1
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = RecordedRequest(method=self.command, path=self.path, headers=headers, body=body)
            answer = server.reply_to(request)
            if answer.fault:
                self._misbehave(answer.fault)
                return
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815  the base class's names

        def _misbehave(self, fault: str) -> None:
            self.close_connection = True
            if fault == "silence":
                server.wait_until_closed()
            else:
                linger = struct.pack("ii", 1, 0)  # close with a reset
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    return Handler
