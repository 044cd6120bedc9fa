"""Every word of the survey and unsubscribe pages: one module a language."""

from __future__ import annotations

from hub.web.words.ar import ARABIC
from hub.web.words.de import GERMAN
from hub.web.words.en import ENGLISH
from hub.web.words.es import SPANISH
from hub.web.words.fr import FRENCH
from hub.web.words.ja import JAPANESE
from hub.web.words.page import PageWords

__all__ = ["WORDS", "PageWords", "words_for"]

WORDS = {words.language: words for words in (ENGLISH, GERMAN, FRENCH, SPANISH, JAPANESE, ARABIC)}


def words_for(language: str) -> PageWords:
    """Return the words of `language` ("pt-BR"), else of its base language ("pt"), else English."""
    tag = language.replace("_", "-").lower()
    return WORDS.get(tag) or WORDS.get(tag.partition("-")[0]) or ENGLISH
