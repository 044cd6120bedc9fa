"""A mail server on this machine that takes every mail and keeps it in memory.

`python3 -m hub.demo.mailbox` runs it by itself: it prints what comes to port 2525 and sends nothing on.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import cached_property
from typing import Any

import click

_SURVEY_LINK = re.compile(r"https?://\S+/s/[A-Za-z0-9._~-]+")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail as it came over the wire."""

    number: int
    recipient: str
    content: bytes
    arrived_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def message(self) -> EmailMessage:
        """The mail as the standard library reads it."""
        return message_from_bytes(self.content, policy=default)

    @property
    def subject(self) -> str:
        """The subject, or a word for none."""
        return str(self.message["Subject"] or "(no subject)")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All headers, in their order."""
        return [(name, str(value)) for name, value in self.message.items()]

    @property
    def text(self) -> str:
        """The text part, empty when there is none."""
        return _content(self.message.get_body(("plain",)))

    @property
    def html(self) -> str:
        """The HTML part, empty when there is none."""
        return _content(self.message.get_body(("html",)))

    @property
    def survey_url(self) -> str:
        """The address of the survey page, without a score; empty when the mail has none."""
        found = _SURVEY_LINK.search(self.text)
        return found[0] if found else ""

    @property
    def unsubscribe_url(self) -> str:
        """The address in `List-Unsubscribe` (RFC 2369); empty when there is none."""
        return str(self.message["List-Unsubscribe"] or "").strip("<> ")


def _content(part: Any) -> str:
    return str(part.get_content()) if part is not None else ""


class Mailbox:
    """Takes mail for everybody. `close` ends it."""

    def __init__(self, port: int) -> None:
        from aiosmtpd.controller import Controller

        self.host = "127.0.0.1"
        self.port = port
        self._mails: list[Mail] = []
        self._lock = threading.Lock()
        self._controller = Controller(self, hostname=self.host, port=port, server_hostname="mailbox.example")
        self._controller.start()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        """Keep one mail for each of its recipients."""
        with self._lock:
            for recipient in envelope.rcpt_tos:
                number = len(self._mails) + 1
                content = envelope.original_content or b""
                self._mails.append(Mail(number=number, recipient=recipient, content=content))
        return "250 2.0.0 kept"

    def mails(self) -> list[Mail]:
        """Return what came, in order."""
        with self._lock:
            return list(self._mails)

    def mail(self, number: int) -> Mail | None:
        """Return the mail of this number, or None."""
        return next((mail for mail in self.mails() if mail.number == number), None)

    def close(self) -> None:
        """Take no more mail."""
        self._controller.stop()


class PrintingMailbox(Mailbox):
    """Prints every mail as it comes."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        """Keep one mail for each of its recipients, and print it."""
        known = len(self.mails())
        answer = await super().handle_DATA(server, session, envelope)
        for mail in self.mails()[known:]:
            text = "\n".join(mail.text.splitlines())
            click.echo(f"\nTo: {mail.recipient}\nSubject: {mail.subject}\n\n{text}")
        return answer


def main(port: int = 2525) -> None:
    """Print what comes until the keyboard interrupts."""
    mailbox = PrintingMailbox(port)
    click.echo(f"Mails to {mailbox.host} port {port} are printed here and go nowhere. Ctrl-C stops it.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("Stopped.")
    finally:
        mailbox.close()


if __name__ == "__main__":
    main()
