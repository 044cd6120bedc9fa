"""The complete mail as bytes, by the standard library's email package."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from typing import Any

_LONGEST_LINE = 998


class _OnlyTheSubjectIsFolded(EmailPolicy):
    """Keeps every other header on its line: Python folds a long List-Unsubscribe into encoded words, which no
    mail program follows, and some address headers into other addresses."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        policy = SMTPUTF8 if self.utf8 else SMTP
        if name.lower() != "subject":
            policy = policy.clone(max_line_length=_LONGEST_LINE)
        return policy.fold_binary(name, value)


_ASCII = _OnlyTheSubjectIsFolded(linesep="\r\n")
_UTF8 = _ASCII.clone(utf8=True)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """The parts of a mail. `seed` makes the boundary: equal mails are equal bytes."""

    to: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    sent_at: datetime
    seed: str


def build(mail: Mail, sender: str) -> bytes:
    """Return `mail` from `sender` ("Acme <hello@acme.example>") with CRLF line ends.

    Seven-bit throughout, unless an address itself is not ASCII: then headers are UTF-8 (RFC 6532). Raises
    ValueError when `sender` holds a line break.
    """
    message = EmailMessage(policy=_UTF8 if _needs_utf8(mail.to, sender) else _ASCII)
    message["From"] = sender
    message["To"] = _bare(mail.to)
    message["Subject"] = mail.subject
    message["Date"] = mail.sent_at
    for name, value in mail.headers.items():
        message[name] = value
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    message.set_boundary(_boundary(mail.seed))
    return message.as_bytes()


def _needs_utf8(to: str, sender: str) -> bool:
    senders = _ASCII.header_factory("From", sender).addresses
    return not (to.isascii() and all(address.addr_spec.isascii() for address in senders))


def _bare(address: str) -> Address:
    # Address(addr_spec=) refuses what RFC 6531 allows before the @.
    username, _, domain = address.rpartition("@")
    return Address(username=username, domain=domain)


def _boundary(seed: str) -> str:
    # "=_" can't occur in quoted-printable text, so no content can look like the boundary (RFC 2045, 6.7).
    return f"=_{hashlib.sha256(seed.encode()).hexdigest()[:32]}"
