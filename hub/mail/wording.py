"""Texts of an operator with a few tags in them: `{{ name }}`, `{{ brand }}`, `{{ traits.plan }}` and `{% if %}`.

Jinja only reads them. What it read is translated, node by node, into functions of this file; whatever is not translated
here is refused, so no attribute, call, filter or loop of Jinja or Python is ever reached from a text.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes

from hub.domain.traits import SPELLINGS
from hub.mail.clean import JOINERS, looks_like_a_link, one_line
from hub.mail.wording_faults import fault_of, no_such_name, stray, stray_end

LONGEST_SOURCE = 2_000
DEEPEST = 8
"""Of `{% if %}` inside `{% if %}`, and of `and`, `or` and `not`."""
LONGEST_NAME = 80
_LONGEST_VALUE = 200
_ALLOWED = "only {{ name }}, {{ brand }}, {{ traits.NAME }} and {% if ... %} with ==, !=, and, or, not can stand here"
_REFUSED: Mapping[type[nodes.Node], str] = {
    nodes.For: "loops",
    nodes.Call: "calls",
    nodes.CallBlock: "calls",
    nodes.Filter: "filters",
    nodes.FilterBlock: "filters",
    nodes.Getitem: "square brackets",
    nodes.Test: "tests with `is`",
    nodes.BinExpr: "arithmetic",
    nodes.UnaryExpr: "arithmetic",
    nodes.Assign: "{% set %}",
    nodes.AssignBlock: "{% set %}",
    nodes.Macro: "macros",
    nodes.Include: "other templates",
    nodes.Import: "other templates",
    nodes.FromImport: "other templates",
    nodes.Extends: "other templates",
    nodes.Block: "blocks",
    nodes.With: "{% with %}",
    nodes.CondExpr: "`if` inside {{ }}",
    nodes.Concat: "joining with ~",
}

Scalar = str | int | float | bool


class WordingError(ValueError):
    """A text cannot be used; says in which line (from 1) and why."""


@dataclass(frozen=True, kw_only=True)
class Values:
    """What is filled in: `name` and `brand` ready to show, and `trait`, which gives a trait's value or None."""

    name: str
    brand: str
    trait: Callable[[str], Any]


_Write = Callable[[Values, list[str]], None]
_Ask = Callable[[Values], Scalar]


@dataclass(frozen=True, kw_only=True)
class Wording:
    """A text that was read; `is_personal`: it differs between customers."""

    write: _Write
    is_personal: bool

    def filled(self, values: Values, *, limit: int) -> str:
        """Return the text, cut to `limit` characters; it is plain text, to be escaped where it is shown in HTML."""
        pieces: list[str] = []
        self.write(values, pieces)
        text = "".join(pieces).strip()
        return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


@lru_cache(maxsize=4_096)
def read(source: str) -> Wording:
    """Return a text of at most `LONGEST_SOURCE` characters. Raises WordingError."""
    if len(source) > LONGEST_SOURCE:
        raise WordingError(f"is longer than {LONGEST_SOURCE:,} characters")
    _check_characters(source)
    try:
        template = _syntax.parse(source)
    except TemplateSyntaxError:
        raise WordingError(fault_of(source, _is_read)) from None
    except RecursionError:
        raise WordingError("is nested too deeply") from None
    except ValueError:  # a number of thousands of digits
        raise WordingError("holds a number that nobody can read") from None
    reader = _Reader()
    write = reader.body(template.body, depth=0)
    return Wording(write=write, is_personal=reader.is_personal)


def check(source: str) -> None:
    """Raise WordingError when a text cannot be used, or is surely not meant as it is written."""
    read(source)
    for line, kind, piece in _syntax.lex(source):
        end = stray_end(piece) if kind == "data" else None
        if end is not None:
            line += piece[: piece.index(end)].count("\n")
            raise WordingError(f"line {line}: {stray(end)}")


_syntax = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701  nothing is rendered by it


def _is_read(source: str) -> bool:
    try:
        _syntax.parse(source)
    except (TemplateSyntaxError, RecursionError, ValueError):
        return False
    return True


def _check_characters(source: str) -> None:
    for number, line in enumerate(source.split("\n"), start=1):
        odd = next((one for one in line if unicodedata.category(one).startswith("C") and one not in JOINERS), None)
        if odd is not None:
            raise WordingError(f"line {number}: holds the character U+{ord(odd):04X}, which nobody sees; delete it")


