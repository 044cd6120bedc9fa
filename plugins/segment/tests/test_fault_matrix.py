"""The fault matrix: every answer and every fault of a batch, and what becomes of the updates in it."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, replace

import pytest

from hub.plugin import Done, Parked, Retry
from hub.testing.http_server import Answer, RecordedRequest, RecordingServer
from hub.testing.targets import customer_update
from hub_segment import SegmentTarget

DONE = "done"
PARKED = "parked"
AGAIN = "all of them again"

POISON = "poison"
UPDATES = [replace(customer_update(number), comment=POISON if number == 2 else "fine") for number in range(4)]
ELSEWHERE = {"Location": "http://127.0.0.1:9/v1/batch"}


@dataclass(frozen=True)
class Row:
    """An answer to every batch with the third update in it; what becomes of that one and of the others, and why."""

    name: str
    answer: Answer
    third: str
    others: str
    why: str = ""
    wait_s: float | None = None
    calls: int = 1


MATRIX = [
    Row("200", Answer(), DONE, DONE),
    Row("204", Answer(status=204, body=b""), AGAIN, AGAIN, "check `host`"),
    Row("301", Answer(status=301, headers=ELSEWHERE), AGAIN, AGAIN, "check `host`"),
    Row("307", Answer(status=307, headers=ELSEWHERE), AGAIN, AGAIN, "check `host`"),
    Row("400", Answer(status=400, body=b"bad trait"), PARKED, DONE, "bad trait", calls=5),
    Row("401", Answer(status=401), AGAIN, AGAIN, "check `write_key`"),
    Row("403", Answer(status=403), AGAIN, AGAIN, "check `write_key`"),
    Row("404", Answer(status=404), AGAIN, AGAIN, "check `host`"),
    Row("413", Answer(status=413, body=b"too large"), PARKED, DONE, "too large", calls=5),
    Row("429", Answer(status=429), AGAIN, AGAIN, "slow down"),
    Row("429 with Retry-After", Answer(status=429, headers={"Retry-After": "7"}), AGAIN, AGAIN, "slow down", 7.0),
    Row("500", Answer(status=500), AGAIN, AGAIN, "500"),
    Row("502", Answer(status=502, body=b"<html>"), AGAIN, AGAIN, "502"),
    Row("503 with Retry-After", Answer(status=503, headers={"Retry-After": "7"}), AGAIN, AGAIN, "503", 7.0),
    Row("504", Answer(status=504), AGAIN, AGAIN, "504"),
    Row("reset after the body", Answer(fault="reset"), AGAIN, AGAIN, "could not be reached"),
    Row("silence after the body", Answer(fault="silence"), AGAIN, AGAIN, "could not be reached"),
]


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.name)
def test_answer(row, services, http_server, monkeypatch):
    monkeypatch.setattr(SegmentTarget, "timeout_s", (5, 0.5 if row.answer.fault == "silence" else 10))
    http_server.respond = lambda request: row.answer if POISON.encode() in request.body else Answer()
    results = target_at(http_server.url, services).push(UPDATES)
    assert [told(result) for result in results] == [row.others, row.others, row.third, row.others]
    assert {
        result.why for result in results if isinstance(result, Retry | Parked) and row.why not in result.why
    } == set()
    assert {result.after_s for result in results if isinstance(result, Retry)} <= {row.wait_s}
    assert len(http_server.requests) == row.calls
    assert taken_twice(http_server) == []


@pytest.mark.parametrize("fault", ["connection refused", "TLS fails"])
def test_no_connection_means_all_of_them_again(fault, services, http_server):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    url = nobody if fault == "connection refused" else http_server.url.replace("http:", "https:")
    results = target_at(url, services).push(UPDATES)
    assert [told(result) for result in results] == [AGAIN] * 4
    assert http_server.requests == []


def target_at(url, services):
    return SegmentTarget("product", SegmentTarget.config_schema().load({"write_key": "wr1te", "host": url}), services)


def told(result: Done | Retry | Parked) -> str:
    return {Done: DONE, Retry: AGAIN, Parked: PARKED}[type(result)]


def taken_twice(server: RecordingServer) -> list[str]:
    """Return which updates Segment took more than once: of batches without the poison it takes all."""
    taken = [id for request in server.requests if POISON.encode() not in request.body for id in ids_of(request)]
    return [id for id in taken if taken.count(id) > 1]


def ids_of(request: RecordedRequest) -> list[str]:
    return [event["messageId"] for event in json.loads(request.body)["batch"]]
