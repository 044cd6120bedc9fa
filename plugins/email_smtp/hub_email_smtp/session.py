"""One SMTP connection from its opening to its goodbye; what lies between is a lane's (see `lane`).

The commands of `smtplib` are driven one by one, and every failure names its phase: what it means for the channel is
decided by that (see `verdict`).
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from .phase import SERVICE_CLOSING, Dropped, Phase, Refused, Unfit
from .settings import Relay

QUIT_TIMEOUT_S = 2.0
NOT_IMPLEMENTED = (500, 502)
MAX_TEXT = 400


class SmtpSession:
    """An open, greeted and logged-in connection. Used by one thread at a time.

    `completed` counts the mails whose dot went out; `is_used` says whether one was begun, `is_in_transaction` whether
    the newest has to be reset before another begins.
    """

    def __init__(self, relay: Relay, *, tell: Callable[[str], None] | None = None) -> None:
        """Connect; raise `Refused`, `Dropped` or `Unfit` if that fails. `tell` hears what both sides say."""
        self.is_watched = tell is not None
        self.tell = tell or _unheard
        self.completed = 0
        self.is_used = False
        self.is_in_transaction = False
        self._relay = relay
        self._client = _Client(self.tell, local_hostname=relay.helo or _own_name(), timeout=relay.timeout_s)
        self._client.command_encoding = "utf-8"
        try:
            self._open()
        except BaseException:
            self.abort()
            raise

    @property
    def is_open(self) -> bool:
        """Whether the connection can take another command, as far as this side knows."""
        return self._client.sock is not None

    @property
    def is_worn_out(self) -> bool:
        """Whether it had its share of messages."""
        return self.completed >= self._relay.messages_per_connection

    @property
    def is_at_its_last(self) -> bool:
        """Whether the message in hand is the last of its share."""
        return self.completed + 1 >= self._relay.messages_per_connection

    @property
    def sock(self) -> socket.socket:
        """The socket, while it is open."""
        if self._client.sock is None:
            raise ConnectionError("the connection is closed")
        return self._client.sock

    def offers(self, extension: str) -> bool:
        """Whether the server's EHLO named an extension."""
        return self._client.has_extn(extension)

    def noop(self) -> None:
        """Ask the server for a sign of life."""
        self._command(Phase.MAIL, "NOOP")

    def quit(self) -> None:
        """Say goodbye and close. What goes wrong here changes nothing about the mails that were sent."""
        if self._client.sock is not None:
            with suppress(OSError):
                self._client.sock.settimeout(min(QUIT_TIMEOUT_S, self._relay.timeout_s))
                self._client.docmd("QUIT")
        self.abort()

    def abort(self) -> None:
        """Close the socket without a word; a mail without its dot is thrown away by the server."""
        with suppress(OSError):
            self._client.close()

    def _open(self) -> None:
        relay = self._relay
        try:
            self._client.sock = socket.create_connection((relay.host, relay.port), relay.timeout_s)
        except (OSError, UnicodeError) as error:
            raise Dropped(Phase.CONNECT, str(error)) from error
        self.tell(f"*  connected to {relay.host}:{relay.port}")
        # A mail ends with two small writes, the text and the dot: Nagle's delay would hold back the second.
        self._client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if relay.implicit_tls:
            self._encrypt()
        self._reply(Phase.GREETING)
        self._greet()
        if self._wants_starttls():
            self._command(Phase.STARTTLS, "STARTTLS")
            self._encrypt()
            self._greet()
        if relay.username is not None:
            self._log_in(relay.username, relay.password or "")

    def _wants_starttls(self) -> bool:
        offered = self.offers("starttls")
        if self._relay.must_starttls and not offered:
            raise Unfit(Phase.STARTTLS, "the server does not offer STARTTLS, which the settings insist on")
        return self._relay.may_starttls and offered

    def _encrypt(self) -> None:
        context = ssl.create_default_context()
        if not self._relay.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        # What came in before the handshake is forgotten: anybody on the way could have written it.
        if self._client.file is not None:
            self._client.file.close()
            self._client.file = None
        try:
            self._client.sock = context.wrap_socket(self.sock, server_hostname=self._relay.host)
        except (OSError, ValueError) as error:
            raise Dropped(Phase.TLS, str(error)) from error
        checked = "certificate checked" if self._relay.verify_tls else "certificate not checked"
        self.tell(f"*  encrypted with {self._client.sock.version()}, {checked}")

    def _greet(self) -> None:
        try:
            self._reply(Phase.EHLO, read=self._client.ehlo)
        except Refused as refused:
            if refused.code not in NOT_IMPLEMENTED:
                raise
            self._reply(Phase.EHLO, read=self._client.helo)

    def _log_in(self, username: str, password: str) -> None:
        self._client.user, self._client.password = username, password
        self._client.is_secret = True
        answers: dict[str, Callable[..., Any]] = {
            "PLAIN": self._client.auth_plain,
            "LOGIN": self._client.auth_login,
            "CRAM-MD5": self._client.auth_cram_md5,
        }
        offered = self._client.esmtp_features.get("auth", "").upper().split()
        mechanism = next((mechanism for mechanism in answers if mechanism in offered), None)
        if mechanism is None:
            raise Unfit(Phase.AUTH, "the server offers no AUTH mechanism known here, but a username is set")
        # One mechanism, one attempt: smtplib's own login() tries all, and accounts are locked for that.
        try:
            self._client.auth(mechanism, answers[mechanism])
        except smtplib.SMTPAuthenticationError as error:
            raise Refused(Phase.AUTH, error.smtp_code, _text(error.smtp_error)) from None
        except OSError as error:
            raise Dropped(Phase.AUTH, str(error)) from None
        finally:
            self._client.is_secret = False

    def _command(self, phase: Phase, line: str) -> str:
        self.tell(f"C: {line}")
        self._write(phase, f"{line}\r\n".encode())
        return self._reply(phase)

    def _write(self, phase: Phase, octets: bytes) -> None:
        try:
            self.sock.sendall(octets)
        except OSError as error:
            self.abort()
            raise Dropped(phase, str(error)) from error

    def _reply(self, phase: Phase, *, expect: int = 2, read: Callable[[], tuple[int, bytes]] | None = None) -> str:
        try:
            code, words = (read or self._client.getreply)()
        except OSError as error:  # all of smtplib's own are OSErrors, also the 500 it invents for a long line
            self.abort()
            raise Dropped(phase, str(error)) from error
        text = _text(words)
        if code // 100 not in (expect, 4, 5):
            self.abort()
            raise Dropped(phase, f"the server said {code} {text}, which means nothing here")
        if code == SERVICE_CLOSING:
            self.abort()
        if code // 100 != expect:
            raise Refused(phase, code, text)
        return f"{code} {text}"


