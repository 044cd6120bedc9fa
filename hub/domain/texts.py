"""What customers see of a survey: its texts by language, and which of them a customer gets."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal

from hub.domain.logos import logo_of

LIMITS: Mapping[str, int] = {
    "subject": 300,
    "question": 500,
    "greeting": 300,
    "neutral_greeting": 300,
    "intro": 2_000,
    "lowest": 150,
    "highest": 150,
    "closing": 500,
    "ask_anyone": 500,
    "ask_detractor": 500,
    "ask_passive": 500,
    "ask_promoter": 500,
    "thanks_detractor": 2_000,
    "thanks_passive": 2_000,
    "thanks_promoter": 2_000,
}
"""Characters of each text, before and after its variables are filled in."""
LONGEST_LABEL = 150
"""Characters of a rating's label."""
BLOCKS = frozenset({"intro", "closing", "thanks_detractor", "thanks_passive", "thanks_promoter"})
"""Texts that keep their line breaks; all others are shown in one line."""
MOST_RATINGS = 5
RATING = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")
BEST_RATING = 5
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
"""A language, perhaps its script, perhaps its region (BCP 47), in the usual spelling."""
_LONGEST_TAG = 35
_RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_FALLBACK = "en"
_PLACE = re.compile(r"\{+ ?[a-z]+ ?\}+")
"""Where a name or a number is filled in."""
_FROM_LEFT, _FROM_RIGHT, _END = "\u2066", "\u2067", "\u2069"
"""Unicode's isolates (UAX #9)."""


@dataclass(frozen=True, kw_only=True)
class SurveyTexts:
    """What customers see of a survey. Two are equal when customers see the same.

    `content` is all of it, as versions are kept; `texts` are the sources of the texts by language and name, labels of
    ratings under `ratings.NAME`; `logo` is the name under which the hub serves it, "" for none.
    """

    content: Mapping[str, Any] = field(compare=False)
    digest: str
    language: str = field(compare=False)
    brand: str = field(compare=False)
    brand_colour: str = field(compare=False)
    logo: str = field(compare=False)
    ratings: tuple[str, ...] = field(compare=False)
    texts: Mapping[str, Mapping[str, str]] = field(compare=False)

    def language_for(self, wanted: str | None, shipped: frozenset[str]) -> str:
        """Return the one language in which a customer gets everything: the wanted one, less and less exactly
        ("pt-BR", then "pt"), where this survey or the hub (`shipped`) has texts in it; else the survey's own."""
        known = _known(self, shipped)
        tags = (tag for asked in (wanted or "", self.language) for tag in _ever_shorter(asked))
        return next((known[tag] for tag in tags if tag in known), _FALLBACK)

    def text(self, name: str, language: str, shipped: frozenset[str]) -> str | None:
        """Return the source of a text in a language that `language_for` gave; None: the shipped word is shown.

        Where a language has neither, the text in the survey's own language stands for it.
        """
        found = self._own(name, language)
        if found is None and self.words_language(language, shipped) not in set(_ever_shorter(language)):
            found = self._own(name, self.language)
        return found

    def words_language(self, language: str, shipped: frozenset[str]) -> str:
        """Return the language of the shipped words that go with texts in `language`."""
        known = {tag.lower(): tag.lower() for tag in shipped}
        tags = (*_ever_shorter(language), *_ever_shorter(self.language))
        return next((known[tag] for tag in tags if tag in known), _FALLBACK)

    def _own(self, name: str, language: str) -> str | None:
        wanted = (self._by_tag.get(tag, {}).get(name) for tag in _ever_shorter(language))
        return next((text for text in wanted if text is not None), None)

    @cached_property
    def _by_tag(self) -> Mapping[str, Mapping[str, str]]:
        return {tag.lower(): texts for tag, texts in self.texts.items()}


@lru_cache(maxsize=256)
def _known(texts: SurveyTexts, shipped: frozenset[str]) -> Mapping[str, str]:
    """Return all languages that there is something in, by their tag in lower case."""
    return {tag.lower(): tag for tag in (*shipped, *texts.texts)}


def direction_of(language: str) -> Literal["ltr", "rtl"]:
    """Return in which direction a language is written."""
    return "rtl" if language.partition("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"


def direction_within(text: str, language: str) -> Literal["ltr", "rtl"]:
    """Return in which direction a text is written that stands among others in a language.

    It is that of its letters where all of them have the same, else that of the language: a brand's name turns nothing.
    """
    kinds = {unicodedata.bidirectional(one) for one in _PLACE.sub("", text) if one.isalpha()}
    is_rightward, is_leftward = "L" in kinds, bool(kinds & {"R", "AL"})
    if is_rightward == is_leftward:
        return direction_of(language)
    return "ltr" if is_rightward else "rtl"


def isolated(text: str, language: str) -> str:
    """Return a text as it stands among others in a language: each line reads in the direction it is written in."""
    direction = direction_within(text, language)
    if direction == direction_of(language):
        return text
    start = _FROM_LEFT if direction == "ltr" else _FROM_RIGHT
    return "\n".join(f"{start}{line}{_END}" for line in text.split("\n"))


def texts_of(settings: Mapping[str, Any]) -> SurveyTexts:
    """Return what customers see by a survey's settings as stored; what is missing has its default."""
    try:
        logo = logo_of(str(settings.get("logo") or ""))
    except ValueError:  # saved under other limits; a survey without its logo is better than none
        logo = None
    return texts_from({**settings, "logo": logo.name if logo is not None else ""})


def texts_from(content: Mapping[str, Any]) -> SurveyTexts:
    """Return what customers see by the `content` of a version."""
    kept: dict[str, Any] = {
        "language": str(content.get("language") or _FALLBACK),
        "brand": str(content.get("brand") or ""),
        "brand_colour": str(content.get("brand_colour") or "").lower(),
        "logo": str(content.get("logo") or ""),
        "ratings": list(content.get("ratings") or ()),
        "texts": {language: dict(texts) for language, texts in (content.get("texts") or {}).items()},
    }
    return SurveyTexts(
        content=kept,
        digest=hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest(),
        language=kept["language"],
        brand=kept["brand"],
        brand_colour=kept["brand_colour"],
        logo=kept["logo"],
        ratings=tuple(kept["ratings"]),
        texts={language: dict(_flat(texts)) for language, texts in kept["texts"].items()},
    )


def _flat(texts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, text in texts.items():
        if isinstance(text, Mapping):
            yield from ((f"{name}.{below}", label) for below, label in text.items())
        else:
            yield name, text


def _ever_shorter(language: str) -> Iterator[str]:
    """Yield "zh-hant-tw", "zh-hant", "zh" for "zh_Hant_TW"."""
    tag = language[:_LONGEST_TAG].strip().replace("_", "-").lower()
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]


PLAIN = texts_of({})
"""Of a survey that says nothing of its own."""