class _Reader:
    """Translates a text's nodes, and notices whether any of them asks about the customer."""

    def __init__(self) -> None:
        self.is_personal = False

    def body(self, body: Sequence[nodes.Node], *, depth: int) -> _Write:
        writers = [self._statement(node, depth=depth) for node in body]

        def write(values: Values, pieces: list[str]) -> None:
            for writer in writers:
                writer(values, pieces)

        return write

    def _statement(self, node: nodes.Node, *, depth: int) -> _Write:
        if isinstance(node, nodes.Output):
            return self._output(node)
        if isinstance(node, nodes.If):
            return self._choice(node, depth=_deeper(depth, node))
        raise _refused(node)

    def _output(self, node: nodes.Output) -> _Write:
        shown = [self._shown(one) for one in node.nodes]

        def write(values: Values, pieces: list[str]) -> None:
            pieces.extend([one(values) for one in shown])

        return write

    def _shown(self, node: nodes.Node) -> Callable[[Values], str]:
        if isinstance(node, nodes.TemplateData):
            plain = node.data
            return lambda _values: plain
        if isinstance(node, nodes.Const):
            raise WordingError(f"line {node.lineno}: write the text itself, without {{{{ }}}}")
        variable = self._variable(node)
        return lambda values: _as_text(variable(values))

    def _choice(self, node: nodes.If, *, depth: int) -> _Write:
        branches = [
            (self._question(one.test, depth=depth), self.body(one.body, depth=depth)) for one in (node, *node.elif_)
        ]
        otherwise = self.body(node.else_, depth=depth)

        def write(values: Values, pieces: list[str]) -> None:
            chosen = next((body for ask, body in branches if ask(values)), otherwise)
            chosen(values, pieces)

        return write

    def _question(self, node: nodes.Node, *, depth: int) -> _Ask:
        if isinstance(node, nodes.And | nodes.Or):
            left = self._question(node.left, depth=_deeper(depth, node))
            right = self._question(node.right, depth=_deeper(depth, node))
            if isinstance(node, nodes.And):
                return lambda values: bool(left(values) and right(values))
            return lambda values: bool(left(values) or right(values))
        if isinstance(node, nodes.Not):
            asked = self._question(node.node, depth=_deeper(depth, node))
            return lambda values: not asked(values)
        if isinstance(node, nodes.Compare):
            return self._comparison(node)
        return self._operand(node)

    def _comparison(self, node: nodes.Compare) -> _Ask:
        if len(node.ops) != 1 or node.ops[0].op not in ("eq", "ne"):
            raise WordingError(f"line {node.lineno}: two values are compared with == or !=, nothing else")
        left, right = self._operand(node.expr), self._operand(node.ops[0].expr)
        if node.ops[0].op == "eq":
            return lambda values: _is_same(left(values), right(values))
        return lambda values: not _is_same(left(values), right(values))

    def _operand(self, node: nodes.Node) -> _Ask:
        if isinstance(node, nodes.Const):
            constant = node.value
            if isinstance(constant, str | int | float):
                return lambda _values: constant
        return self._variable(node)

    def _variable(self, node: nodes.Node) -> _Ask:
        match node:
            case nodes.Name(name="brand"):
                return lambda values: values.brand
            case nodes.Name(name="name"):
                self.is_personal = True
                return lambda values: values.name
            case nodes.Getattr(node=nodes.Name(name="traits"), attr=attribute):
                self.is_personal = True
                trait = SPELLINGS.get(attribute, attribute)
                return lambda values: _scalar(values.trait(trait))
            case nodes.Name(name=other):
                raise WordingError(f"line {node.lineno}: {no_such_name(other)}")
            case nodes.Getattr(node=nodes.Name(name=other), attr=attribute):
                raise WordingError(f"line {node.lineno}: {no_such_name(f'{other}.{attribute}')}")
        raise _refused(node)


def _deeper(depth: int, node: nodes.Node) -> int:
    if depth >= DEEPEST:
        raise WordingError(f"line {node.lineno}: is nested deeper than {DEEPEST} levels")
    return depth + 1


def _refused(node: nodes.Node) -> WordingError:
    what = next((name for kind, name in _REFUSED.items() if isinstance(node, kind)), "")
    return WordingError(f"line {node.lineno}: {f'{what} cannot be used; ' if what else ''}{_ALLOWED}")


def _scalar(value: Any) -> Scalar:
    """Return a trait that is a text, a number, true or false; all others are empty, as if they were missing."""
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    return value if isinstance(value, str | int | float) else ""


def _is_same(one: Scalar, other: Scalar) -> bool:
    """Return whether two values are equal; true is not 1, and 1 is not "1"."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _as_text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return shown(value, limit=_LONGEST_VALUE)
    return f"{value:.15g}" if isinstance(value, float) else one_line(_digits(value), limit=_LONGEST_VALUE)


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError:  # thousands of digits
        return ""


def shown(value: str, *, limit: int) -> str:
    """Return what a stranger gave as one line of plain text; what might become a link is left out."""
    line = one_line(value, limit=limit)
    return "" if looks_like_a_link(line) else line
