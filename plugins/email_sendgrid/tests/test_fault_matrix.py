"""The fault matrix: every answer and every fault of a call, what it means, and whether SendGrid has the mail.

Each row runs by `send` and by `send_many`. The words are those of the table in the README.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread

import pytest

from hub.plugin import ChannelPaused, NotSent, Outcome, Rejected, Sent
from hub.testing.channels import deliver
from hub.testing.http_server import Answer, RecordingServer
from hub.testing.messages import sample_message
from hub.testing.values import NOW
from hub_email_sendgrid import SendGridChannel

MakeChannel = Callable[..., SendGridChannel]

SENT = "sent"
PAUSED = "not sent, channel paused"
REJECTED = "rejected"
UNKNOWN = "unknown"

ACCEPTED = {"X-Message-Id": "sg-1"}
IN_42_S = str(int((NOW + timedelta(seconds=42)).timestamp()))
ELSEWHERE = {"Location": "http://127.0.0.1:9/v3/mail/send"}


def errors(message: str, field: str | None = None) -> bytes:
    return json.dumps({"errors": [{"message": message, "field": field, "help": None}]}).encode()


@dataclass(frozen=True)
class Row:
    """An answer to a whole mail, and what it means; how long the channel is left alone where SendGrid says it."""

    name: str
    answer: Answer
    meaning: str
    wait_s: float | None = None


MATRIX = [
    Row("202", Answer(status=202, body=b"", headers=ACCEPTED), SENT),
    Row("202 without a name", Answer(status=202, body=b""), SENT),
    Row("202 with garbage for a body", Answer(status=202, body=b"\xff\0not JSON", headers=ACCEPTED), SENT),
    Row("200", Answer(status=200), UNKNOWN),
    Row("204", Answer(status=204, body=b""), UNKNOWN),
    Row("301", Answer(status=301, headers=ELSEWHERE), PAUSED),
    Row("302", Answer(status=302, headers=ELSEWHERE), PAUSED),
    Row("303", Answer(status=303, headers=ELSEWHERE), UNKNOWN),
    Row("307", Answer(status=307, headers=ELSEWHERE), PAUSED),
    Row("308", Answer(status=308, headers=ELSEWHERE), PAUSED),
    Row("400", Answer(status=400, body=errors("Bad subject.", "subject")), REJECTED),
    Row("400 about the sender", Answer(status=400, body=errors("No valid address.", "from.email")), PAUSED),
    Row("400 in other words", Answer(status=400, body=b"<html>plain HTTP sent to HTTPS port</html>"), PAUSED),
    Row("401", Answer(status=401, body=errors("Maximum credits exceeded")), PAUSED),
    Row("403", Answer(status=403, body=errors("No verified Sender Identity.", "from")), PAUSED),
    Row("404", Answer(status=404), PAUSED),
    Row("405", Answer(status=405), PAUSED),
    Row("406", Answer(status=406), PAUSED),
    Row("413", Answer(status=413, body=errors("Too large.")), REJECTED),
    Row("413 of a proxy", Answer(status=413, body=b"<html>"), REJECTED),
    Row("415", Answer(status=415), PAUSED),
    Row("418", Answer(status=418), PAUSED),
    Row("429", Answer(status=429, body=errors("too many requests")), PAUSED),
    Row("429 with Retry-After", Answer(status=429, headers={"Retry-After": "7"}), PAUSED, 7.0),
    Row("429 with X-RateLimit-Reset", Answer(status=429, headers={"X-RateLimit-Reset": IN_42_S}), PAUSED, 42.0),
    Row("500", Answer(status=500, body=errors("Oops.")), UNKNOWN),
    Row("502", Answer(status=502, body=b"<html>"), UNKNOWN),
    Row("503", Answer(status=503, body=b""), PAUSED),
    Row("503 with Retry-After", Answer(status=503, headers={"Retry-After": "7"}), PAUSED, 7.0),
    Row("504", Answer(status=504), UNKNOWN),
    Row("599", Answer(status=599), UNKNOWN),
    Row("reset after the body", Answer(fault="reset"), UNKNOWN),
    Row("silence after the body", Answer(fault="silence"), UNKNOWN),
]


@pytest.fixture(params=["send", "send_many"])
def by(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.name)
def test_answer(row: Row, by: str, sendgrid: RecordingServer, channel: SendGridChannel) -> None:
    channel.timeout_s = (5, 0.5 if row.answer.fault == "silence" else 10)
    sendgrid.answer(row.answer)
    meaning, said, departed = hand_over(channel, by)
    assert (meaning, departed) == (row.meaning, True)
    assert [json.loads(request.body)["custom_args"] for request in sendgrid.requests] == [{"survey_hub_id": "inv-1"}]
    assert isinstance(said, Sent) or (said.why and "SG.opaque" not in said.why)
    if isinstance(said, NotSent):
        assert said.retry_after_s == row.wait_s


FAULTS = [
    # name, what the other side does, what it means, whether the mail departed
    ("connection refused", "refused", PAUSED, False),
    ("connection times out", "full", PAUSED, False),
    ("TLS fails", "no tls", PAUSED, False),
    ("reset before the body", "reset at head", UNKNOWN, True),
    ("garbage for an answer", b"SSH-2.0-OpenSSH\r\n", UNKNOWN, True),
    ("half a status line", b"HTTP/1.1 20", UNKNOWN, True),
    ("202, and nothing more", b"HTTP/1.1 202", SENT, True),
    ("an odd status", b"HTTP/1.1 2O2 Accepted\r\n\r\n", UNKNOWN, True),
    ("a status line without end", b"\0" * 100_000, UNKNOWN, True),
    ("202, and half of its body", b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{", SENT, True),
]


@pytest.mark.parametrize(("fault", "meaning", "departed"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_fault(fault: str | bytes, meaning: str, departed: bool, by: str, make_channel: MakeChannel) -> None:
    with other_side(fault) as (url, reset):
        channel = make_channel(host=url)
        channel.timeout_s = (0.5, 0.5)
        found, _, left = hand_over(channel, by, at_the_point=reset.wait if fault == "reset at head" else None)
    assert (found, left) == (meaning, departed)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_key_does_not_follow_a_redirect(status: int, sendgrid: RecordingServer, channel: SendGridChannel) -> None:
    with RecordingServer() as elsewhere:
        sendgrid.answer(Answer(status=status, headers={"Location": f"{elsewhere.url}/v3/mail/send"}))
        hand_over(channel, "send")
        assert elsewhere.requests == []


def hand_over(
    channel: SendGridChannel, by: str, *, at_the_point: Callable[[float], object] | None = None
) -> tuple[str, Outcome | ChannelPaused, bool]:
    """Send one message; return what its outcome means, the outcome, and whether it passed the point of no return."""
    if by == "send_many" and at_the_point is None:
        seen = deliver(channel, [sample_message()])
        [(_, outcome)] = seen.outcomes
        return told(seen.paused or outcome), seen.paused or outcome, bool(seen.departed)
    departures: list[bool] = []

    def point_of_no_return() -> None:
        departures.append(True)
        if at_the_point is not None:
            at_the_point(10)

    try:
        said: Outcome | ChannelPaused = channel.send(sample_message(), point_of_no_return)
    except ChannelPaused as paused:
        said = paused
    assert len(departures) < 2
    return told(said), said, bool(departures)


def told(said: Outcome | ChannelPaused) -> str:
    match said:
        case Sent():
            return SENT
        case ChannelPaused() | NotSent(pause=True):
            return PAUSED
        case Rejected():
            return REJECTED
        case NotSent():
            return "not sent"
        case _:
            return UNKNOWN


@contextmanager
def other_side(fault: str | bytes) -> Iterator[tuple[str, Event]]:
    """Yield the address of a server that does this to one call, and what says that it has reset the connection."""
    reset, backlog = Event(), 0 if fault == "full" else 1
    listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
    port = listener.getsockname()[1]
    scheme = "https" if fault == "no tls" else "http"
    crowd = [socket.socket() for _ in range(3 if fault == "full" else 0)]
    for client in crowd:
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))
    thread = Thread(target=_serve, args=(listener, fault, reset), daemon=True)
    if fault == "refused":
        listener.close()
    elif fault != "full":
        thread.start()
    yield f"{scheme}://127.0.0.1:{port}", reset
    for each in (listener, *crowd):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


def _serve(listener: socket.socket, fault: str | bytes, reset: Event) -> None:
    with suppress(OSError):
        connection, _ = listener.accept()
        connection.settimeout(5)
        received = connection.recv(65_536) if fault == "no tls" else _head_of(connection)
        if isinstance(fault, bytes):
            length = next(
                int(line[15:]) for line in received.splitlines() if line.lower().startswith(b"content-length:")
            )
            left = length
            while left > 0:
                left -= len(connection.recv(65_536)) or left
            connection.sendall(fault)
        elif fault == "reset at head":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        reset.set()


def _head_of(connection: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    return head
