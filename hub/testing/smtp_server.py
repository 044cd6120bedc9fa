"""A mail server on 127.0.0.1 that does what a test tells it, above all what no server should do."""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Condition, Thread
from types import TracebackType
from typing import BinaryIO, Literal, Self, TypeAlias

Phase: TypeAlias = Literal[
    "greeting",
    "ehlo",
    "helo",
    "starttls",
    "auth",
    "noop",
    "rset",
    "mail",
    "rcpt",
    "data",
    "body",
    "head",
    "dot",
    "quit",
]

LINGER_RESET = struct.pack("ii", 1, 0)
PATIENCE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Say:
    """Answer `text` (lines apart by CRLF) and, if `hang_up`, close the connection behind it.

    `waits`: only together with the next answer, in one packet; a client that does not pipeline waits for ever.
    """

    text: str
    hang_up: bool = False
    waits: bool = False


@dataclass(frozen=True, kw_only=True)
class Drop:
    """Close the connection without an answer; `reset` does it the hard way, with an RST.

    After the final dot the mail is kept, unless `loses_mail`.
    """

    reset: bool = False
    loses_mail: bool = False


@dataclass(frozen=True)
class Hang:
    """Never answer again; wait until the client or the test ends it."""


Act: TypeAlias = Say | Drop | Hang


