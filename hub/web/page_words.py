"""The words of a page for a customer: a survey's own texts, and the hub's words for all others."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hub.domain.texts import direction_of
from hub.web.views import SurveyView, UnsubscribeView
from hub.web.words import PageWords, words_for

_FORMATTED = frozenset({"question", "thanks_detractor", "thanks_passive", "thanks_promoter"})
"""What pages fill the brand in, which the survey's own texts have already."""


def words_of(view: SurveyView | UnsubscribeView) -> PageWords:
    """Return the words of a page for a customer, the survey's own texts among them."""
    words = words_for(view.words_language or view.language)
    if view.words_language is not None:
        words = replace(words, language=view.language, direction=direction_of(view.language))
    own = view.own_texts if isinstance(view, SurveyView) else {}
    known = {one.name for one in fields(PageWords)}
    shown: dict[str, Any] = {name: _as_word(name, text) for name, text in own.items() if name in known}
    return replace(words, **shown)


def _as_word(name: str, text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}") if name in _FORMATTED else text
