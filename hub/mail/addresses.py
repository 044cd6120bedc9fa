"""Which addresses can be mailed."""

from __future__ import annotations

import re
from functools import lru_cache

from email_validator import SPECIAL_USE_DOMAIN_NAMES, ValidatedEmail, validate_email

_LONGEST = 254
"""Characters of an address that fits an SMTP path (RFC 5321, 4.5.3.1.3)."""


def check_address(text: object) -> str | None:
    """Return the address to mail to, trimmed and NFC, or None if `text` is none that mail could reach.

    Only the form is looked at, never DNS. Addresses in other scripts pass (RFC 6531); names that no public
    mail server can have (`.test`, `.local`, `.invalid`) do not. email-validator lets `.example` pass.
    """
    if not isinstance(text, str):
        return None
    trimmed = text.strip()
    return _checked(trimmed) if 0 < len(trimmed) <= _LONGEST else None


@lru_cache(maxsize=16_384)
def _checked(trimmed: str) -> str | None:
    """Return what mail can reach; the rules ask several times for each event."""
    if _is_plain(trimmed):
        return trimmed
    valid = _validated(trimmed)
    return valid.normalized if valid else None


def wire_address(address: str) -> str:
    """Return a checked address as mail systems take it: all in ASCII where its domain allows that.

    Any other result needs SMTPUTF8 (RFC 6531) all the way.
    """
    if _is_plain(address):
        return address
    valid = _validated(address)
    return (valid.ascii_email or valid.normalized) if valid else address


_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN = re.compile(rf"[\w+-]+(?:\.[\w+-]+)*@(?:{_LABEL}\.)+([a-z]{{2,63}})", re.ASCII)


def _is_plain(address: str) -> bool:
    """Return whether an address is of the common form that email-validator passes unchanged; it judges all others."""
    match = _PLAIN.fullmatch(address)
    return match is not None and "--" not in address and match[1] not in SPECIAL_USE_DOMAIN_NAMES


@lru_cache(maxsize=16_384)
def _validated(address: str) -> ValidatedEmail | None:
    try:
        return validate_email(address, check_deliverability=False, allow_smtputf8=True)
    except ValueError:  # EmailNotValidError, and the UnicodeError of lone surrogates, are both one
        return None
