"""The OpenAPI document as people read it: what the page at /api/docs and docs/api-reference.md show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_METHODS = ("get", "post", "put", "delete")
_FORMATS = {"date-time": "time", "date": "date", "float": "number"}
_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "object"}


@dataclass(frozen=True, kw_only=True)
class Member:
    """A parameter, or a member of an object: `kind` is its type in words, `shape` an object of its own if it is one.

    Of what is answered everything is there; `is_required` says what has to be sent.
    """

    name: str
    kind: str
    shape: str | None
    is_required: bool
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Body:
    """What is sent or answered in one media type; nothing for an empty answer."""

    status: str
    media: str
    kind: str
    shape: str | None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    summary: str
    description: str
    scope: str
    parameters: Sequence[Member]
    takes: Sequence[Body]
    answers: Sequence[Body]


@dataclass(frozen=True, kw_only=True)
class Section:
    """The operations about one noun."""

    name: str
    description: str
    operations: Sequence[Operation]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """An object that is sent or answered."""

    name: str
    members: Sequence[Member]


@dataclass(frozen=True, kw_only=True)
class Outline:
    """The whole document."""

    sections: Sequence[Section]
    shapes: Sequence[Shape]


def outline(spec: Mapping[str, Any]) -> Outline:
    """Return an OpenAPI document in the order of its tags; only shapes that an operation leads to are told."""
    sections = [
        Section(
            name=tag["name"],
            description=tag["description"],
            operations=[
                _operation(path, method, operations[method])
                for path, operations in spec["paths"].items()
                for method in _METHODS
                if method in operations and tag["name"] in operations[method]["tags"]
            ],
        )
        for tag in spec["tags"]
    ]
    known = spec["components"]["schemas"]
    sent = {body.shape for section in sections for one in section.operations for body in one.takes}
    shapes = [_shape(name, known[name], is_sent=name in sent) for name in _reached(sections, known)]
    return Outline(sections=sections, shapes=shapes)


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    return Operation(
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        scope=operation["security"][0]["token"][0],
        parameters=[
            _member(one["name"], one["schema"], one["required"], one.get("description", ""))
            for one in operation.get("parameters", ())
        ],
        takes=_bodies("", operation.get("requestBody", {})),
        answers=[
            body
            for status, answer in operation["responses"].items()
            if status.startswith("2")
            for body in _bodies(status, answer)
        ],
    )


def _bodies(status: str, described: Mapping[str, Any]) -> list[Body]:
    if status and "content" not in described:
        return [Body(status=status, media="", kind="nothing", shape=None)]
    return [
        Body(status=status, media=media, kind=_kind(content["schema"]), shape=_shape_of(content["schema"]))
        for media, content in described.get("content", {}).items()
    ]


def _shape(name: str, schema: Mapping[str, Any], *, is_sent: bool = False) -> Shape:
    required = schema.get("required", ()) if is_sent else ()
    members = [
        _member(member, one, member in required, one.get("description", ""))
        for member, one in schema["properties"].items()
    ]
    return Shape(name=name, members=members)


def _member(name: str, schema: Mapping[str, Any], is_required: bool, meaning: str) -> Member:
    return Member(name=name, kind=_kind(schema), shape=_shape_of(schema), is_required=is_required, meaning=meaning)


def _kind(schema: Mapping[str, Any]) -> str:
    """Return a type in words."""
    if "$ref" in schema:
        return _shape_of(schema) or ""
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    types = schema.get("type", "any value")
    if isinstance(types, list):
        plain = [one for one in types if one != "null"]
        return f"{_kind({**schema, 'type': plain[0]})}{' or null' if len(plain) < len(types) else ''}"
    if types == "array":
        return f"list of {_kind(schema['items'])}"
    return _FORMATS.get(schema.get("format", "")) or _WORDS.get(types, str(types))


def _shape_of(schema: Mapping[str, Any]) -> str | None:
    """Return the name of the object that a schema refers to, alone or in a list."""
    if schema.get("type") == "array":
        return _shape_of(schema["items"])
    return str(schema.get("$ref", "")).rpartition("/")[2] or None


def _reached(sections: Sequence[Section], known: Mapping[str, Any]) -> list[str]:
    """Return the shapes that operations lead to, in the order in which they are met, errors last."""
    waiting = [
        shape
        for section in sections
        for operation in section.operations
        for shape in [body.shape for body in (*operation.takes, *operation.answers)]
        if shape is not None
    ]
    found: dict[str, None] = {}
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            waiting = [m.shape for m in _shape(name, known[name]).members if m.shape is not None] + waiting
    return [*(name for name in found if name != "Error"), "Error"]
