"""docs/security.md names tests that are there, and answers for every requirement of ASVS 5.0, levels 1 and 2, once."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

import pytest

from tests import documents
from tests.documents import ROOT

PAGE = documents.read("docs/security.md")
LAST = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2,
    "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2,
    "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "12.1": 3, "12.2": 2, "12.3": 4,
    "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5,
    "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
    "17.1": 1, "17.2": 4, "17.3": 2,
}  # fmt: skip
"""The last requirement of level 1 or 2 in each section that has one; those of level 3 come after it."""
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_is_named_is_there(file: str, name: str) -> None:
    assert name in names_in(file)


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_threat_has_a_control_and_a_test() -> None:
    rows = documents.table(documents.section(PAGE, "## Threats"), "threat")
    assert len(rows) > 40
    assert [row[0] for row in rows if not row[0].startswith("**") and not (row[1] and "::" in row[2])] == []


def test_every_requirement_of_levels_1_and_2_is_answered_once() -> None:
    named = Counter(re.findall(r"v5\.0\.0-(\d+\.\d+\.\d+)", PAGE))
    assert named == Counter(f"{section}.{number + 1}" for section, last in LAST.items() for number in range(last))
    assert named.total() == 253


def test_every_requirement_that_is_met_in_code_names_a_test() -> None:
    assert {row[1] for row in answers()} == {"yes", "partly", "not yet", "does not apply"}
    untested = [row[0] for row in answers() if row[1] == "yes" and "::" not in row[3] and "](" not in row[2]]
    assert untested == ["v5.0.0-1.3.2"]


def test_an_answer_about_scripts_files_and_pages_speaks_of_the_console_too() -> None:
    kinds = {path.suffix for path in (ROOT / "hub/web/static").iterdir()}
    assert {".js", ".css"} <= kinds, "else the hub serves no script"
    about = [row for row in answers() if re.search(r"JavaScript|\bscripts?\b|style sheet|static|pages", row[2])]
    assert [row for row in about if not re.search(r"console|every page|of this hub", row[2])] == []
    assert [row for row in answers() if re.search(r"no static files|each page has to", row[2])] == []


def answers() -> list[Sequence[str]]:
    text = documents.section(PAGE, "## OWASP ASVS 5.0")
    return [row for part in text.split("\n### ")[1:] for row in documents.table(part, "requirement")]
