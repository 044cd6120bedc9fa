"""The sender of all mails of a connection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.headerregistry import AddressHeader
from email.policy import default
from typing import Any

_MAILBOX = re.compile(r"[^\s<>@\"\\,;:()\[\]]+@[^\s<>@\"\\,;:()\[\]]+")
_NO_ADDRESS = 'This is no mail address; write it as in "Acme <hello@acme.example>".'


@dataclass(frozen=True, kw_only=True)
class Sender:
    """An ASCII address, and the name before it, which may be "" or in any script."""

    address: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Sender:
        """Return the sender written as `Acme <hello@acme.example>` or bare address; ValueError otherwise."""
        if not text.isprintable():
            raise ValueError("A sender is one line without control characters.")
        header = _parsed(text)
        mailboxes = header.addresses if isinstance(header, AddressHeader) else ()
        if len(mailboxes) != 1:
            raise ValueError(
                'Give one sender, as in "Acme <hello@acme.example>"; put a name with a comma in double quotes.'
            )
        address, name = mailboxes[0].addr_spec, mailboxes[0].display_name
        if header.defects or not _MAILBOX.fullmatch(address):
            raise ValueError(_NO_ADDRESS)
        if not address.isascii():
            raise ValueError("SendGrid takes ASCII addresses only; write an international domain as xn--...")
        return cls(address=address, name=name)


def _parsed(text: str) -> Any:
    try:
        return default.header_factory("From", text)
    except Exception:  # noqa: BLE001  Python's parser raises AttributeError, IndexError and more for odd names
        raise ValueError(_NO_ADDRESS) from None
