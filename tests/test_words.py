"""The words of the mail and of its pages: the same things said in every language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.mail import words as mail
from hub.web import words as pages

SAME_ANYWHERE = {"moment", "out_of"}
"""What may lack letters, or be the same in two languages."""
ALL = [(kind, language) for kind in ("mail", "pages") for language in mail.WORDS]


def said(kind: str, language: str) -> dict[str, Any]:
    found: Mapping[str, Any] = mail.WORDS if kind == "mail" else pages.WORDS
    return {name: text for name, text in asdict(found[language]).items() if name not in ("language", "direction")}


def test_mail_and_pages_speak_the_same_languages_in_the_same_direction() -> None:
    assert {name: one.direction for name, one in mail.WORDS.items()} == {
        name: one.direction for name, one in pages.WORDS.items()
    }


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_every_text_names_what_the_english_one_names(kind: str, language: str) -> None:
    english = said(kind, "en")
    for name, text in said(kind, language).items():
        assert set(re.findall(r"{\w+}", str(text))) <= {*re.findall(r"{\w+}", str(english[name])), "{brand}"}, name
        if "{score}" in str(english[name]) or "{limit}" in str(english[name]):
            assert set(re.findall(r"{\w+}", str(text))) == set(re.findall(r"{\w+}", str(english[name]))), name


@pytest.mark.parametrize(("kind", "language"), [one for one in ALL if one[1] != "en"])
def test_no_text_was_left_in_english(kind: str, language: str) -> None:
    english = said(kind, "en")
    left = {name for name, text in said(kind, language).items() if text == english[name] or not text}
    assert left <= SAME_ANYWHERE | {"optional"}


@pytest.mark.parametrize("language", pages.WORDS)
def test_scale_keeps_its_digits_in_every_language(language: str) -> None:
    for words in (mail.WORDS[language], pages.WORDS[language]):
        assert words.lowest.startswith("0 = ")
        assert words.highest.startswith("10 = ")


@pytest.mark.parametrize(
    ("language", "moment"),
    [
        ("en", "12 March, 09:05 UTC"),
        ("de", "12. März, 09:05 Uhr UTC"),
        ("fr", "12 mars à 09:05 UTC"),
        ("es", "12 de marzo, 09:05 UTC"),
        ("ja", "3月12日 09:05（UTC）"),
        ("ar", "12 مارس، الساعة 09:05 بالتوقيت العالمي"),
    ],
)
def test_moments_are_told_as_people_tell_them(language: str, moment: str) -> None:
    assert pages.WORDS[language].moment_of(datetime(2026, 3, 12, 9, 5, tzinfo=UTC)) == moment


@pytest.mark.parametrize(
    ("asked", "found"), [("de", "de"), ("de-AT", "de"), ("AR_EG", "ar"), ("ja-JP", "ja"), ("tlh", "en"), ("", "en")]
)
def test_language_is_served_by_its_base_else_in_english(asked: str, found: str) -> None:
    assert pages.words_for(asked).language == mail.words_for(asked).language == found
