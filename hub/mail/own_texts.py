"""A survey's own texts, as they stand where the hub has words of its own for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hub.domain.texts import BLOCKS, LIMITS, LONGEST_LABEL, SurveyTexts
from hub.domain.traits import Profile
from hub.domain.traits import language_of as language_of_person
from hub.mail.clean import one_line
from hub.mail.wording import Values, Wording, read
from hub.mail.words import WORDS

SHIPPED = frozenset(WORDS)
"""The languages of which the hub has all words."""
PAGE_TEXTS = (
    "question",
    "lowest",
    "highest",
    "ask_anyone",
    "ask_detractor",
    "ask_passive",
    "ask_promoter",
    "thanks_detractor",
    "thanks_passive",
    "thanks_promoter",
)
"""What the page shows of a survey's own texts."""


def language_for(texts: SurveyTexts, profile: Profile, locale: str | None) -> str:
    """Return the language in which a person gets mail and page of a survey."""
    return texts.language_for(language_of_person(profile, locale), SHIPPED)


def words_language(texts: SurveyTexts, language: str) -> str:
    """Return the language of the hub's words that go with a survey's texts in `language`."""
    return texts.words_language(language, SHIPPED)


def own_wordings(texts: SurveyTexts, language: str, names: Iterable[str]) -> dict[str, Wording]:
    """Return those texts that the survey has of its own, read."""
    if not texts.texts:
        return {}
    sources = {name: texts.text(name, language, SHIPPED) for name in names}
    return {name: read(source) for name, source in sources.items() if source is not None}


def filled(name: str, wording: Wording, values: Values) -> str:
    """Return a text for somebody, in one line unless it is one that has several."""
    limit = LIMITS.get(name, LONGEST_LABEL)
    text = wording.filled(values, limit=limit)
    return text if name in BLOCKS else one_line(text, limit=limit)


def page_texts(texts: SurveyTexts, language: str, values: Values) -> dict[str, str]:
    """Return the survey's own texts of the page for somebody; one that turns out empty is left out."""
    wordings = own_wordings(texts, language, PAGE_TEXTS)
    found = {name: filled(name, wording, values) for name, wording in wordings.items()}
    return {name: text for name, text in found.items() if text}


def rating_labels(texts: SurveyTexts, language: str, values: Values) -> Mapping[str, str]:
    """Return what the survey's ratings are called, by name and in their order."""
    wordings = own_wordings(texts, language, [f"ratings.{name}" for name in texts.ratings])
    own = {name: filled(name, wording, values) for name, wording in wordings.items()}
    return {name: own.get(f"ratings.{name}") or plain_label(name) for name in texts.ratings}


def plain_label(name: str) -> str:
    """Return what a rating is called that no text names."""
    return name.replace("_", " ").replace("-", " ").strip().capitalize() or name
