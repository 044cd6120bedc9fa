"""The complete mail as bytes: the parts that all mails share are prepared, the standard library writes its headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from hub.mail.gaps import Gapped

_LONGEST_LINE = 998
# "=_" can't occur in quoted-printable text, so no content can look like the boundary (RFC 2045, 6.7).
_BOUNDARY = "=_survey_hub_parts"
_TYPE = f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="{_BOUNDARY}"\r\n\r\n'.encode()
_TEXT, _HTML = (
    f'--{_BOUNDARY}\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
    for kind in ("plain", "html")
)
_END = f"\r\n--{_BOUNDARY}--\r\n".encode()


class _OnlyTheSubjectIsFolded(EmailPolicy):
    """Keeps a long sender on its line: Python folds some address headers into other addresses."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        policy = SMTPUTF8 if self.utf8 else SMTP
        if name.lower() != "subject":
            policy = policy.clone(max_line_length=_LONGEST_LINE)
        return policy.fold_binary(name, value)


_ASCII = _OnlyTheSubjectIsFolded(linesep="\r\n")
_UTF8 = _ASCII.clone(utf8=True)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """What a mail is made of: texts with gaps, and what stands in the gaps of each.

    `to` is a checked address without a name; `headers` hold ASCII on one line.
    """

    to: str
    subject: str
    headers: Mapping[str, str]
    sent_at: datetime
    text: Gapped
    in_text: Mapping[str, str]
    html: Gapped
    in_html: Mapping[str, str]


def build(mail: Mail, sender: str) -> bytes:
    """Return `mail` from `sender` ("Acme <hello@acme.example>") with CRLF line ends.

    Seven-bit throughout, unless an address itself is not ASCII: then headers are UTF-8 (RFC 6532). Raises
    ValueError when `sender` holds a line break.
    """
    is_utf8 = not (mail.to.isascii() and _is_ascii(sender))
    ours = "".join(f"{name}: {value}\r\n" for name, value in mail.headers.items())
    return b"".join(
        (
            _header("From", sender, is_utf8),
            f"To: {mail.to}\r\n".encode(),
            _header("Subject", mail.subject, is_utf8),
            f"Date: {_date(mail.sent_at.replace(microsecond=0))}\r\n{ours}".encode("utf-8" if is_utf8 else "ascii"),
            _TYPE,
            _TEXT,
            mail.text.filled_and_encoded(mail.in_text),
            b"\r\n",
            _HTML,
            mail.html.filled_and_encoded(mail.in_html),
            _END,
        )
    )


@lru_cache(maxsize=1_024)
def _header(name: str, value: str, is_utf8: bool) -> bytes:
    policy = _UTF8 if is_utf8 else _ASCII
    return policy.fold_binary(*policy.header_store_parse(name, value))


@lru_cache(maxsize=16)
def _date(second: datetime) -> str:
    return format_datetime(second)


@lru_cache(maxsize=256)
def _is_ascii(sender: str) -> bool:
    addresses = _ASCII.header_factory("From", sender).addresses
    return all(address.addr_spec.isascii() for address in addresses)
