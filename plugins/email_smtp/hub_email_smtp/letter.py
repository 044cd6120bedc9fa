"""A message as it goes over the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hub.plugin import Message

_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, kw_only=True)
class Letter:
    """`text` is what goes from 354 up to the final dot, which is not part of it."""

    message: Message
    text: bytes

    @classmethod
    def of(cls, message: Message, *, sender: str) -> Letter:
        """Return `message` with `sender` in its From header."""
        return cls(message=message, text=without_final_dot(message.mime(sender)))

    @property
    def is_international(self) -> bool:
        """Whether only a server with SMTPUTF8 can take it."""
        return not self.message.to.isascii()


def without_final_dot(mail: bytes) -> bytes:
    """Return the bytes from 354 to the final dot: CRLF line ends, dots doubled (RFC 5321, 4.5.2)."""
    if not mail.count(b"\r\n") == mail.count(b"\n") == mail.count(b"\r"):
        mail = _LINE_END.sub(b"\r\n", mail)
    if not mail.endswith(b"\r\n"):
        mail += b"\r\n"
    if mail.startswith(b"."):
        mail = b"." + mail
    return mail.replace(b"\n.", b"\n..")
