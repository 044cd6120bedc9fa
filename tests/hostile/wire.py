"""Requests as a web server would hand them to the application, and what came back."""

from __future__ import annotations

import io
import random
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

METHODS = [
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "PO ST",
    "\xff",
]
QUERIES = [
    "",
    "score=9",
    "score=-1&score=11",
    "score=%00",
    "score=%ED%A0%80&x=%",
    "&&&===",
    "a" * 10_000,
    "&".join(f"a{n}=b" for n in range(3_000)),
    "score=9;drop",
    "thanks",
    "\xff\xfe",
    "cursor=../../x&limit=99999999999999999999",
    "__proto__=1&constructor[prototype]=2",
]
HEADERS: list[tuple[str, str]] = [
    ("HTTP_HOST", ""),
    ("HTTP_HOST", "["),
    ("HTTP_HOST", "[::1"),
    ("HTTP_HOST", "evil.example:99999999"),
    ("HTTP_HOST", "a" * 5_000),
    ("HTTP_HOST", "127.0.0.1\r\nX-Injected: 1"),
    ("HTTP_HOST", "\xff\x00"),
    ("HTTP_HOST", "127.0.0.1@evil.example/../x?y#z"),
    ("HTTP_X_FORWARDED_FOR", "127.0.0.1"),
    ("HTTP_FORWARDED", 'for="[::1]"; host=evil'),
    ("HTTP_X_FORWARDED_HOST", "evil.example"),
    ("HTTP_X_REQUEST_ID", "a\r\nX-Injected: 1"),
    ("HTTP_X_REQUEST_ID", "é" * 500),
    ("HTTP_AUTHORIZATION", "Basic"),
    ("HTTP_AUTHORIZATION", "Basic \xff"),
    ("HTTP_AUTHORIZATION", "Basic " + "A" * 20_000),
    ("HTTP_AUTHORIZATION", "Bearer \x00"),
    ("HTTP_AUTHORIZATION", 'Digest username="x", realm='),
    ("HTTP_ACCEPT", "text/html"),
    ("HTTP_ACCEPT", ";;;q=\xff, text/html;q=nan"),
    ("HTTP_ACCEPT", "text/html;q=" + "9" * 5_000),
    ("HTTP_ACCEPT_LANGUAGE", "\xff-\x00, *;q=1e999"),
    ("HTTP_COOKIE", 'a=b; \xff="; c'),
    ("HTTP_RANGE", "bytes=0-1,-,99999999999999999999-"),
    ("HTTP_IF_MODIFIED_SINCE", "Mon, 99 Foo 99999 99:99:99"),
    ("HTTP_IF_NONE_MATCH", 'W/"' + "x" * 3_000),
    ("HTTP_EXPECT", "100-continue"),
    ("HTTP_TRANSFER_ENCODING", "chunked, gzip"),
    ("HTTP_ORIGIN", "null"),
    ("HTTP_X_SIGNATURE", "\xff" * 40),
    ("HTTP_WEBHOOK_ID", "\xff"),
    ("HTTP_WEBHOOK_TIMESTAMP", "9" * 400),
    ("HTTP_X_HUB_SECRET", "\xff"),
    ("HTTP_X_HTTP_METHOD_OVERRIDE", "DELETE"),
    ("CONTENT_LENGTH", "-1"),
    ("CONTENT_LENGTH", "+3"),
    ("CONTENT_LENGTH", "3, 3"),
    ("CONTENT_LENGTH", "0x10"),
    ("CONTENT_LENGTH", "1_0"),
    ("CONTENT_LENGTH", "9" * 20),
    ("CONTENT_LENGTH", "9" * 5_000),
    ("CONTENT_LENGTH", " "),
    ("CONTENT_TYPE", ""),
    ("CONTENT_TYPE", "text/plain; charset=utf-16"),
    ("CONTENT_TYPE", "application/json; charset=\xff"),
    ("CONTENT_TYPE", "application/x-www-form-urlencoded; charset=rot13"),
    ("CONTENT_TYPE", "multipart/form-data"),
    ("CONTENT_TYPE", "multipart/form-data; boundary="),
    ("CONTENT_TYPE", "multipart/form-data; boundary=" + "b" * 500),
    ("CONTENT_TYPE", "text/csv"),
    ("CONTENT_TYPE", ';;;="'),
]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request before the web server."""

    method: str
    path: str
    body: bytes = b""
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    is_short: bool = False
    """Whether the sender announces more than it sends."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the application said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def send(app: Callable[..., Iterable[bytes]], request: Request) -> Answer:
    """Return the answer; whatever the application raises passes through."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.9",
        "HTTP_HOST": "hub.acme.example",
        "CONTENT_LENGTH": str(len(request.body) + (9 if request.is_short else 0)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **request.headers,
    }
    if environ["CONTENT_LENGTH"] == " ":
        del environ["CONTENT_LENGTH"]
        environ["wsgi.input_terminated"] = True
    started: list[tuple[str, list[tuple[str, str]]]] = []
    parts = app(environ, lambda status, headers, exc_info=None: started.append((status, headers)))
    try:
        body = b"".join(parts)
    finally:
        getattr(parts, "close", lambda: None)()
    status, headers = started[-1]
    return Answer(status=int(status.split(" ")[0]), headers=headers, body=body)


def form(chosen: random.Random, texts: list[str]) -> tuple[bytes, str]:
    """Return a form's body and content type: usual, enormous or broken."""
    what = chosen.randrange(6)
    boundary = "".join(chosen.choices(string.ascii_letters, k=12))
    if what == 0:
        return "&".join(f"f{n}=v" for n in range(5_000)).encode(), "application/x-www-form-urlencoded"
    if what == 1:
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="comment"\r\n\r\nx\r\n'
        return (part * 3_000 + f"--{boundary}--\r\n").encode(), f"multipart/form-data; boundary={boundary}"
    if what == 2:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="comment"; filename="../../x"\r\n'
        return (head + "X: y\r\n" * 2_000).encode(), f"multipart/form-data; boundary={boundary}"
    comment = chosen.choice(texts)
    score = chosen.choice(["9", "0", "10", "11", "٣", "", "9\x00", chosen.choice(texts)])
    fields = {"score": score, "comment": comment, chosen.choice(texts): "x"}
    if what == 3:
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()
        ]
        text = "".join(parts) + f"--{boundary}--\r\n"
        return text.encode(errors="surrogatepass"), f"multipart/form-data; boundary={boundary}"
    text = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in fields.items())
    return text.encode(), "application/x-www-form-urlencoded"


def quoted(text: str) -> str:
    """Return a text as it stands in a query or a form, halves of surrogate pairs included."""
    return "".join(f"%{byte:02X}" for byte in text.encode(errors="surrogatepass"))