@dataclass(frozen=True, kw_only=True)
class ReceivedMail:
    """A mail that the server holds. `data` is un-stuffed and without the final dot."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    connection: int
    mail_options: str = ""


class ScriptedSmtpServer:
    """Serves one thread a connection. Without a script it takes every mail; use it as a context manager.

    `received` holds the mails whose final dot was read, except those refused with 4xx or 5xx: a mail that was
    taken but never answered for is there. The phase "body" comes with the first line of a mail, "head" once its
    headers were read. `commands` are the lines that came in, `connections` a count.
    """

    def __init__(
        self, *, extensions: Sequence[str] = ("8BITMIME", "SMTPUTF8"), one_byte_at_a_time: bool = False
    ) -> None:
        self.received: list[ReceivedMail] = []
        self.unfinished: list[bytes] = []
        """What came of mails whose final dot never did."""
        self.turned_away: list[bytes] = []
        """The mails that were refused, or lost, after their final dot."""
        self.commands: list[str] = []
        self.connections = 0
        self.extensions = tuple(extensions)
        self.one_byte_at_a_time = one_byte_at_a_time
        self.pause_between_bytes_s = 0.0
        """More than 0: it says one byte at a time, and waits so long after each."""
        self.respond: Callable[[Phase, str], Act | None] = lambda phase, recipient: None
        """What to do where no script says it, by the phase and the recipient as far as known; None: as usual."""
        self._changed = Condition()
        self._scripts: dict[str, deque[Act]] = {}
        self._lasting: dict[str, Act] = {}
        self._open: dict[int, socket.socket] = {}
        self._threads: list[Thread] = []
        self._is_stopping = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._acceptor = Thread(target=self._accept, name="scripted-smtp", daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._listener.getsockname()[1])

    def script(self, phase: Phase, *acts: Act) -> None:
        """Do these acts at the next occurrences of a phase, one each; then serve as usual."""
        with self._changed:
            self._scripts.setdefault(phase, deque()).extend(acts)

    def always(self, phase: Phase, act: Act) -> None:
        """Do this act whenever the phase comes."""
        with self._changed:
            self._lasting[phase] = act

    def wait_until_all_closed(self) -> None:
        """Return when no connection is open any more; all that clients did before is then seen."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._open, PATIENCE_S):
                raise TimeoutError(f"connections still open after {PATIENCE_S} s: {sorted(self._open)}")

    def stop(self) -> None:
        """Close every connection and end every thread."""
        with self._changed:
            self._is_stopping = True
        socket.create_connection(self._listener.getsockname(), PATIENCE_S).close()
        self._acceptor.join(PATIENCE_S)
        self._listener.close()
        with self._changed:
            for connection in self._open.values():
                with suppress(OSError):  # the client was faster
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with self._changed:
                if self._is_stopping:
                    connection.close()
                    return
                self.connections += 1
                self._open[self.connections] = connection
                thread = Thread(target=self._serve, args=(self.connections, connection), daemon=True)
                self._threads.append(thread)
            thread.start()

    def _serve(self, number: int, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = connection.makefile("rb")
        try:
            _Dialogue(self, number, connection, lines).run()
        except (OSError, _HungUp):
            pass
        finally:
            with self._changed:
                lines.close()
                connection.close()
                del self._open[number]
                self._changed.notify_all()

    def _next_act(self, phase: Phase, recipient: str = "") -> Act | None:
        with self._changed:
            scripted = self._scripts.get(phase)
            act = scripted.popleft() if scripted else self._lasting.get(phase)
        return act or self.respond(phase, recipient)


class _HungUp(Exception):
    pass


@dataclass
class _Dialogue:
    server: ScriptedSmtpServer
    number: int
    connection: socket.socket
    lines: BinaryIO
    sender: str = ""
    mail_options: str = ""
    recipients: list[str] = field(default_factory=list)
    held_back: str = ""

    def run(self) -> None:
        self._answer("greeting", "220 scripted.example ESMTP")
        while line := self.lines.readline():
            self._obey(line.decode("utf-8", "replace").rstrip("\r\n"))

    def _obey(self, line: str) -> None:
        self.server.commands.append(line)
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "EHLO":
                self._answer("ehlo", _multiline("scripted.example", *self.server.extensions))
            case "HELO":
                self._answer("helo", "250 scripted.example")
            case "STARTTLS":
                self._answer("starttls", "454 4.7.0 TLS not available")
            case "AUTH":
                self._answer("auth", "235 2.7.0 Authenticated")
            case "NOOP":
                self._answer("noop", "250 2.0.0 Ok")
            case "RSET":
                self._forget()
                self._answer("rset", "250 2.0.0 Ok")
            case "MAIL":
                self._mail(rest)
            case "RCPT":
                self._rcpt(rest)
            case "DATA":
                self._data()
            case "QUIT":
                self._answer("quit", "221 2.0.0 Bye")
                raise _HungUp
            case _:
                self._say("500 5.5.2 Unknown command")

    def _mail(self, rest: str) -> None:
        if self.sender:
            self._say("503 5.5.1 Nested MAIL command")
        elif self._answer("mail", "250 2.1.0 Ok"):
            self.sender, self.mail_options = _path(rest)

    def _rcpt(self, rest: str) -> None:
        recipient = _path(rest)[0]
        if not self.sender:
            self._say("503 5.5.1 MAIL first")
        elif self._answer("rcpt", "250 2.1.5 Ok", recipient):
            self.recipients.append(recipient)

    def _data(self) -> None:
        usual = "354 Go ahead" if self.recipients else "503 5.5.1 No recipient"
        if self._answer("data", usual, self._recipient):
            self._read_mail()

    def _read_mail(self) -> None:
        text = bytearray()
        try:
            self._read_text(text)
        except (OSError, _HungUp):
            self.server.unfinished.append(bytes(text))
            raise
        mail = ReceivedMail(
            sender=self.sender,
            recipients=tuple(self.recipients),
            data=bytes(text),
            connection=self.number,
            mail_options=self.mail_options,
        )
        recipient = self._recipient
        self._forget()
        act = self.server._next_act("dot", recipient) or Say(text="250 2.0.0 Ok: queued as 4XQ")
        is_kept = act.text.startswith("2") if isinstance(act, Say) else not (isinstance(act, Drop) and act.loses_mail)
        if is_kept:
            self.server.received.append(mail)
        else:
            self.server.turned_away.append(mail.data)
        self._do(act)

    def _read_text(self, text: bytearray) -> None:
        is_head = True
        while (line := self.lines.readline()) != b".\r\n":
            if not line:
                raise _HungUp
            phase: Phase | None = None if text else "body"
            text += line.removeprefix(b".")
            if is_head and line == b"\r\n":
                phase, is_head = "head", False
            if phase and (act := self.server._next_act(phase, self._recipient)):
                self._do(act)

    @property
    def _recipient(self) -> str:
        return self.recipients[0] if self.recipients else ""

    def _forget(self) -> None:
        self.sender, self.mail_options, self.recipients = "", "", []

    def _answer(self, phase: Phase, usual: str, recipient: str = "") -> bool:
        """Do what the script says, or else answer `usual`; return whether the client was told to go on."""
        act = self.server._next_act(phase, recipient) or Say(text=usual)
        self._do(act)
        return isinstance(act, Say) and act.text[0] in "23"

    def _do(self, act: Act) -> None:
        match act:
            case Say(waits=True):
                self.held_back += f"{act.text}\r\n"
            case Say():
                self._say(act.text)
                if act.hang_up:
                    raise _HungUp
            case Drop():
                if act.reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
                raise _HungUp
            case Hang():
                while self.connection.recv(65_536):
                    pass
                raise _HungUp

    def _say(self, text: str) -> None:
        octets = f"{self.held_back}{text}\r\n".encode()
        self.held_back = ""
        while octets:
            pause_s = self.server.pause_between_bytes_s
            step = 1 if self.server.one_byte_at_a_time or pause_s else len(octets)
            self.connection.sendall(octets[:step])
            octets = octets[step:]
            time.sleep(pause_s)


def _path(rest: str) -> tuple[str, str]:
    path, _, options = rest.partition(">")
    return path.partition("<")[2], options.strip()


def _multiline(*lines: str) -> str:
    marks = ["-"] * (len(lines) - 1) + [" "]
    return "\r\n".join(f"250{mark}{line}" for mark, line in zip(marks, lines, strict=True))
