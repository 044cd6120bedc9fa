"""Against aiosmtpd, a server that nobody here wrote: encryption, login, and mails that arrive byte for byte."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP as SMTP_POLICY
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.plugin import ChannelPaused, CheckFailed, Sent
from hub.testing.channels import deliver
from hub.testing.messages import sample_message
from hub.testing.smtp_server import ScriptedSmtpServer
from hub_email_smtp import SmtpChannel

MakeChannel = Callable[..., SmtpChannel]
StartServer = Callable[..., "Mailbox"]

USERNAME, PASSWORD = "hub", "opaque-password"
LOGIN = {"username": USERNAME, "password": PASSWORD}


class Mailbox:
    """Keeps what aiosmtpd hands over."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.was_encrypted: list[bool] = []
        self.mechanisms: list[str] = []
        self.connections: set[object] = set()
        self.port = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(envelope.content)
        self.was_encrypted.append(session.ssl is not None)
        self.connections.add(session.peer)
        return "250 2.0.0 Ok"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: LoginPassword
    ) -> AuthResult:
        self.mechanisms.append(mechanism)
        return AuthResult(success=login == LoginPassword(USERNAME.encode(), PASSWORD.encode()), handled=False)


class FreePortController(Controller):
    """A controller that can listen on a port which the system chooses."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1, in one PEM file, that nobody but itself has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Start aiosmtpd on a free port; keyword arguments go to its SMTP class, `ssl_context` to the listener."""
    controllers: list[FreePortController] = []

    def start(**settings: object) -> Mailbox:
        mailbox = Mailbox()
        controller = FreePortController(
            mailbox, hostname="127.0.0.1", port=0, authenticator=mailbox.authenticate, **settings
        )
        controller.start()
        controllers.append(controller)
        mailbox.port = controller.port
        return mailbox

    yield start
    for controller in controllers:
        controller.stop()


def pass_by() -> None:
    """A point of no return that lets everything go."""


@pytest.mark.parametrize(
    "mail",
    [
        b"Subject: dots\r\n\r\n.\r\n..\r\n.leading\r\n...three\r\n",
        b"Subject: last\r\n\r\nends with a dot\r\n.\r\n",
        b".\r\n",
        b"Subject: 8 bit\r\n\r\n" + bytes(range(128, 256)) + b"\r\n",
        b"Subject: long\r\n\r\n" + b"x" * 998 + b"\r\n",
        b"Subject: long and dotted\r\n\r\n." + b"." * 996 + b"\r\n",
        b"Subject: nothing\r\n\r\n",
        b"Subject: big\r\n\r\n" + b".0123456789\r\n" * 20_000,
        b"Subject: smuggling\r\n\r\nx\r\n.\r\nMAIL FROM:<evil@acme.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n",
    ],
)
def test_mail_arrives_byte_for_byte(mail: bytes, start_server: StartServer, make_channel: MakeChannel) -> None:
    mailbox = start_server()
    message = replace(sample_message(), mime=lambda sender: mail)
    assert isinstance(make_channel(port=mailbox.port).send(message, pass_by), Sent)
    assert mailbox.mails == [mail]


@pytest.mark.parametrize(
    ("mail", "arrived"),
    [
        (b"Subject: x\n\nbare\n.dot\n", b"Subject: x\r\n\r\nbare\r\n.dot\r\n"),
        (b"Subject: x\r\rold\r.dot\r", b"Subject: x\r\n\r\nold\r\n.dot\r\n"),
        (b"Subject: x\r\n\r\nmixed\n.\r.\r\n", b"Subject: x\r\n\r\nmixed\r\n.\r\n.\r\n"),
        (b"Subject: x\r\n\r\nunfinished", b"Subject: x\r\n\r\nunfinished\r\n"),
    ],
)
def test_line_ends_are_made_crlf(
    mail: bytes, arrived: bytes, start_server: StartServer, make_channel: MakeChannel
) -> None:
    mailbox = start_server()
    make_channel(port=mailbox.port).send(replace(sample_message(), mime=lambda sender: mail), pass_by)
    assert mailbox.mails == [arrived]


@given(pieces=st.lists(st.sampled_from(["\r\n", "\n", "\r", ".", "..", "x", " ", "long" * 300]), max_size=30))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mail_arrives_as_the_standard_library_would_have_sent_it(pieces: list[str], make_channel: MakeChannel) -> None:
    text = "Subject: x\r\n\r\n" + "".join(pieces)
    with ScriptedSmtpServer(extensions=["PIPELINING"]) as server:
        channel = make_channel(port=server.port)
        assert isinstance(channel.send(replace(sample_message(), mime=lambda sender: text.encode()), pass_by), Sent)
        channel.close()
        with smtplib.SMTP("127.0.0.1", server.port) as standard:
            standard.sendmail("hello@acme.example", ["ada@customers.example"], text)
    ours, theirs = server.received
    assert ours.data == theirs.data


def test_sender_stands_in_the_mail(start_server: StartServer, make_channel: MakeChannel) -> None:
    mailbox = start_server()
    channel = make_channel(port=mailbox.port, **{"from": "Käthe Acme <hello@acme.example>"})
    channel.send(sample_message(), pass_by)
    parsed = message_from_bytes(mailbox.mails[0], policy=SMTP_POLICY)
    assert parsed["From"].addresses[0].display_name == "Käthe Acme"
    assert parsed["From"].addresses[0].addr_spec == "hello@acme.example"


