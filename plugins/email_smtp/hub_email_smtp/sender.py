"""The sender of all mails of a connection: the envelope address and the From header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import AddressHeader
from email.policy import default
from email.utils import formataddr
from typing import Any

_MAILBOX = re.compile(r"[^\s<>@\"\\,;:()\[\]]+@[^\s<>@\"\\,;:()\[\]]+")
_NO_ADDRESS = 'This is not a mail address. Write it as in "Acme <hello@acme.example>".'


@dataclass(frozen=True, kw_only=True)
class Sender:
    """`address` goes into the envelope, `header` behind `From: `; both are ASCII on one line. `name` may be ""."""

    address: str
    header: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Sender:
        """Return the sender written as `Acme <hello@acme.example>` or bare address; ValueError otherwise."""
        if not text.isprintable():
            raise ValueError("Line breaks and control characters are not allowed in a sender.")
        parsed = _parsed(text)
        addresses = parsed.addresses if isinstance(parsed, AddressHeader) else ()
        if len(addresses) != 1:
            raise ValueError(
                'Give exactly one sender, as in "Acme <hello@acme.example>"; put a name with a comma in double quotes.'
            )
        address, name = addresses[0].addr_spec, addresses[0].display_name
        if not _MAILBOX.fullmatch(address) or parsed.defects:
            raise ValueError(_NO_ADDRESS)
        if not address.isascii():
            raise ValueError("The sender's address must be ASCII; write an international domain as xn--...")
        return cls(address=address, header=_header(name, address), name=name)


def _parsed(text: str) -> Any:
    try:
        return default.header_factory("From", text)
    except Exception:  # noqa: BLE001  Python's parser raises AttributeError, IndexError and more for odd names
        raise ValueError(_NO_ADDRESS) from None


def _header(name: str, address: str) -> str:
    if name.isascii():
        return formataddr((name, address))
    words = " ".join(Header(name, "utf-8", maxlinelen=75).encode().split())
    return f"{words} <{address}>"
