"""The sender of all mails of a connection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.headerregistry import AddressHeader
from email.policy import default

_MAILBOX = re.compile(r"[^\s<>@\"\\,;:()\[\]]+@[^\s<>@\"\\,;:()\[\]]+")


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
        header = default.header_factory("From", text)
        mailboxes = header.addresses if isinstance(header, AddressHeader) else ()
        if len(mailboxes) != 1:
            raise ValueError(
                'Give one sender, as in "Acme <hello@acme.example>"; put a name with a comma in double quotes.'
            )
        address, name = mailboxes[0].addr_spec, mailboxes[0].display_name
        if header.defects or not _MAILBOX.fullmatch(address):
            raise ValueError('This is no mail address; write it as in "Acme <hello@acme.example>".')
        if not address.isascii():
            raise ValueError("SendGrid takes ASCII addresses only; write an international domain as xn--...")
        return cls(address=address, name=name)
