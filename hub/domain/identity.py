"""Who an event is about: ids, their namespaces, mailboxes (docs/rules.md, "Who")."""

from __future__ import annotations

import hashlib
import unicodedata
from enum import StrEnum
from typing import NamedTuple


class IdKind(StrEnum):
    """userIds and anonymousIds are separate namespaces."""

    USER = "user"
    ANONYMOUS = "anonymous"

    __hash__ = str.__hash__  # enum's own costs a call for each


class Identity(NamedTuple):
    """One id of a person: unique within its namespace and kind. A tuple, because it is looked up all the time."""

    namespace: str
    kind: IdKind
    value: str


def read_id(value: object) -> str | None:
    """Return an id as text: numbers become strings (0 is "0", 5.0 is "5"), the empty string is no id."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def identities_of(namespace: str, user_id: object, anonymous_id: object) -> tuple[Identity | None, Identity | None]:
    """Return the identities an event carries, the userId first."""
    user, anonymous = read_id(user_id), read_id(anonymous_id)
    return (
        Identity(namespace=namespace, kind=IdKind.USER, value=user) if user else None,
        Identity(namespace=namespace, kind=IdKind.ANONYMOUS, value=anonymous) if anonymous else None,
    )


def mailbox_of(address: str) -> str:
    """Return the key of an address: trimmed, NFC, case-folded. No dot or plus folding."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", address.strip()).casefold())


def fingerprint(kind: str, *parts: str) -> str:
    """Return a one-way key of an address or id (hex SHA-256), so that a suppression outlives an erasure."""
    return hashlib.sha256("\x00".join((kind, *parts)).encode("utf-8", "surrogatepass")).hexdigest()


def is_held_out(survey_id: str, first_id: str, percent: float) -> bool:
    """Return whether this person is never surveyed by this survey: stable for life, `percent` of all people."""
    if percent <= 0:
        return False
    digest = hashlib.sha256(f"{survey_id}{first_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest) % 10_000 < round(percent * 100, 6)