class _Client(smtplib.SMTP):
    """Tells what it says and hears; while `is_secret`, only what it begins with."""

    def __init__(self, tell: Callable[[str], None], **options: Any) -> None:
        super().__init__(**options)
        self.is_secret = False
        self._tell = tell

    def putcmd(self, cmd: str, args: str = "") -> None:
        if not self.is_secret:
            self._tell(f"C: {cmd} {args}".rstrip())
        elif cmd == "AUTH":
            self._tell(f"C: AUTH {args.partition(' ')[0]} (hidden)")
        else:
            self._tell("C: (hidden)")
        super().putcmd(cmd, args)

    def getreply(self) -> tuple[int, bytes]:
        code, words = super().getreply()
        for line in reply_lines(code, words):
            self._tell(line)
        return code, words


def _unheard(line: str) -> None:
    pass


def reply_lines(code: int, words: bytes) -> list[str]:
    """Return a server's reply as its lines were, to be told."""
    *first, last = words.decode("utf-8", "replace").split("\n")
    return [*(f"S: {code}-{line}" for line in first), f"S: {code} {last}".rstrip()]


def _text(words: bytes | str) -> str:
    text = words if isinstance(words, str) else words.decode("utf-8", "replace")
    return " ".join(text.split())[:MAX_TEXT]


@cache
def _own_name() -> str:
    name = socket.getfqdn()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
