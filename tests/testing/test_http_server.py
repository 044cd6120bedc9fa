"""The server for tests hides no mistake of the test that uses it."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest
import requests

from hub.testing.http_server import Answer, RecordedRequest, RecordingServer


def refuse_to_answer(request: RecordedRequest) -> NoReturn:
    raise LookupError(f"nothing to say to {request.path}")


def ask(server: RecordingServer, path: str = "/") -> int:
    return requests.get(server.url + path, timeout=30).status_code


def test_answers_that_were_queued_come_before_those_of_respond() -> None:
    with RecordingServer() as server:
        server.respond = lambda request: Answer(status=404)
        server.answer(Answer(status=201), Answer(status=202))
        assert [ask(server) for _ in range(3)] == [201, 202, 404]


def test_a_request_that_is_cut_off_counts_as_none() -> None:
    with RecordingServer() as server:
        host, _, port = server.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 5) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf")
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b""
        assert (server.requests, server.cut_off) == ([], 1)


def test_first_error_of_respond_is_raised_at_the_end() -> None:
    with pytest.raises(LookupError, match="nothing to say to /first"):
        ask_a_broken_fake("/first", "/second", noticed=(requests.ConnectionError,))


def test_error_of_respond_is_raised_in_place_of_what_followed_from_it() -> None:
    with pytest.raises(LookupError) as caught:
        ask_a_broken_fake("/", noticed=())
    assert isinstance(caught.value.__context__, requests.ConnectionError)


def ask_a_broken_fake(*paths: str, noticed: tuple[type[Exception], ...]) -> None:
    with RecordingServer() as server:
        server.respond = refuse_to_answer
        for path in paths:
            with suppress(*noticed):
                ask(server, path)


@pytest.mark.processes
def test_error_of_respond_fails_the_test_that_uses_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_fake.py").write_text(TEST_WITH_A_BROKEN_FAKE)
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "KeyError: '/'" in done.stdout


TEST_WITH_A_BROKEN_FAKE = """
import requests

def test_provider_that_is_away_is_noticed(http_server):
    http_server.respond = lambda request: {}[request.path]
    try:
        requests.get(http_server.url, timeout=30)
    except requests.ConnectionError:
        pass
"""


def test_server_that_was_closed_can_be_closed_again() -> None:
    with RecordingServer() as server:
        server.respond = refuse_to_answer
        with pytest.raises(requests.ConnectionError):
            ask(server)
        with pytest.raises(LookupError):
            server.__exit__(None, None, None)