def test_many_mails_share_one_connection(start_server: StartServer, make_channel: MakeChannel) -> None:
    mailbox = start_server()
    channel = make_channel(port=mailbox.port)
    for number in range(10):
        channel.send(sample_message(id=f"inv-{number}"), pass_by)
    assert (len(mailbox.mails), len(mailbox.connections)) == (10, 1)


@pytest.mark.parametrize("security", ["none", "starttls"])
def test_large_mails_arrive_whole_side_by_side(
    security: str, tls: ssl.SSLContext, start_server: StartServer, make_channel: MakeChannel
) -> None:
    mailbox = start_server(tls_context=tls, data_size_limit=None)
    channel = make_channel(port=mailbox.port, security=security, verify_tls=False, connections=3)
    large = b"Subject: large\r\n\r\n" + (b"." * 900 + b"\r\n") * 4_000
    messages = [replace(sample_message(id=f"inv-{number}"), mime=lambda sender: large) for number in range(6)]
    assert [type(outcome) for _, outcome in deliver(channel, messages).outcomes] == [Sent] * 6
    assert all(mail == large for mail in mailbox.mails)
    assert len(mailbox.mails) == 6


@pytest.mark.parametrize("security", ["auto", "starttls"])
def test_starttls_is_used_where_it_is_offered(
    security: str, tls: ssl.SSLContext, start_server: StartServer, make_channel: MakeChannel
) -> None:
    mailbox = start_server(tls_context=tls)
    channel = make_channel(port=mailbox.port, security=security, verify_tls=False)
    channel.check()
    assert isinstance(channel.send(sample_message(), pass_by), Sent)
    assert mailbox.was_encrypted == [True]


def test_tls_from_the_first_byte(tls: ssl.SSLContext, start_server: StartServer, make_channel: MakeChannel) -> None:
    mailbox = start_server(ssl_context=tls)
    channel = make_channel(port=mailbox.port, security="tls", verify_tls=False)
    assert isinstance(channel.send(sample_message(), pass_by), Sent)


def test_certificate_that_is_trusted_is_accepted(
    tls: ssl.SSLContext,
    certificate: Path,
    start_server: StartServer,
    make_channel: MakeChannel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    mailbox = start_server(tls_context=tls)
    channel = make_channel(port=mailbox.port, security="starttls")
    assert isinstance(channel.send(sample_message(), pass_by), Sent)


def test_certificate_that_nobody_signed_pauses_the_channel(
    tls: ssl.SSLContext, start_server: StartServer, make_channel: MakeChannel
) -> None:
    mailbox = start_server(tls_context=tls)
    with pytest.raises(ChannelPaused, match="verify_tls"):
        make_channel(port=mailbox.port, security="starttls").send(sample_message(), pass_by)
    assert mailbox.mails == []


def test_missing_starttls_pauses_a_channel_that_insists(start_server: StartServer, make_channel: MakeChannel) -> None:
    mailbox = start_server()
    with pytest.raises(ChannelPaused, match="STARTTLS"):
        make_channel(port=mailbox.port, security="starttls").send(sample_message(), pass_by)


@pytest.mark.parametrize(("excluded", "used"), [("LOGIN", "PLAIN"), ("PLAIN", "LOGIN")])
def test_login_over_starttls(
    excluded: str, used: str, tls: ssl.SSLContext, start_server: StartServer, make_channel: MakeChannel
) -> None:
    mailbox = start_server(tls_context=tls, auth_required=True, auth_exclude_mechanism=[excluded])
    channel = make_channel(port=mailbox.port, **LOGIN)
    channel.check()
    assert isinstance(channel.send(sample_message(), pass_by), Sent)
    assert set(mailbox.mechanisms) == {used}


def test_wrong_password_pauses_the_channel_and_is_not_told(
    tls: ssl.SSLContext, start_server: StartServer, make_channel: MakeChannel
) -> None:
    mailbox = start_server(tls_context=tls, auth_required=True)
    channel = make_channel(port=mailbox.port, username=USERNAME, password="wrong-password")
    with pytest.raises(ChannelPaused, match=r"535 .*Check username and password") as paused:
        channel.send(sample_message(), pass_by)
    assert "wrong-password" not in paused.value.why
    assert len(mailbox.mechanisms) == 1


def test_login_at_a_server_that_knows_none_pauses_the_channel(
    tls: ssl.SSLContext, start_server: StartServer, make_channel: MakeChannel
) -> None:
    mailbox = start_server()
    with pytest.raises(ChannelPaused, match="AUTH"):
        make_channel(port=mailbox.port, **LOGIN).send(sample_message(), pass_by)


def test_missing_login_pauses_the_channel(
    tls: ssl.SSLContext, start_server: StartServer, make_channel: MakeChannel
) -> None:
    mailbox = start_server(tls_context=tls, auth_required=True)
    with pytest.raises(ChannelPaused, match="530"):
        make_channel(port=mailbox.port).send(sample_message(), pass_by)


def test_check_says_what_to_do_about_an_unreachable_server(make_channel: MakeChannel) -> None:
    with pytest.raises(CheckFailed, match=r"127\.0\.0\.1:1: .*Check host and port"):
        make_channel(port=1).check()
