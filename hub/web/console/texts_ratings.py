"""The ratings of a survey in the form of its texts: what each is called, in exports and by customers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
    rows = _stored(settings, language) if typed is None else typed
    spare = [Typed(name="", label="")] * _SPARE
    standing = _standing(settings, language)
    for number, one in enumerate([*(row for row in rows if row.name or row.label), *spare][:MOST_RATINGS]):
        name = one.name.strip()
        yield Rating(
            label=Field(
                name=f"rating-{number}-label",
                label="What customers read",
                value=one.label,
                problem=problems.get(name, "") if name else "",
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
    """Return what was typed of the ratings; None where the form has none."""
    if "rating-0-name" not in form:
        return None
    return [
        Typed(name=form.get(f"rating-{number}-name", ""), label=form.get(f"rating-{number}-label", ""))
        for number in range(MOST_RATINGS)
    ]


def meant(typed: Sequence[Typed]) -> list[tuple[str, str]]:
    """Return names and labels; a label without a name gets one of its own, made of it."""
    taken = {one.name.strip() for one in typed}
    rated = []
    for number, one in enumerate(typed, start=1):
        name, label = one.name.strip(), one.label.strip()
        if not name and label:
            name = _new_name(label, number, taken)
            taken.add(name)
        if name:
            rated.append((name, label))
    return rated


def unlabelled(settings: Mapping[str, Any], language: str) -> list[str]:
    """Return what customers read, in quotes, of ratings that have no label in a language other than the survey's."""
    if language == settings.get("language"):
        return []
    standing = _standing(settings, language)
    return [f"“{plain_label(name)}”" for name in settings["ratings"] if name and name not in standing]


def _stored(settings: Mapping[str, Any], language: str) -> list[Typed]:
    labels = (settings["texts"].get(language) or {}).get("ratings") or {}
    return [Typed(name=name, label=str(labels.get(name) or "")) for name in settings["ratings"]]


def _standing(settings: Mapping[str, Any], language: str) -> dict[str, str]:
    """Return the labels that a survey has of its own for a language, by the rating's name."""
    texts = texts_of(settings)
    found = {name: texts.text(f"ratings.{name}", language, SHIPPED) for name in settings["ratings"]}
    return {name: label for name, label in found.items() if label}


def _new_name(label: str, number: int, taken: set[str]) -> str:
    name = _NO_NAME.sub("-", label.lower()).strip("-")[:_LONGEST_NAME].rstrip("-") or f"rating-{number}"
    endings = ("", *(f"-{count}" for count in range(2, MOST_RATINGS + 2)))
    return next(one for ending in endings if (one := name[: _LONGEST_NAME - len(ending)] + ending) not in taken)
