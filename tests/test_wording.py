"""Texts of operators: what may stand in them, what comes out, and what nobody gets through them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hub.mail.wording import DEEPEST, LONGEST_SOURCE, Values, WordingError, check, read

TRAITS = {"plan": "pro", "seats": 5, "vip": True, "score": 4.5, "createdAt": "2026-05-03", "list": [1], "odd": None}


def filled(source: str, name: str = "Ada", traits: dict[str, Any] = TRAITS, limit: int = 2_000) -> str:
    return read(source).filled(Values(name=name, brand="Acme", trait=traits.get), limit=limit)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hello {{ name }}, from {{ brand }}", "Hello Ada, from Acme"),
        ("{{ traits.plan }} {{traits.seats}} {{ traits.vip }} {{ traits.score }}", "pro 5 true 4.5"),
        ("[{{ traits.none }}{{ traits.list }}{{ traits.odd }}]", "[]"),
        ("{{ traits.created_at }}", "2026-05-03"),
        ('{% if traits.plan == "pro" %}a{% elif traits.seats == 5 %}b{% else %}c{% endif %}', "a"),
        ('{% if traits.plan != "pro" %}a{% elif traits.seats == 5 %}b{% else %}c{% endif %}', "b"),
        ('{% if traits.plan == "x" or not traits.vip %}a{% else %}c{% endif %}', "c"),
        ("{% if traits.vip and traits.none %}a{% endif %}", ""),
        ("{% if traits.vip == 1 %}a{% else %}true is not 1{% endif %}", "true is not 1"),
        ('{% if traits.seats == "5" %}a{% else %}5 is no text{% endif %}', "5 is no text"),
        ('{% if traits.none == "" %}missing is empty{% endif %}', "missing is empty"),
        ("{% if name %}{{ name }}{% else %}you{% endif %}", "Ada"),
        ("one\n{% if true == true %}\ntwo\n{% endif %}\nthree", "one\ntwo\nthree"),
        ("a { b } {c} %", "a { b } {c} %"),
    ],
)
def test_texts_are_filled_with_what_is_known(source: str, text: str) -> None:
    assert filled(source) == text


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ ''.__class__ }}", "line 1: only"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "calls"),
        ("{{ traits.plan.__class__ }}", "line 1: only"),
        ("{{ traits['plan'] }}", "square brackets"),
        ("{{ traits.plan() }}", "calls"),
        ("{{ name | upper }}", "filters"),
        ("{{ 1 + 1 }}", "arithmetic"),
        ("{{ 9**9**9 }}", "arithmetic"),
        ("{{ name ~ name }}", "joining"),
        ("{{ name if name else brand }}", "`if` inside"),
        ("{{ 'text' }}", "write the text itself"),
        ("{{ nam }}", "there is no nam"),
        ("{{ traits }}", "there is no traits"),
        ("{{ self }}", "there is no self"),
        ("{{ cycler.__init__.__globals__ }}", "line 1: only"),
        ("a\n{% for x in traits %}{% endfor %}", "line 2: loops"),
        ("{% set x = 1 %}", "{% set %}"),
        ("{% macro m() %}{% endmacro %}", "macros"),
        ("{% include 'a' %}", "other templates"),
        ("{% import 'a' as b %}", "other templates"),
        ("{% extends 'a' %}", "other templates"),
        ("{% block b %}{% endblock %}", "blocks"),
        ("{% if traits.seats > 3 %}a{% endif %}", "== or !="),
        ("{% if 1 == 1 == 1 %}a{% endif %}", "== or !="),
        ("{% if name is defined %}a{% endif %}", "tests"),
        ("{% if traits.plan == none %}a{% endif %}", "line 1: only"),
        ("{% if %}", "line 1: "),
        ("\n\n{{ name ", "line 3: "),
        ("{% endif %}", "line 1: "),
        ("{{ " + "9" * 1_900 + " }}", "write the text itself"),
        ("a\x00b", "U+0000"),
        ("a\n\u202eb", "line 2: holds the character U+202E"),
        ("\ue000", "U+E000"),
        ("\ud800", "U+D800"),
        ("x" * (LONGEST_SOURCE + 1), "longer than 2,000"),
    ],
)
def test_anything_else_is_refused_with_its_line_and_what_to_do(source: str, why: str) -> None:
    with pytest.raises(WordingError) as refused:
        read(source)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("a\n{% if name %}\nb{% else %}c", "line 2: {% if name %} has no end; write {% endif %} where it ends"),
        ("{% endif %}", "line 1: there is no {% if %} before this {% endif %}; write one, or delete it"),
        ("{% fi %}", "line 1: there is no {% fi %}; did you mean {% endif %}?"),
        ("{% if name %}a{% elsif brand %}b{% endif %}", "line 1: there is no {% elsif %}; did you mean {% elif %}?"),
        ("{% autoescape %}", "line 1: there is no {% autoescape %}; there are if, elif, else and endif"),
        ("{% for x in y %}a", "line 1: loops cannot be used; write conditions as {% if "),
        ("{% if %}", "line 1: {% if %} has no condition; write one, as in {% if "),
        (
            "{% if name %}a{% else if b %}b{% endif %}",
            "line 1: {% else if b %} has more than else in it; write {% else",
        ),
        ("{% if name %}a{% else %}b{% else %}c", "line 1: {% else %} stands after {% else %}, which is the last;"),
        ("{% if name = 'x' %}a{% endif %}", "line 1: {% if name = 'x' %} compares with one =; write two, as in"),
        ("{% if (name %}a{% endif %}", "line 1: {% if (name %} cannot be read; write conditions with ==, !=,"),
        ("\nHi {{ name, of {{ brand }}", "line 2: {{ has no end; write }} after the name, as in {{ name }}, or delete"),
        ("{% if name }a{% endif %}", "line 1: {% has no end; write %} after it"),
        ("{# a note", "line 1: {# has no end; write #} where the note ends, or delete it"),
        ("{{ }}", "line 1: nothing stands in {{ }}; write a name, as in {{ name }}"),
        ("{{ first name }}", "line 1: {{ first name }} cannot be read; write {{ name }}, {{ brand }} or"),
        ("a\nb }} c", "line 2: there is no {{ before this }}; write one, or delete it"),
        ("{{ name }} %}", "line 1: there is no {% before this %}; write one, or delete it"),
        ("{{ nam }}", "line 1: there is no nam; did you mean name?"),
        ("{{ trait.plan }}", "line 1: there is no trait.plan; did you mean traits.plan?"),
        ("{{ city }}", "line 1: there is no city; write name, brand or traits.NAME, as in traits.city"),
        ("{{ traits }}", "line 1: there is no traits; write name, brand or traits.NAME, as in traits.plan"),
    ],
)
def test_mistake_is_told_with_what_to_write_instead(source: str, why: str) -> None:
    with pytest.raises(WordingError) as refused:
        check(source)
    assert str(refused.value).startswith(why)


def test_end_of_a_tag_that_none_opened_is_still_sent_where_it_was_saved() -> None:
    assert filled("a }} b") == "a }} b"


@pytest.mark.parametrize(
    "source",
    [
        "{% if name %}" * (DEEPEST + 1) + "{% endif %}" * (DEEPEST + 1),
        "{% if " + "not " * 400 + "name %}a{% endif %}",
        "{% if " + "(" * 900 + "name" + ")" * 900 + " %}a{% endif %}",
        "{{ " + "(" * 950 + "name" + ")" * 950 + " }}",
        "{% if " + " and ".join(["name"] * 200) + " %}a{% endif %}",
        "{{ " + "-" * 1_900 + "1 }}",
        "{{" * 900,
        "{% if name %}" * 80,
        "{{ '" + "\\" * 1_900,
        "{{ " + "(" * 150 + "name" + ")" * 150 + " }}{{ }}",
        "{{ name }}" * 190 + "{% fi %}",
    ],
)
def test_deep_and_endless_sources_are_refused_at_once(source: str) -> None:
    started = time.perf_counter()
    with pytest.raises(WordingError):
        read(source)
    assert time.perf_counter() - started < 1


def test_name_and_traits_are_one_line_without_links_and_controls() -> None:
    traits = {"a": "x\r\nBcc: eve@evil.example", "b": "see www.evil.example", "c": "\u202eevil\u202c\x00 ok\n!"}
    assert filled("[{{ traits.a }}][{{ traits.b }}][{{ traits.c }}]", traits=traits) == "[][][evil ok !]"


def test_megabytes_of_traits_cost_nothing_and_stay_out() -> None:
    traits = {"plan": "x" * 1_000_000, "digits": 10**4_000}
    read("{{ traits.plan }}" * 100)
    started = time.perf_counter()
    text = filled("{{ traits.plan }}" * 100 + "{{ traits.digits }}", traits=traits)
    assert time.perf_counter() - started < 1
    assert len(text) == 2_000
    assert filled("{{ traits.plan }}", traits=traits) == "x" * 199 + "…"


def test_text_is_cut_at_its_limit() -> None:
    assert filled("{{ traits.plan }}" * 100, limit=20) == "proproproproproprop…"


@pytest.mark.parametrize(
    ("source", "is_personal"), [("{{ brand }} {% if brand %}x{% endif %}", False), ("{{ name }}", True)]
)
def test_only_texts_about_the_customer_are_filled_for_each(source: str, is_personal: bool) -> None:
    assert read(source).is_personal is is_personal
