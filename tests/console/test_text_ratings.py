"""Ratings in the editor of what customers see: what was typed stays, and what is missing in a language is said."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from hub.admin.configuration import surveys, text_edits
from hub.admin.configuration.text_edits import Edit
from hub.pipeline.hub import Hub
from tests.console.browsing import Visitor

PAGE = "/surveys/onboarding/texts"


def settings(hub: Hub) -> Any:
    return surveys.survey_of(hub, "onboarding").settings


def rows(*typed: tuple[str, str]) -> dict[str, str]:
    """Return the form's fields for names and labels."""
    named = {f"rating-{number}-name": name for number, (name, _) in enumerate(typed)}
    return {**named, **{f"rating-{number}-label": label for number, (_, label) in enumerate(typed)}}


def shown(page: str) -> list[tuple[str, str]]:
    """Return the names and labels that stand in the fields of a page."""
    values = dict(re.findall(r'name="(rating-\d-\w+)"[^>]*? value="([^"]*)"', page))
    return [
        (unescape(values[f"rating-{n}-name"]), unescape(values[f"rating-{n}-label"])) for n in range(len(values) // 2)
    ]


@pytest.mark.parametrize(
    "typed",
    [
        [("support", "Support"), ("price", "Price"), ("price", "Price?! ÄÖ")],
        [("No name!", " Spaced "), ("", "{{ nam }}"), ("", "")],
    ],
    ids=["one name twice", "no name, and a text that cannot be read"],
)
def test_ratings_that_are_refused_stand_as_they_were_typed(
    typed: list[tuple[str, str]], hub: Hub, ada: Visitor
) -> None:
    refused = ada.client.post(PAGE, data={"language_of": "en", **rows(*typed)})
    assert refused.status_code == 422
    assert shown(refused.text)[: len(typed)] == typed
    assert settings(hub)["ratings"] == []


def test_label_that_cannot_be_read_says_so_beside_it(ada: Visitor) -> None:
    page = ada.client.post(PAGE, data={"language_of": "en", **rows(("", "Price"), ("", "Price {{ nam }}"))}).text
    assert 'id="field-rating-1-label-problem">Line 1: there is no nam; did you mean name?</p>' in page
    assert 'id="field-rating-0-label-problem" hidden>' in page


def test_labels_of_the_same_letters_get_names_of_their_own(hub: Hub, ada: Visitor) -> None:
    ada.post(PAGE, language_of="en", **rows(("", "Price"), ("", "Price?! ÄÖ"), ("price-2", "Old"), ("", "מחיר")))
    assert settings(hub)["texts"]["en"]["ratings"] == {
        "price": "Price",
        "price-3": "Price?! ÄÖ",
        "price-2": "Old",
        "rating-4": "מחיר",
    }


def test_language_without_a_label_is_told_what_customers_read(hub: Hub, ada: Visitor) -> None:
    texts = {"ratings": {"on-time": "Lieferung"}}
    text_edits.save(hub, "onboarding", Edit(language="de", texts=texts, look={"ratings": ["support", "on-time"]}))
    assert "Not in German yet: customers read “Support”, made of" in ada.get(PAGE, language="de").text
    assert "Not in Arabic yet: customers read “Support” and “On time”, made of" in ada.get(PAGE, language="ar").text
    assert "yet: customers read" not in ada.get(PAGE, language="en").text


@pytest.mark.parametrize(
    ("language", "warning"),
    [
        (
            "he",
            "The hub has no words in Hebrew.</strong> It speaks Arabic, English, French, German, Japanese and Spanish.",
        ),
        ("de-AT", ""),
        ("ar", ""),
    ],
)
def test_language_of_which_the_hub_has_no_words_says_what_stays_as_it_is(
    language: str, warning: str, ada: Visitor
) -> None:
    page = ada.get(PAGE, language=language).text
    assert warning in page
    assert ("The hub has no words" in page) is bool(warning)
    assert ('placeholder="\u2066What do you like most?\u2069"' in page) is bool(warning)
    assert ("stays in English for these customers" in page) is bool(warning)
