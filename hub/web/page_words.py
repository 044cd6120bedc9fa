"""The words of a page for a customer: a survey's own texts, and the hub's words for all others."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hub.domain.scores import band_of
from hub.domain.texts import direction_of
from hub.web.views import SurveyView, UnsubscribeView
from hub.web.words import PageWords, words_for


def words_of(view: SurveyView | UnsubscribeView) -> PageWords:
    """Return the words of a page for a customer, the survey's own texts among them."""
    words = words_for(view.words_language or view.language)
    if view.words_language is not None:
        words = replace(words, language=view.language, direction=direction_of(view.language))
    own = dict(view.own_texts) if isinstance(view, SurveyView) else {}
    if "question" in own:
        own["question"] = _as_format(own["question"])
    if isinstance(view, SurveyView) and view.score is not None and (thanks := own.get(f"thanks_{band_of(view.score)}")):
        own["recorded"] = thanks
    known = {one.name for one in fields(PageWords)}
    shown: dict[str, Any] = {name: text for name, text in own.items() if name in known}
    return replace(words, **shown)


def _as_format(text: str) -> str:
    """Return what gives `text` when it is formatted, as pages do with the hub's own question."""
    return text.replace("{", "{{").replace("}", "}}")
