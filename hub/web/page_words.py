"""The words of a page for a customer: a survey's own texts, and the hub's words for all others."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from hub.domain.texts import direction_of, isolated
from hub.web.views import SurveyView, UnsubscribeView
from hub.web.words import PageWords, words_for

_FORMATTED = frozenset({"question", "thanks_detractor", "thanks_passive", "thanks_promoter"})
"""What pages fill the brand in, which the survey's own texts have already."""
_NOT_SHOWN = frozenset({"language", "direction", "months", "moment"})
_SHOWN = frozenset(one.name for one in fields(PageWords)) - _NOT_SHOWN


def words_of(view: SurveyView | UnsubscribeView) -> PageWords:
    """Return the words of a page for a customer, the survey's own texts among them.

    What is written in the other direction than the page is isolated from it.
    """
    words = words_for(view.language)
    if view.words_language is not None:
        words = _among(view.words_language, view.language)
    own = view.own_texts if isinstance(view, SurveyView) else {}
    shown: dict[str, Any] = {
        name: _as_word(name, isolated(text, view.language)) for name, text in own.items() if name in _SHOWN
    }
    return replace(words, **shown)


@lru_cache(maxsize=256)
def _among(words_language: str, language: str) -> PageWords:
    """Return the hub's words in one language as they stand on a page in another."""
    words = words_for(words_language)
    found = {name: getattr(words, name) for name in _SHOWN}
    shown: dict[str, Any] = {name: isolated(text, language) for name, text in found.items()}
    return replace(words, language=language, direction=direction_of(language), **shown)


def _as_word(name: str, text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}") if name in _FORMATTED else text
