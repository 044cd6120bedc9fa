"""When a mail's bytes leave: after connection, TLS and the request's head, once, or not at all."""

from __future__ import annotations

import errno
import io
import socket
import ssl
import struct
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from hub.plugin import Abandoned, ChannelPaused, Message, NotSent, Outcome, Sent, Services, Unknown
from hub.testing.http_server import RecordingServer
from hub.testing.messages import sample_message
from hub.testing.values import NOW
from hub_email_sendgrid import SendGridChannel

MakeChannel = Callable[..., SendGridChannel]

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: sg-1\r\nContent-Length: 0\r\n\r\n"
HUGE = replace(sample_message(), text="Nobody reads this.\n" * 1_000_000)
PATIENCE_S = 10


class Wire:
    """A server of bare sockets that notes what came when. `fault`: "" | "head" | "body" (reset once it came)."""

    def __init__(self, *, answer: bytes = ACCEPTED, fault: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.body = b""
        self.bodies: list[bytes] = []
        self.head_came, self.closed, self.reset = Event(), Event(), Event()
        self._answer, self._fault, self._tls = answer, fault, tls
        self._listener = self._connection = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Wire:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, self._connection):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join(PATIENCE_S)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                self._connection, _ = self._listener.accept()
                self._connection.settimeout(PATIENCE_S)
                self.connections += 1
                with suppress(OSError):
                    if self._tls:
                        self._connection = self._tls.wrap_socket(self._connection, server_side=True)
                    self._talk(self._connection)
                self._connection.close()
                self.closed.set()

    def _talk(self, connection: socket.socket) -> None:
        while head := self._read_head(connection):
            self.head_came.set()
            if self._fault == "head" or not self._read_body(connection, length_in(head)) or self._fault == "body":
                break
            connection.sendall(self._answer)
        if self._fault:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            self.reset.set()

    def _read_head(self, connection: socket.socket) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                return b""
            head += byte
        return head

    def _read_body(self, connection: socket.socket, length: int) -> bool:
        self.body = b""
        while len(self.body) < length:
            part = connection.recv(65_536)
            if not part:
                return False
            self.body += part
        self.bodies.append(self.body)
        return True


