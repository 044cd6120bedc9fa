"""A person's traits: spellings, merging, and what is read from them (docs/rules.md, "Who")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

SPELLINGS = {"created_at": "createdAt", "first_name": "firstName", "last_name": "lastName"}


class Trait(NamedTuple):
    """One trait's value and the event that set it: a tuple, as it is stored."""

    value: Any
    timestamp: datetime
    message_id: str

    def is_newer_than(self, other: Trait) -> bool:
        """Newest wins; of equal timestamps the greater messageId."""
        return (self.timestamp, self.message_id) > (other.timestamp, other.message_id)


Profile = dict[str, Trait]


def resolve_spellings(traits: Mapping[str, Any], fallback: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's traits, each under one name: nulls dropped first, camelCase wins, `fallback` fills gaps."""
    resolved = _resolve(traits)
    return _resolve(fallback) | resolved if fallback else resolved


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

    A malformed address never replaces a good one.
    """
    join_profiles(
        profile,
        {name: Trait(value, timestamp, message_id) for name, value in traits.items()},
        check_address=check_address,
    )


def join_profiles(
    profile: Profile, other: Mapping[str, Trait], *, check_address: Callable[[object], str | None]
) -> None:
    """Merge other traits into `profile`: newest wins per trait."""
    for name, candidate in other.items():
        known = profile.get(name)
        if known is None:
            profile[name] = candidate
            continue
        is_better = candidate.is_newer_than(known)
        if name == "email":
            ranks = check_address(candidate.value) is not None, check_address(known.value) is not None
            is_better = is_better if ranks[0] == ranks[1] else ranks[0]
        if is_better:
            profile[name] = candidate


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
