"""HTTP for plugins: no answer is read without end."""

from __future__ import annotations

import gzip

import pytest

from hub import outbound
from hub.outbound import BoundedSession
from hub.testing.http_server import Answer, RecordingServer


@pytest.mark.parametrize("is_packed", [True, False])
def test_an_answer_without_end_is_cut_off_and_its_status_holds(
    monkeypatch: pytest.MonkeyPatch, *, is_packed: bool
) -> None:
    monkeypatch.setattr(outbound, "LONGEST_ANSWER", 100_000)
    body = b"x" * 5_000_000
    headers = {"Content-Encoding": "gzip"} if is_packed else {}
    with RecordingServer() as server, BoundedSession() as session:
        server.respond = lambda _: Answer(status=202, body=gzip.compress(body) if is_packed else body, headers=headers)
        answer = session.post(server.url, data=b"{}", timeout=10)
        assert (answer.status_code, len(answer.content), len(answer.text)) == (202, 100_000, 100_000)


def test_a_short_answer_is_whole() -> None:
    with RecordingServer() as server, BoundedSession() as session:
        server.respond = lambda _: Answer(status=200, body=b'{"ok": true}')
        assert session.get(server.url, timeout=10).json() == {"ok": True}


def test_who_asks_for_a_stream_reads_it_alone() -> None:
    with RecordingServer() as server, BoundedSession() as session:
        server.respond = lambda _: Answer(status=200, body=b"abc")
        with session.get(server.url, timeout=10, stream=True) as answer:
            assert b"".join(answer.iter_content(1)) == b"abc"
