"""One connection on its way through letters: the one place that says MAIL, RCPT, DATA and the final dot.

A lane never blocks and knows of every letter how far it is: whether a mail may have left is decided by that
(see `verdict`). Where the server offers PIPELINING (RFC 2920), MAIL, RCPT and DATA go out in one write, together
with the dot of the letter before: a letter costs one round trip.
"""

from __future__ import annotations

import re
import ssl
import time
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from .letter import Letter
from .phase import SERVICE_CLOSING, Dropped, Phase, Refused
from .replies import Garbage, Replies, Reply
from .session import SmtpSession, reply_lines

RECEIVE_AT_ONCE = 65_536
"""More than a TLS record: what OpenSSL has decrypted must not wait where no selector sees it."""
WRITE_AT_ONCE = 65_536
MAX_TEXT = 400

_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True)
class Accepted:
    """The server took the letter."""

    words: str


@dataclass(frozen=True)
class FoundClosed:
    """The connection had been closed while nothing was going on; nothing of the letter left."""


Said: TypeAlias = Accepted | Refused | Dropped | FoundClosed


class Lane:
    """Carries one letter to its dot, and waits at the same time for the answer to the dot before."""

    def __init__(self, session: SmtpSession, *, sender: str, timeout_s: float) -> None:
        self.session = session
        self.sock = session.sock
        self.sock.setblocking(False)
        self.letter: Letter | None = None
        """The one on its way to its dot."""
        self.is_ready = False
        """The letter's text is out, only its dot is missing."""
        self.told: list[tuple[Letter, Said]] = []
        """What became of letters. Whoever looks takes it away."""
        self.can_pipeline = session.offers("pipelining")
        """Whether the beginning of a letter may go out with the dot of another."""
        self.deadline = time.monotonic() + timeout_s
        self._is_watched = session.is_watched
        self._sender = sender
        self._timeout_s = timeout_s
        self._departed: Letter | None = None
        self._was_used = False
        self._steps: deque[tuple[Phase, bytes]] = deque()
        self._awaited: deque[Phase] = deque()
        self._replies = Replies()
        self._out = memoryview(b"")

    @property
    def is_free(self) -> bool:
        """Whether it can begin a letter."""
        return self.session.is_open and self.letter is None and not self._awaited

    @property
    def is_in_doubt(self) -> bool:
        """Whether a dot is out and its answer is not in."""
        return self._departed is not None

    @property
    def has_more_to_write(self) -> bool:
        """Whether it waits until the connection takes more."""
        return bool(self._out)

    def carries(self, letter: Letter) -> bool:
        """Whether this server can take such an address."""
        return not letter.is_international or self.session.offers("smtputf8")

    def begin(self, letter: Letter) -> None:
        """Start with a letter; only when free."""
        self._write(self._opening(letter))
        self._listen()

    def depart(self, follower: Letter | None) -> None:
        """Write the dot of the letter that is ready, and with it the beginning of `follower`."""
        self._departed, self.letter, self.is_ready = self.letter, None, False
        self.session.is_in_transaction = False
        self.session.completed += 1
        self._awaited.append(Phase.DOT)
        self.session.tell("C: .")
        self._write(b".\r\n" + (self._opening(follower) if follower else b""))
        self._listen()

    def serve(self) -> None:
        """Read and write what the connection allows now."""
        self._read()
        if self._out:
            self._flush()

    def give_up(self) -> Letter | None:
        """Return the letter that has not departed, and close unless the answer to another's dot is awaited.

        Behind 354 there is no other way back: RSET would be text.
        """
        letter, self.letter, self.is_ready = self.letter, None, False
        if not self.is_in_doubt:
            self.drop("given up")
        return letter

    def drop(self, why: str) -> None:
        """Close; no letter gets an answer any more."""
        letter, phase = self.letter, self._phase()
        if self._departed is not None:
            self._tell(Phase.DOT, Dropped(Phase.DOT, why))
        if letter is not None:
            self._tell(phase, Dropped(phase, why))
        self.is_ready = False
        self._awaited.clear()
        self._out = memoryview(b"")
        self.session.abort()

    def _opening(self, letter: Letter) -> bytes:
        """Take a letter on and return what to say first."""
        self.letter = letter
        self._was_used, self.session.is_used = self.session.is_used, True
        self._steps.clear()
        if self.session.is_in_transaction:
            self._steps.append((Phase.MAIL, b"RSET\r\n"))
        self.session.is_in_transaction = True
        self._steps.append((Phase.MAIL, self._mail_command(letter)))
        self._steps.append((Phase.RCPT, f"RCPT TO:<{letter.message.to}>\r\n".encode()))
        self._steps.append((Phase.DATA, b"DATA\r\n"))
        return self._next_steps()

    def _mail_command(self, letter: Letter) -> bytes:
        options = ""
        if not letter.text.isascii() and self.session.offers("8bitmime"):
            options += " BODY=8BITMIME"
        if letter.is_international:
            options += " SMTPUTF8"
        return f"MAIL FROM:<{self._sender}>{options}\r\n".encode()

    def _next_steps(self) -> bytes:
        """Return the commands that may go out now: all of a letter, or one."""
        lines = b""
        while self._steps:
            phase, line = self._steps.popleft()
            self._awaited.append(phase)
            if self._is_watched:
                self.session.tell(f"C: {line.decode().rstrip()}")
            lines += line
            if not self.can_pipeline:
                break
        return lines

    def _write(self, octets: bytes) -> None:
        self._out = memoryview(bytes(self._out) + octets)
        self._flush()

    def _flush(self) -> None:
        try:
            written = self.sock.send(self._out[:WRITE_AT_ONCE])
        except _LATER:
            return
        except OSError as error:
            self._could_not_write(str(error))
            return
        self._out = self._out[written:]
        self._go_on()
        self.is_ready = self._is_in_text() and not self._out

    def _could_not_write(self, why: str) -> None:
        if self._is_in_text():
            self.drop(why)
        # The server may have said 421 before it closed: only its reply can tell.
        self._out = memoryview(b"")

    def _is_in_text(self) -> bool:
        return self.letter is not None and not self._awaited

    def _read(self) -> None:
        try:
            octets = self.sock.recv(RECEIVE_AT_ONCE)
        except _LATER:
            return
        except OSError as error:
            self.drop(str(error))
            return
        if not octets:
            self.drop("the server closed the connection")
            return
        try:
            self._replies.feed(octets)
        except Garbage as error:
            self.drop(str(error))
        self._listen()

    def _listen(self) -> None:
        while self._awaited and (reply := self._replies.next()):
            self._hear(reply)

    def _hear(self, reply: Reply) -> None:
        phase = self._awaited[0]
        if self._is_watched:
            for line in reply_lines(reply.code, reply.words):
                self.session.tell(line)
        expected = 3 if phase is Phase.DATA else 2
        kind = reply.code // 100
        if kind not in (expected, 4, 5):
            self.drop(f"the server said {self._said(phase, reply)}, which means nothing here")
            return
        self._awaited.popleft()
        self._go_on()
        if kind != expected:
            self._refused(phase, reply)
        elif phase is Phase.DOT:
            self._tell(phase, Accepted(self._said(phase, reply)))
        elif phase is Phase.DATA:
            self._say_text()
        elif self._steps:
            self._write(self._next_steps())

    def _refused(self, phase: Phase, reply: Reply) -> None:
        self._steps.clear()
        self._tell(phase, Refused(phase, reply.code, self._words(phase, reply)))
        if reply.code == SERVICE_CLOSING:
            self.drop("the server closed the connection")

    def _say_text(self) -> None:
        if self.letter is None:
            self.drop("the server wants the text of a mail that it refused")
        else:
            if self._is_watched:
                self.session.tell(f"C: (the mail, {len(self.letter.text):,} bytes)")
            self._write(self.letter.text)

    def _tell(self, phase: Phase, said: Said) -> None:
        if phase is Phase.DOT:
            letter, self._departed = self._departed, None
        else:
            letter, self.letter = self.letter, None
        if letter is not None:
            self.told.append((letter, FoundClosed() if self._was_closed(phase, said) else said))

    def _was_closed(self, phase: Phase, said: Said) -> bool:
        is_closed = isinstance(said, Dropped) or (isinstance(said, Refused) and said.code == SERVICE_CLOSING)
        return is_closed and phase is Phase.MAIL and self._was_used

    def _phase(self) -> Phase:
        """Return how far the letter is."""
        return next((phase for phase in self._awaited if phase is not Phase.DOT), Phase.BODY)

    def _said(self, phase: Phase, reply: Reply) -> str:
        code = f"{reply.code} " if reply.code else ""
        return code + self._words(phase, reply)

    def _words(self, phase: Phase, reply: Reply) -> str:
        """Return a server's words on one line, without the customer's address that many servers repeat."""
        letter = self._departed if phase is Phase.DOT else self.letter
        text = reply.words.decode("utf-8", "replace")
        if letter is not None and "@" in text:
            text = re.sub(re.escape(letter.message.to), "recipient", text, flags=re.IGNORECASE)
        return " ".join(text.split())[:MAX_TEXT]

    def _go_on(self) -> None:
        self.deadline = time.monotonic() + self._timeout_s
