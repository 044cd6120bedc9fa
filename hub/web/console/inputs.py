"""What a setting looks like in a form, and what was meant by what was typed: one marshmallow field at a time.

A value that its field's own input cannot show without changing it (a text with a line break at its end, a number where
text is wanted) is shown and read as JSON, so that a form which is saved untouched changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from marshmallow import fields, missing, validate

from hub.admin.configuration.document import KEPT
from hub.plugin import Secret

Kind = Literal["text", "number", "secret", "switch", "select", "choices", "text area"]
AnyField = fields.Field[Any]

_TEXTS = (fields.String, fields.DateTime, fields.Date, fields.Time, fields.IP, fields.IPInterface)
_STRUCTURES = (fields.Mapping, fields.Nested, fields.Tuple, fields.List)
_LONG = 120
_YES_OR_NO = {"true": True, "false": False}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of several values."""

    value: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What an input holds; `is_json`: it is read as JSON whatever its field is."""

    kind: Kind
    value: Any
    is_json: bool = False


def is_settable(one: AnyField) -> bool:
    """Return whether somebody can set this field at all."""
    return not one.dump_only and not isinstance(one, fields.Constant)


def shown(one: AnyField, value: Any) -> Shown:
    """Return how a raw value is shown; `missing` shows the default, as None does where that is none."""
    kind = kind_of(one)
    default = default_of(one)
    value = default if value is missing else value
    plain = "" if value == default == {} else _typed(kind, value)
    if value is None and default is not None:
        return Shown(kind="text area", value="null", is_json=True)
    if value is None or (kind == "secret" and value == KEPT) or _can_hold(one, kind, plain, value):
        return Shown(kind="text area" if kind == "text" and _is_long(plain) else kind, value=plain)
    return Shown(kind="text area", value=_as_json(value), is_json=True)


def meant(one: AnyField, typed: Sequence[str], *, is_json: bool = False) -> Any:
    """Return the raw value that was meant; `missing` where nothing was. What makes no sense stays as it was typed."""
    if is_json:
        return _from_json(typed[0])
    kind = kind_of(one)
    return _meant(one, kind, list(typed) if kind == "choices" else typed[0])


def default_of(one: AnyField) -> Any:
    """Return the raw value that holds where none is given, None if there is none."""
    try:
        value = one.load_default
        value = value() if callable(value) else value
        return None if value is missing or value is None else one.serialize("value", {"value": value})
    except Exception:  # noqa: BLE001  a plugin's field may do anything
        return None


def kind_of(one: AnyField) -> Kind:
    """Return what a field is edited with."""
    if isinstance(one, Secret):
        return "secret"
    if options_of(one):
        return "choices" if isinstance(one, fields.List) else "select"
    if isinstance(one, fields.Boolean) and True in one.truthy and False in one.falsy:
        return "select" if default_of(one) is None and not one.required else "switch"
    if isinstance(one, fields.Number):
        return "number"
    if isinstance(one, _STRUCTURES) and not isinstance(one, fields.Pluck):
        return "text area"
    return "text"


def choices_of(one: AnyField) -> list[Choice]:
    """Return what a field offers; with an empty choice where none of them holds by itself."""
    options = options_of(one)
    if isinstance(one, fields.Boolean) and not options:
        options = {"true": "yes", "false": "no"}
    found = [Choice(value=value, label=label) for value, label in options.items()]
    if isinstance(one, fields.List) or "" in options or default_of(one) is not None:
        return found
    return [Choice(value="", label="(choose)" if one.required else "(not set)"), *found]


def options_of(one: AnyField) -> dict[str, str]:
    """Return the labels of the only values that a field, or each entry of a list, can have."""
    return {str(value): label for value, label in _options(one)}


def _options(one: AnyField) -> list[tuple[Any, str]]:
    if isinstance(one, fields.Enum):
        members = [member.value if one.by_value else member.name for member in one.enum]
        labels = one.metadata.get("labels", {})
        return [(member, str(labels.get(member, member))) for member in members]
    rules = [rule for rule in one.validators if isinstance(rule, validate.OneOf | validate.ContainsOnly)]
    if rules:
        labels = [str(label) for label in rules[0].labels]
        values = list(rules[0].choices)
        return [(value, labels[at] if at < len(labels) else str(value)) for at, value in enumerate(values)]
    return _options(one.inner) if isinstance(one, fields.List) else []


# To be typed


def _can_hold(one: AnyField, kind: Kind, plain: Any, value: Any) -> bool:
    """Return whether an input gives a value back as it was."""
    offered = {choice.value for choice in choices_of(one)} if kind in ("select", "choices") else set()
    if (kind == "select" and plain not in offered) or (kind == "choices" and not _are_of(plain, offered)):
        return False
    meant = _meant(one, kind, plain)
    return _is_same(default_of(one) if meant is missing else meant, value)


def _are_of(plain: list[str], offered: set[str]) -> bool:
    return len(set(plain)) == len(plain) and offered.issuperset(plain)


def _typed(kind: Kind, value: Any) -> Any:
    if kind == "switch":
        return value is True
    if kind == "choices":
        return [_text(item) for item in value] if isinstance(value, list) else []
    if value is None or (kind == "secret" and value == KEPT):
        return ""
    if kind == "text area" and isinstance(value, list) and not any(_is_nested(item) for item in value):
        return "\n".join(_text(item) for item in value)
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return _as_json(value)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2 if _is_nested(value) else None, default=str)


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict) and bool(value)


def _is_long(text: str) -> bool:
    return "\n" in text or len(text) > _LONG


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two raw values are the same; 1 and true are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


# What was typed


def _meant(one: AnyField, kind: Kind, typed: Any) -> Any:
    if kind == "switch":
        return typed is True or typed == "true"
    if kind == "choices":
        return _list(one, [_option(one, text) for text in typed if text])
    text = _lines(typed)
    if isinstance(one, fields.List) and _is_written_in_lines(one, text):
        lines = [line.strip() for line in text.split("\n")]
        return _list(one, [_entry(one.inner, line) for line in lines if line])
    if not text.strip():
        return missing
    if kind == "select":
        return _YES_OR_NO.get(text, text) if isinstance(one, fields.Boolean) else _option(one, text)
    if kind == "number":
        return _number(text)
    if isinstance(one, _TEXTS):
        return text
    return _from_json(text) if kind == "text area" else _whatever(one, text)


def _lines(text: str) -> str:
    """Return a text as it was typed; blanks around a single line are none of it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if "\n" in text.strip() else text.strip()


def _is_written_in_lines(one: fields.List[Any], text: str) -> bool:
    is_plain = isinstance(one.inner, (*_TEXTS, fields.Number)) and not isinstance(one.inner, Secret)
    return is_plain and not text.lstrip().startswith("[")


def _list(one: AnyField, items: list[Any]) -> Any:
    """Return a list; an empty one is something else than the default only where that is a list."""
    return items if items or isinstance(default_of(one), list) else missing


def _entry(inner: AnyField, line: str) -> Any:
    return _number(line) if isinstance(inner, fields.Number) else line


def _option(one: AnyField, text: str) -> Any:
    return next((value for value, _ in _options(one) if str(value) == text), text)


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if abs(number) < float("inf") else text
    return text


def _whatever(one: AnyField, text: str) -> Any:
    """Return what a field that nobody here knows takes: the text, or what it says as JSON."""
    value = _from_json(text)
    return value if value != text and not _takes(one, text) and _takes(one, value) else text


def _takes(one: AnyField, value: Any) -> bool:
    try:
        one.deserialize(value)
    except Exception:  # noqa: BLE001  a plugin's field may do anything
        return False
    return True


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(constant: str) -> Mapping[str, Any]:
    raise ValueError(constant)
