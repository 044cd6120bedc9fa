"""Forms out of marshmallow schemas: what a connection or a survey can be told, each plugin's own settings included.

A form never decides what is right: it turns what was typed into the raw table that `hub.admin` reads, and puts what
`hub.admin` finds wrong beside the field that it is about.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal

from marshmallow import Schema, fields, missing, validate
from werkzeug.datastructures import MultiDict

from hub.admin.document import KEPT
from hub.plugin import Secret

Kind = Literal["text", "number", "secret", "switch", "select", "choices", "text area"]
UNITS = {
    "_days": "days",
    "_weeks": "weeks",
    "_hours": "hours",
    "_minutes": "minutes",
    "_s": "seconds",
    "_percent": "percent",
    "_bytes": "bytes",
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of several values."""

    value: str
    label: str


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

    @property
    def id(self) -> str:
        """Its id in the page, which a link may point to."""
        return f"field-{self.name}"

    @property
    def input_type(self) -> str:
        """What a browser makes of it. A variable's name is no secret."""
        if self.kind == "secret":
            return "text" if str(self.value).startswith("$") else "password"
        return "number" if self.kind == "number" else "text"


def fields_of(schema: Schema, values: Mapping[str, Any], problems: Mapping[str, str], *, is_new: bool) -> list[Field]:
    """Return the fields of a schema with the values of a raw table."""
    return [_field(one.data_key or name, one, values, problems, is_new=is_new) for name, one in schema.fields.items()]


def read(schemas: Iterable[Schema], form: MultiDict[str, str], *, is_new: bool) -> dict[str, Any]:
    """Return the raw table that a form stands for. What was left empty is left out: it gets its default."""
    table: dict[str, Any] = {}
    for schema in schemas:
        for name, one in schema.fields.items():
            key = one.data_key or name
            if key in form:
                value = _value(one, form.getlist(key), is_new=is_new)
                if value is not None:
                    table[key] = value
    return table


def by_field(problems: Iterable[str], path: str) -> tuple[dict[str, str], list[str]]:
    """Return what is wrong by field of the table at a path ("channels.relay"), and what is about no field."""
    found: dict[str, str] = {}
    others: list[str] = []
    for problem in problems:
        place, separator, message = problem.partition(": ")
        name = place.removeprefix(f"{path}.").partition(".")[0] if place.startswith(f"{path}.") else ""
        if name and separator:
            found.setdefault(name, _sentence(message))
        else:
            others.append(_sentence(message if place == path and separator else problem))
    return found, others


def with_choices(one: Field, choices: Sequence[Choice], *, several: bool = False) -> Field:
    """Return a field that offers these values."""
    return replace(one, kind="choices" if several else "select", choices=choices)


def _field(
    name: str, one: fields.Field[Any], values: Mapping[str, Any], problems: Mapping[str, str], *, is_new: bool
) -> Field:
    kind, choices = _kind(one)
    is_given = name in values
    return Field(
        name=name,
        label=_label(name, one),
        kind=kind,
        value=_shown(kind, values[name] if is_given else _default(one)),
        help=str(one.metadata.get("help", "")),
        problem=problems.get(name, ""),
        is_required=one.required,
        choices=choices,
        unit=str(one.metadata.get("unit", _unit(name) if kind == "number" else "")),
        placeholder=_placeholder(one, is_new=is_new) if kind == "secret" else "",
        autocomplete="new-password" if kind == "secret" else "off",
    )


def _kind(one: fields.Field[Any]) -> tuple[Kind, list[Choice]]:
    options = _options(one)
    if isinstance(one, Secret):
        return "secret", []
    if options:
        nothing = [] if one.required or _default(one) not in (None, "") else [Choice(value="", label="(default)")]
        return "select", nothing + [Choice(value=str(option), label=str(option)) for option in options]
    if isinstance(one, fields.Boolean):
        return "switch", []
    if isinstance(one, fields.Number):
        return "number", []
    if isinstance(one, fields.List | fields.Mapping):
        return "text area", []
    return "text", []


def _options(one: fields.Field[Any]) -> Sequence[Any]:
    if isinstance(one, fields.Enum):
        return [member.value for member in one.enum]
    return next((list(rule.choices) for rule in one.validators if isinstance(rule, validate.OneOf)), [])


def _label(name: str, one: fields.Field[Any]) -> str:
    given = one.metadata.get("label")
    if given:
        return str(given)
    plain = name
    if isinstance(one, fields.Number):
        plain = name.removesuffix(next((end for end in UNITS if name.endswith(end)), ""))
    return plain.replace("_", " ").strip().capitalize()


def _unit(name: str) -> str:
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "")


def _default(one: fields.Field[Any]) -> Any:
    value = one.load_default
    value = value() if callable(value) else value
    return None if value is missing else value


def _placeholder(one: Secret | Any, *, is_new: bool) -> str:
    if not is_new:
        return "kept as it is"
    return "made by the hub when left empty" if isinstance(one, Secret) and one.generate else ""


def _shown(kind: Kind, value: Any) -> Any:
    value = value.value if isinstance(value, Enum) else value
    if kind == "switch":
        return value is True
    if value is None or (kind == "secret" and value == KEPT):
        return ""
    if isinstance(value, list):
        return "\n".join(str(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, indent=1) if value else ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(one: fields.Field[Any], typed: Sequence[str], *, is_new: bool) -> Any:
    text = typed[0].strip()
    if isinstance(one, Secret):
        return text or (None if is_new else KEPT)
    if isinstance(one, fields.Boolean):
        return text == "true"
    if isinstance(one, fields.List):
        lines = [line.strip() for given in typed for line in given.splitlines()]
        return [_number(line) if isinstance(one.inner, fields.Number) else line for line in lines if line]
    if not text:
        return None
    if isinstance(one, fields.Number):
        return _number(text)
    if isinstance(one, fields.Mapping):
        return _json(text)
    return text


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _sentence(message: str) -> str:
    """Return a problem as a browser's form says it; quotes are a file's business."""
    plain = message.removesuffix(", without quotes").removesuffix(".")
    return f"{plain[:1].upper()}{plain[1:]}."
