"""What no client library would send, byte by byte to a real web process: its server and the hub behind it stay up."""

from __future__ import annotations

import base64
import contextlib
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.configured import API_KEY, TOML
from tests.processes import stop
from tests.running_hub import RunningHub

BASIC = b"Authorization: Basic " + base64.b64encode(f"{API_KEY}:".encode())
HOST = b"Host: hub.acme.example"
EVENT = b'{"userId":"ada","messageId":"m1"}'


CLOSE = b"Connection: close"


def post(*headers: bytes, body: bytes = EVENT, path: bytes = b"/v1/identify", end: bytes = CLOSE) -> bytes:
    return b"\r\n".join([b"POST " + path + b" HTTP/1.1", HOST, BASIC, end, *headers, b"", body])


def length(number: object) -> bytes:
    return f"Content-Length: {number}".encode()


def get(path: bytes, *headers: bytes, host: bytes = HOST, method: bytes = b"GET") -> bytes:
    end = [] if any(b"Upgrade" in header for header in headers) else [CLOSE]
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", host, *end, *headers, b"", b""])


CHUNKED = b"Transfer-Encoding: chunked"
NEXT = get(b"/healthz")
CASES: dict[str, bytes] = {
    "nothing": b"\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 40,
    "zeros": b"\x00" * 5_000,
    "only a method": b"GET\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "version 9": b"GET /healthz HTTP/9.9\r\n" + HOST + b"\r\n\r\n",
    "version 1.0": b"GET /healthz HTTP/1.0\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 60,
    "upgrade to h2c": get(
        b"/healthz", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA"
    ),
    "upgrade to websocket": get(
        b"/s/x", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: eA=="
    ),
    "no host": get(b"/healthz", host=b"X-A: b"),
    "two hosts": get(b"/healthz", b"Host: other.example"),
    "broken host": get(b"/", host=b"Host: [::1"),
    "host with a path": get(b"/", host=b"Host: 127.0.0.1/../x@y"),
    "absolute address": get(b"http://evil.example/healthz"),
    "absolute address of a file": get(b"file:///etc/passwd"),
    "star": get(b"*", method=b"OPTIONS"),
    "connect": get(b"evil.example:443", method=b"CONNECT"),
    "trace": get(b"/", b"Cookie: a=b", method=b"TRACE"),
    "method of no verb": get(b"/s/x", method=b"ADA"),
    "method of 10 KB": get(b"/", method=b"A" * 10_000),
    "path of 10 KB": get(b"/s/" + b"a" * 10_000),
    "path of 1 MB": get(b"/s/" + b"a" * 1_000_000),
    "path up": get(b"/s/../../../../etc/passwd"),
    "path up, encoded": get(b"/s/%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
    "path with NUL": get(b"/s/%00"),
    "path that is no UTF-8": get(b"/s/%ff%fe"),
    "path of raw bytes": get(b"/s/\xff\xfe"),
    "path with a header in it": get(b"/s/x%0d%0aX-Injected:%201"),
    "path to a page with thousands of slashes": get(b"/" * 5_000 + b"s/x"),
    "query of raw bytes": get(b"/s/x?score=\xff"),
    "header without a colon": get(b"/healthz", b"nonsense"),
    "header without a name": get(b"/healthz", b": x"),
    "header with a blank before the colon": get(b"/healthz", b"X-A : b"),
    "header with NUL": get(b"/healthz", b"X-A: b\x00c"),
    "header of raw bytes": get(b"/healthz", b"X-Request-ID: \xff\xfe", b"Accept: \xff"),
    "folded header": get(b"/healthz", b"X-A: b\r\n c: d"),
    "bare line ends": get(b"/healthz").replace(b"\r", b""),
    "header of 1 MB": get(b"/healthz", b"X-A: " + b"b" * 1_000_000),
    "thousands of headers": get(b"/healthz", *[b"X-%d: y" % number for number in range(3_000)]),
    "two lengths": post(length(len(EVENT)), length(5), end=b"X-A: b") + NEXT,
    "length in a list": post(length(f"{len(EVENT)}, {len(EVENT)}")),
    "length below zero": post(length(-1)),
    "length with a plus": post(length(f"+{len(EVENT)}")),
    "length in hexadecimal": post(length("0x10")),
    "length of 400 digits": post(length("9" * 400)),
    "length too short": post(length(5), end=b"X-A: b") + NEXT,
    "length too long": post(length(5_000)),
    "length of a gigabyte": post(length(2**30)),
    "length and chunks": post(length(3), CHUNKED, body=b"0\r\n\r\n", end=b"X-A: b") + NEXT,
    "chunks": post(CHUNKED, body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(EVENT), EVENT)),
    "chunks, twice said": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n", end=b"X-A: b") + NEXT,
    "chunks in another spelling": post(b"Transfer-Encoding: xchunked", length(3), body=b"0\r\n\r\n", end=b"X-A: b")
    + NEXT,
    "chunk of garbage": post(CHUNKED, body=b"zz\r\n{}\r\n0\r\n\r\n"),
    "chunk below zero": post(CHUNKED, body=b"-1\r\n{}\r\n0\r\n\r\n"),
    "chunk larger than all": post(CHUNKED, body=b"ffffffffffffffffff\r\n{}"),
    "chunk with an extension of 100 KB": post(CHUNKED, body=b"2;" + b"x" * 100_000 + b"\r\n{}\r\n0\r\n\r\n"),
    "chunks that never end": post(CHUNKED, body=b"1\r\n{\r\n" * 2_000),
    "chunks beyond the limit": post(CHUNKED, body=b"10000\r\n%b\r\n" % (b" " * 65_536) * 20),
    "expectation": post(b"Expect: 100-continue", length(len(EVENT))),
    "expectation of another kind": post(b"Expect: 200-maybe", length(len(EVENT))),
    "form of garbage": post(
        b"Content-Type: multipart/form-data; boundary=b", length(9), body=b"--b\r\n\r\n--", path=b"/s/x"
    ),
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    directory = tmp_path_factory.mktemp("web")
    database_url, redis_url = f"sqlite:///{directory}/data/hub.db", f"unix://{directory}/none.sock"
    hub = RunningHub(directory, database_url=database_url, redis_url=redis_url)
    hub.apply(TOML)
    hub.start("web")
    try:
        hub.wait_for(hub.is_answering, "a web process")
        yield hub
    finally:
        stop(hub.processes["web"], signal.SIGTERM, timeout_s=15)


@pytest.mark.processes
@pytest.mark.parametrize("name", CASES)
def test_no_bytes_make_the_server_fail(web: RunningHub, name: str) -> None:
    said = exchanged(web.port, CASES[name])
    assert all(100 <= status < 500 for status in statuses(said)), said[:500]
    assert b"X-Injected" not in said.partition(b"\r\n\r\n")[0]
    assert b"root:" not in said
    assert web.is_answering()


@pytest.mark.processes
@pytest.mark.parametrize("name", ["two lengths", "length too short", "length and chunks", "chunks in another spelling"])
def test_where_a_request_ends_in_doubt_nothing_behind_it_is_answered(web: RunningHub, name: str) -> None:
    assert CASES[name].endswith(NEXT)
    assert statuses(exchanged(web.port, CASES[name])) == [400]


@pytest.mark.processes
def test_after_all_of_them_the_log_holds_no_failure(web: RunningHub) -> None:
    for text in CASES.values():
        exchanged(web.port, text)
    logged = (web.directory / "web.log").read_text()
    assert [word for word in ("Traceback", "ERROR", "panicked") if word in logged] == [], logged[-3_000:]


def statuses(said: bytes) -> list[int]:
    return [int(line.split(b" ")[1]) for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.")]


def exchanged(port: int, text: bytes) -> bytes:
    """Send bytes and return all that comes back, until the server closes or waits for more."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection, contextlib.suppress(OSError):
        connection.sendall(text)
        while part := connection.recv(65_536):
            said += part
    return said