def length_in(head: bytes) -> int:
    return next(int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:"))


def send(channel: SendGridChannel, message: Message) -> tuple[Outcome | ChannelPaused, int]:
    """Send one message; return its outcome, or the pause, and how often the point of no return was passed."""
    departures: list[str] = []
    try:
        outcome: Outcome | ChannelPaused = channel.send(message, lambda: departures.append(message.id))
    except ChannelPaused as paused:
        outcome = paused
    return outcome, len(departures)


def raising(error: BaseException) -> Callable[[], None]:
    def point_of_no_return() -> None:
        raise error

    return point_of_no_return


def test_point_of_no_return_lies_between_head_and_body(make_channel: MakeChannel) -> None:
    seen: list[tuple[bool, bytes]] = []
    with Wire() as wire:
        outcome = make_channel(host=wire.url).send(
            sample_message(), lambda: seen.append((wire.head_came.wait(PATIENCE_S), wire.body))
        )
        assert seen == [(True, b"")]
        assert outcome == Sent(provider_id="sg-1")
        assert len(wire.bodies) == 1


def test_connection_of_an_abandoned_mail_is_closed_and_not_used_again(make_channel: MakeChannel) -> None:
    with Wire() as wire:
        channel = make_channel(host=wire.url)
        with pytest.raises(Abandoned):
            channel.send(sample_message(id="abandoned"), raising(Abandoned()))
        assert wire.closed.wait(PATIENCE_S)
        assert (wire.body, wire.bodies) == (b"", [])
        assert isinstance(channel.send(sample_message(id="next"), lambda: None), Sent)
        assert [b'{"survey_hub_id": "next"}' in body for body in wire.bodies] == [True]
        assert wire.connections == 2


@pytest.mark.parametrize(
    "error",
    [
        BrokenPipeError(errno.EPIPE, "database away"),
        ConnectionResetError(errno.ECONNRESET, "database away"),
        TimeoutError("database away"),
        ValueError("database away"),
    ],
)
def test_error_of_the_point_of_no_return_comes_out_as_it_is(make_channel: MakeChannel, error: Exception) -> None:
    with Wire() as wire:
        with pytest.raises(type(error)) as raised:
            make_channel(host=wire.url).send(sample_message(), raising(error))
        assert raised.value is error
        assert wire.closed.wait(PATIENCE_S)
        assert wire.bodies == []


def test_connection_is_kept_for_the_next_mail(make_channel: MakeChannel) -> None:
    with Wire() as wire:
        channel = make_channel(host=wire.url)
        assert [send(channel, sample_message())[0] for _ in range(3)] == [Sent(provider_id="sg-1")] * 3
        assert (wire.connections, len(wire.bodies)) == (1, 3)


@pytest.mark.parametrize("message", [sample_message(), HUGE], ids=["small", "huge"])
def test_connection_lost_while_the_body_leaves_is_unknown(make_channel: MakeChannel, message: Message) -> None:
    with Wire(fault="head") as wire:
        outcome = make_channel(host=wire.url).send(message, lambda: wire.reset.wait(PATIENCE_S))
        assert isinstance(outcome, Unknown)
        assert (wire.connections, wire.bodies) == (1, [])


def test_connection_lost_after_the_body_is_unknown(make_channel: MakeChannel) -> None:
    with Wire(fault="body") as wire:
        outcome, departures = send(make_channel(host=wire.url), sample_message())
        assert isinstance(outcome, Unknown)
        assert (departures, len(wire.bodies)) == (1, 1)


def test_answer_that_breaks_off_after_its_status_still_counts(make_channel: MakeChannel) -> None:
    answer = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: sg-1\r\nContent-Length: 100\r\n\r\n{"
    with Wire(answer=answer) as wire:
        channel = make_channel(host=wire.url)
        channel.timeout_s = (1, 0.3)
        assert channel.send(sample_message(), lambda: None) == Sent(provider_id="sg-1")


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 202", b"HTTP/1.1 2O2 Accepted\r\n\r\n", b"\0" * 100_000]
)
def test_answer_that_is_no_http_is_unknown(make_channel: MakeChannel, answer: bytes) -> None:
    with Wire(answer=answer) as wire:
        channel = make_channel(host=wire.url)
        channel.timeout_s = (1, 0.3)
        outcome, departures = send(channel, sample_message())
        assert isinstance(outcome, Unknown)
        assert departures == 1


def test_a_session_that_retries_lets_a_mail_out_only_once(make_channel: MakeChannel, services: Services) -> None:
    retries = Retry(3, backoff_factor=0, allowed_methods=None)
    services.http().mount("http://", HTTPAdapter(max_retries=retries))
    with Wire(fault="body") as wire:
        departures: list[str] = []
        with pytest.raises(RuntimeError, match="only once"):
            make_channel(host=wire.url).send(sample_message(), lambda: departures.append("once"))
        assert (len(departures), len(wire.bodies)) == (1, 1)


def test_answer_before_the_mail_left_is_never_taken_for_sent(make_channel: MakeChannel, services: Services) -> None:
    class Hasty(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
            answer = requests.Response()
            answer.status_code, answer.raw = 202, io.BytesIO()
            return answer

    services.http().mount("http://", Hasty())
    outcome, departures = send(make_channel(host="http://127.0.0.1:9"), sample_message())
    assert (type(outcome), departures) == (NotSent, 0)


# Before the point of no return


def test_refused_connection_is_not_sent(make_channel: MakeChannel) -> None:
    with RecordingServer() as gone:
        url = gone.url
    assert_paused(make_channel(host=url), f"{url} could not be reached: no connection")


def test_name_that_cannot_be_resolved_is_not_sent(make_channel: MakeChannel, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    assert_paused(make_channel(host="https://api.sendgrid.example"), "name resolution")


def test_certificate_nobody_trusts_is_not_sent(make_channel: MakeChannel, tls: ssl.SSLContext) -> None:
    with Wire(tls=tls) as wire:
        assert_paused(make_channel(host=wire.url), "TLS failed")
        assert wire.bodies == []


def test_server_without_tls_is_not_sent(make_channel: MakeChannel, sendgrid: RecordingServer) -> None:
    assert_paused(make_channel(host=sendgrid.url.replace("http:", "https:")), "TLS failed")
    assert sendgrid.requests == []


def test_silence_in_the_tls_handshake_is_not_sent(make_channel: MakeChannel) -> None:
    with Wire() as wire:
        channel = make_channel(host=wire.url.replace("http:", "https:"))
        channel.timeout_s = (0.3, 0.3)
        assert_paused(channel, "could not be reached")


def test_mail_leaves_after_the_tls_handshake(
    make_channel: MakeChannel, services: Services, tls: ssl.SSLContext, certificate: Path
) -> None:
    services.http().verify = str(certificate)
    seen: list[tuple[bool, bytes]] = []
    with Wire(tls=tls) as wire:
        outcome = make_channel(host=wire.url).send(
            sample_message(), lambda: seen.append((wire.head_came.wait(PATIENCE_S), wire.body))
        )
        assert (outcome, seen) == (Sent(provider_id="sg-1"), [(True, b"")])


def assert_paused(channel: SendGridChannel, why: str) -> None:
    outcome, departures = send(channel, sample_message())
    assert isinstance(outcome, ChannelPaused)
    assert why in outcome.why
    assert (outcome.retry_after_s, departures) == (60, 0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=10_000))
        .not_valid_after(NOW + timedelta(days=10_000))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_as_many_mails_are_under_way_at_once_as_connections_are_set(
    sendgrid: RecordingServer, make_channel: MakeChannel
) -> None:
    channel = make_channel(host=sendgrid.url, connections=20)
    barrier = Barrier(20)

    def together(batch: Sequence[Message]) -> Collection[str]:
        barrier.wait(30)
        return {message.id for message in batch}

    messages = [sample_message(id=f"inv-{number}") for number in range(20)]
    assert {type(outcome) for _, outcome in channel.send_many(iter(messages), together)} == {Sent}
