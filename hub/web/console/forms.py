"""Forms out of marshmallow schemas: what a connection or a survey can be told, each plugin's own settings included.

A form never decides what is right: it turns what was typed into the raw table that `hub.admin` reads, and puts what
`hub.admin` finds wrong beside the field that it is about.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from marshmallow import Schema, fields, missing
from werkzeug.datastructures import MultiDict

from hub.admin.configuration.document import KEPT
from hub.plugin import Secret
from hub.web.console import inputs
from hub.web.console.inputs import AnyField, Choice, Kind

__all__ = [
    "Choice",
    "Field",
    "Kind",
    "anew",
    "by_field",
    "fields_of",
    "read",
    "with_choices",
    "without_defaults",
]

UNITS = {
    "_days": "days",
    "_weeks": "weeks",
    "_hours": "hours",
    "_minutes": "minutes",
    "_s": "seconds",
    "_percent": "percent",
    "_bytes": "bytes",
}
_JSON, _ANEW = "json:", "anew:"
"""Before a field's name, in the names of what goes with it: it is JSON; its secret is to be forgotten or made anew."""
_NAME = re.compile(r"\b[A-Za-z]+(?:_[a-z]+)+\b")
_TIME = re.compile(r"(\d\d:\d\d)?")
_EXAMPLES: dict[type[AnyField], str] = {
    fields.DateTime: "2026-03-01T09:30:00Z",
    fields.Date: "2026-03-01",
    fields.Time: "09:30",
    fields.Url: "https://",
    fields.Email: "ada@example.com",
}
_MODES: dict[type[AnyField], str] = {fields.Url: "url", fields.Email: "email"}


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field as the template `ui.field` shows it. `value` is what was typed, else what is stored, else the default."""

    name: str
    label: str
    kind: Kind = "text"
    value: Any = ""
    help: str = ""
    problem: str = ""
    is_required: bool = False
    choices: Sequence[Choice] = ()
    unit: str = ""
    placeholder: str = ""
    autocomplete: str = "off"
    attributes: Mapping[str, str] = field(default_factory=dict)
    is_json: bool = False
    anew: str = ""
    """What a box beside a stored secret does: have it forgotten, or made anew."""
    is_rare: bool = False
    """Whether it may be folded away."""
    is_time: bool = False
    """Whether it is a time of day; what is none stays text, for a browser would not show it."""
    is_default_shown: bool = False
    """Whether it is prose whose placeholder holds where it is left empty."""

    @property
    def id(self) -> str:
        """Its id in the page, which a link may point to."""
        return f"field-{re.sub(r'[^A-Za-z0-9_-]+', '-', self.name)}"

    @property
    def input_type(self) -> str:
        """What a browser makes of it. A connection's secret is no password of the person who types it."""
        if self.kind == "secret" and self.autocomplete.endswith("password"):
            return "password"
        if self.kind == "number" and _is_number(str(self.value)):
            return "number"
        return "time" if self.is_time and _TIME.fullmatch(str(self.value)) else "text"

    @property
    def is_masked(self) -> bool:
        """Whether nobody may read it from the screen. A variable's name is no secret."""
        return self.kind == "secret" and not str(self.value).startswith("$")


def fields_of(
    schema: Schema, values: Mapping[str, Any], problems: Mapping[str, str], *, is_new: bool, prefix: str = ""
) -> list[Field]:
    """Return the fields of a schema with the values of a raw table. `prefix` keeps them apart from a page's own."""
    labels = {key: _label(key, one) for key, one in _settable(schema)}
    found = [
        _field(key, one, values, _by_label(problems.get(key, ""), labels), is_new=is_new, prefix=prefix)
        for key, one in _settable(schema)
    ]
    return [replace(one, help=_by_label(one.help, labels)) for one in found]


def read(schemas: Iterable[Schema], form: MultiDict[str, str], *, is_new: bool, prefix: str = "") -> dict[str, Any]:
    """Return the raw table that a form stands for. What was left empty is left out: it gets its default.

    A secret left empty is kept, unless `is_new`.
    """
    table: dict[str, Any] = {}
    for schema in schemas:
        for key, one in _settable(schema):
            name = f"{prefix}{key}"
            if name not in form:
                continue
            value = inputs.meant(one, form.getlist(name), is_json=f"{_JSON}{name}" in form)
            if isinstance(one, Secret) and value is missing and not is_new and f"{_ANEW}{name}" not in form:
                value = KEPT
            if value is not missing:
                table[key] = value
    return table


def anew(schemas: Iterable[Schema], form: MultiDict[str, str], *, prefix: str = "") -> dict[str, Secret]:
    """Return the secrets of which the hub is to make new ones."""
    return {
        key: one
        for schema in schemas
        for key, one in _settable(schema)
        if isinstance(one, Secret)
        and one.generate
        and f"{_ANEW}{prefix}{key}" in form
        and not form.get(f"{prefix}{key}", "").strip()
    }


