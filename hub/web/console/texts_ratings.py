"""The ratings of a survey in the form of its texts: what each is called, in exports and by customers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from hub.domain.texts import MOST_RATINGS, isolated, texts_of
from hub.mail.own_texts import SHIPPED, plain_label
from hub.web.console.forms import Field

_SPARE = 2
_NO_NAME = re.compile("[^a-z0-9]+")
_LONGEST_NAME = 30


@dataclass(frozen=True, kw_only=True)
class Rating:
    """A thing to rate beside the score: what exports call it, and what customers read."""

    name: Field
    label: Field


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What somebody typed of a rating, as they typed it."""

    name: str
    label: str


def ratings_of(
    settings: Mapping[str, Any],
    language: str,
    typed: Sequence[Typed] | None,
    problems: Mapping[str, str],
    attributes: Mapping[str, str],
) -> Iterator[Rating]:
    """Yield the fields of all ratings and of some more, with what was typed, else with what is stored.

    `problems` are those of labels, by the rating's name; `attributes` are how labels are written.
    """
    told = _stored(settings, language) if typed is None else typed
    rows = [*told, *[Typed(name="", label="")] * _SPARE][:MOST_RATINGS]
    standing = _standing(settings, language)
    for number, (one, name) in enumerate(zip(rows, _names(rows), strict=True)):
        yield Rating(
            label=Field(
                name=f"rating-{number}-label",
                label="What customers read",
                value=one.label,
                problem=problems.get(name, ""),
                placeholder=isolated(standing.get(name) or plain_label(name), language),
                attributes=attributes,
                is_default_shown=True,
            ),
            name=Field(
                name=f"rating-{number}-name",
                label="Name in exports",
                value=one.name,
                is_default_shown=True,
            ),
        )


def typed_ratings(form: MultiDict[str, str]) -> list[Typed] | None:
    """Return what was typed of each rating that is not left empty; None where the form has none."""
    if "rating-0-name" not in form:
        return None
    rows = (
        Typed(name=form.get(f"rating-{number}-name", ""), label=form.get(f"rating-{number}-label", ""))
        for number in range(MOST_RATINGS)
    )
    return [one for one in rows if one.name or one.label]


def meant(typed: Sequence[Typed]) -> list[tuple[str, str]]:
    """Return names and labels; a label without a name gets one of its own, made of it."""
    return [(name, one.label.strip()) for name, one in zip(_names(typed), typed, strict=True) if name]


def unlabelled(settings: Mapping[str, Any], language: str) -> list[str]:
    """Return what customers read, in quotes, of ratings that have no label in a language other than the survey's."""
    if language == settings.get("language"):
        return []
    standing = _standing(settings, language)
    return [f"“{plain_label(name)}”" for name in settings["ratings"] if name and name not in standing]


def _stored(settings: Mapping[str, Any], language: str) -> list[Typed]:
    labels = (settings["texts"].get(language) or {}).get("ratings") or {}
    return [Typed(name=name, label=str(labels.get(name) or "")) for name in settings["ratings"]]


def _names(typed: Sequence[Typed]) -> list[str]:
    """Return the name of each rating, "" for none."""
    names = [one.name.strip() for one in typed]
    for at, one in enumerate(typed):
        if not names[at] and one.label.strip():
            names[at] = _new_name(one.label, at + 1, names)
    return names


def _standing(settings: Mapping[str, Any], language: str) -> dict[str, str]:
    """Return the labels that a survey has of its own for a language, by the rating's name."""
    texts = texts_of(settings)
    found = {name: texts.text(f"ratings.{name}", language, SHIPPED) for name in settings["ratings"]}
    return {name: label for name, label in found.items() if label}


def _new_name(label: str, number: int, taken: Collection[str]) -> str:
    name = _NO_NAME.sub("-", label.lower()).strip("-")[:_LONGEST_NAME].rstrip("-") or f"rating-{number}"
    endings = ("", *(f"-{count}" for count in range(2, MOST_RATINGS + 2)))
    return next(one for ending in endings if (one := name[: _LONGEST_NAME - len(ending)] + ending) not in taken)
