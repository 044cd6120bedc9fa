"""A person's traits: spellings, merging, and what is read from them (docs/rules.md, "Who")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SPELLINGS = {"created_at": "createdAt", "first_name": "firstName", "last_name": "lastName"}


@dataclass(frozen=True, slots=True)
class Trait:
    """One trait's value and the event that set it."""

    value: Any
    timestamp: datetime
    message_id: str

    def is_newer_than(self, other: Trait) -> bool:
        """Newest wins; of equal timestamps the greater messageId."""
        return (self.timestamp, self.message_id) > (other.timestamp, other.message_id)


Profile = dict[str, Trait]


def resolve_spellings(traits: Mapping[str, Any], fallback: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's traits, each under one name: nulls dropped first, camelCase wins, `fallback` fills gaps."""
    return _resolve(fallback) | _resolve(traits)


def _resolve(traits: Mapping[str, Any]) -> dict[str, Any]:
    present = {name: value for name, value in traits.items() if value is not None}
    for snake, camel in SPELLINGS.items():
        if snake in present:
            value = present.pop(snake)
            present.setdefault(camel, value)
    return present


def merge_traits(
    profile: Profile,
    traits: Mapping[str, Any],
    *,
    timestamp: datetime,
    message_id: str,
    check_address: Callable[[object], str | None],
) -> None:
    """Merge an event's traits into `profile`: newest wins per trait, whatever order events arrive in.

    A malformed address never replaces a known one.
    """
    for name, value in traits.items():
        candidate = Trait(value, timestamp, message_id)
        known = profile.get(name)
        if name == "email" and known is not None and check_address(value) is None:
            continue
        if known is None or candidate.is_newer_than(known):
            profile[name] = candidate


def join_profiles(into: Profile, other: Profile) -> None:
    """Merge the profile of a person found to be the same one: newest trait wins."""
    for name, trait in other.items():
        known = into.get(name)
        if known is None or trait.is_newer_than(known):
            into[name] = trait


def value_of(profile: Profile, name: str) -> Any:
    """Return a trait's value, or None."""
    trait = profile.get(name)
    return None if trait is None else trait.value


def display_name(profile: Profile) -> str | None:
    """Return firstName and lastName, else `name` shown whole, else None; a name is never split."""
    parts = [value_of(profile, "firstName"), value_of(profile, "lastName")]
    full = " ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())
    if full:
        return full
    name = value_of(profile, "name")
    return name.strip() or None if isinstance(name, str) else None


def language_of(profile: Profile, locale: str | None) -> str | None:
    """Return the language a person is written to in: the trait `language` or `locale`, else the last locale seen."""
    for name in ("language", "locale"):
        value = value_of(profile, name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return locale