def without_defaults(table: Mapping[str, Any], schemas: Iterable[Schema], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return a raw table without what it only has because a form shows every field.

    That is a default that was not written `before`, and a secret to be kept where there was none.
    """
    said = dict(table)
    for schema in schemas:
        for key, one in _settable(schema):
            is_unsaid = said.get(key) == (KEPT if isinstance(one, Secret) else inputs.default_of(one))
            if key in said and key not in before and is_unsaid:
                del said[key]
    return said


def by_field(
    problems: Iterable[str], path: str, known: Collection[str] | None = None
) -> tuple[dict[str, str], list[str]]:
    """Return what is wrong by field of the table at a path ("channels.relay"), and what is about no field.

    `known` are the fields that there are; what is about another one is about none.
    """
    found: dict[str, str] = {}
    others: list[str] = []
    for problem in problems:
        place, separator, message = problem.partition(": ")
        inside = place.removeprefix(f"{path}.") if separator and place.startswith(f"{path}.") else ""
        name, below = _split(inside, known)
        if name:
            found.setdefault(name, _sentence(_inside(below, message)))
        else:
            others.append(_sentence(message if place == path and separator else problem))
    return found, others


def with_choices(one: Field, choices: Sequence[Choice]) -> Field:
    """Return a field that offers these values, one of which is chosen."""
    return replace(one, kind="select", choices=choices)


def _settable(schema: Schema) -> Iterator[tuple[str, AnyField]]:
    for name, one in schema.fields.items():
        if inputs.is_settable(one):
            yield one.data_key or name, one


def _field(key: str, one: AnyField, values: Mapping[str, Any], problem: str, *, is_new: bool, prefix: str) -> Field:
    seen = inputs.shown(one, values.get(key, missing))
    is_stored = not is_new and seen.kind == "secret" and str(values.get(key, "")).startswith((KEPT, "$"))
    return Field(
        name=f"{prefix}{key}",
        label=_label(key, one),
        kind=seen.kind,
        value=seen.value,
        help=_help(one, seen),
        problem=problem,
        is_required=one.required,
        choices=_choices(one, seen),
        unit=str(one.metadata.get("unit", _unit(key) if seen.kind == "number" else "")),
        placeholder=_placeholder(one, is_stored=is_stored),
        attributes=next(({"inputmode": mode} for kind, mode in _MODES.items() if isinstance(one, kind)), {}),
        is_json=seen.is_json,
        anew=_anew(one) if is_stored else "",
        is_rare=bool(one.metadata.get("rare")),
        is_time=one.metadata.get("input") == "time",
    )


def _by_label(problem: str, labels: Mapping[str, str]) -> str:
    """Return a problem or a help with other settings called as the form calls them."""
    return _NAME.sub(lambda found: f"“{labels[found[0]]}”" if found[0] in labels else found[0], problem)


def _choices(one: AnyField, seen: inputs.Shown) -> Sequence[Choice]:
    """Return what is offered; of several, what is chosen comes first, in its order."""
    if seen.kind not in ("select", "choices"):
        return ()
    offered = inputs.choices_of(one)
    if seen.kind == "select":
        return offered
    labels = {choice.value: choice for choice in offered}
    return [labels[value] for value in dict.fromkeys([*seen.value, *labels])]


def _label(key: str, one: AnyField) -> str:
    given = one.metadata.get("label")
    if given:
        return str(given)
    plain = key
    if isinstance(one, fields.Number):
        plain = key.removesuffix(next((end for end in UNITS if key.endswith(end)), ""))
    return plain.replace("_", " ").strip().capitalize() or key


def _unit(key: str) -> str:
    return next((unit for end, unit in UNITS.items() if key.endswith(end)), "")


def _help(one: AnyField, seen: inputs.Shown) -> str:
    said = str(one.metadata.get("help") or "")
    if seen.is_json or (seen.kind == "text area" and not isinstance(one, fields.List | fields.String)):
        return f"{said} Written as JSON.".strip()
    return f"{said} One on each line.".strip() if seen.kind == "text area" and isinstance(one, fields.List) else said


def _placeholder(one: AnyField, *, is_stored: bool) -> str:
    if isinstance(one, Secret):
        made = "made by the hub when left empty" if one.generate else ""
        return "stored; leave empty to keep it" if is_stored else made
    return next((example for kind, example in _EXAMPLES.items() if isinstance(one, kind)), "")


def _anew(one: AnyField) -> str:
    if isinstance(one, Secret) and one.generate:
        return "Make a new one; the one before stops working at once"
    return "" if one.required else "Forget the stored one"


def _split(inside: str, known: Collection[str] | None) -> tuple[str, str]:
    """Return the field at the beginning of a path, and what follows it."""
    if known is None:
        name, _, below = inside.partition(".")
        return name, below
    names = [name for name in known if inside == name or inside.startswith(f"{name}.")]
    name = max(names, key=len, default="")
    return name, inside[len(name) + 1 :]


def _inside(below: str, message: str) -> str:
    """Return a problem with the place in its field."""
    if not below:
        return message
    return f"entry {int(below) + 1}: {message}" if below.isdecimal() else f"{below}: {message}"


_PLAIN = {
    "is missing": "this is needed",
    "is empty": "this is needed",
    'write text in quotes, as in "text"': "write text",
    "Not a valid mapping type": 'write a table as JSON, as in {"plan": "pro"}',
    "Invalid input type": 'write a table as JSON, as in {"plan": "pro"}',
}
"""What a file is told, in the words of a form."""


def _sentence(message: str) -> str:
    """Return a problem as a browser's form says it; quotes are a file's business."""
    message = next((said for begin, said in _PLAIN.items() if message.removesuffix(".") == begin), message)
    if message.startswith("is missing. "):
        message = "this is needed"
    plain = message.removesuffix(", without quotes").removesuffix(".")
    first, separator, rest = plain.partition(" ")
    said = f"{first.capitalize() if first.isalpha() and first.islower() else first}{separator}{rest}"
    return said if said.endswith("?") else f"{said}."


def _is_number(text: str) -> bool:
    try:
        return not text or math.isfinite(float(text))
    except ValueError:
        return False
