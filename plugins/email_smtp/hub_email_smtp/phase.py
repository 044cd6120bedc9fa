"""The phases of the SMTP dialogue, and the failures that name them."""

from __future__ import annotations

from enum import Enum

SERVICE_CLOSING = 421


class Phase(Enum):
    """Where in the dialogue something happened."""

    CONNECT = "the connection"
    TLS = "the TLS handshake"
    GREETING = "the greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "the login"
    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"
    BODY = "the mail's text"
    DOT = "the end of the mail"


class Refused(Exception):
    """The server answered with 4xx or 5xx."""

    def __init__(self, phase: Phase, code: int, text: str) -> None:
        super().__init__(f"{phase.value}: {code} {text}")
        self.phase = phase
        self.code = code
        self.text = text


class Dropped(Exception):
    """No answer came: connection refused, lost or timed out, or something that is not SMTP."""

    def __init__(self, phase: Phase, why: str) -> None:
        super().__init__(f"no answer at {phase.value}: {why}")
        self.phase = phase


class Unfit(Exception):
    """The server lacks an extension that is needed."""

    def __init__(self, phase: Phase, why: str) -> None:
        super().__init__(why)
        self.phase = phase
