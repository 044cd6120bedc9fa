"""docs/api-reference.md, written from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.web.api.outline import Body, Member, Operation, outline

_HEAD = """\
# API reference

This page is generated from the code by `python3 run.py docs`. How to use it is told in [the API](api.md). A running hub
shows this page at `/api/docs`, and the same for programs at `/api/v1/openapi.json`. Of what is answered, everything is
always there.

"""


def reference_page(spec: Mapping[str, Any]) -> str:
    """Return every operation and object of an OpenAPI document, as markdown."""
    read = outline(spec)
    lines = [_HEAD.rstrip("\n"), "", *(f"- [{section.name}](#{section.name})" for section in read.sections)]
    lines += ["- [Objects](#objects)", ""]
    for section in read.sections:
        lines += [f"## {section.name}", "", section.description, ""]
        for operation in section.operations:
            lines += _operation(operation)
    lines += ["## Objects", ""]
    for shape in read.shapes:
        lines += [f"### {shape.name}", "", *_members(shape.members)]
    return "\n".join(lines)


def _operation(operation: Operation) -> Iterator[str]:
    yield f"### {operation.method} {operation.path}\n"
    yield f"{operation.summary}. Scope: `{operation.scope}`.\n"
    if operation.description:
        yield f"{operation.description}\n"
    if operation.parameters:
        yield from _members(operation.parameters)
    for body in operation.takes:
        yield f"Takes `{body.media}`: {_kind(body)}\n"
    for body in operation.answers:
        media = f" `{body.media}`" if body.media else ""
        yield f"Answers {body.status}{media}: {_kind(body)}\n"


def _members(members: Sequence[Member]) -> Iterator[str]:
    yield "| name | type | meaning |\n|---|---|---|"
    for one in members:
        meaning = " ".join(["Required." if one.is_required else "", one.meaning.replace("|", "\\|")]).strip()
        yield f"| `{one.name}` | {_kind(one)} | {meaning} |"
    yield ""


def _kind(one: Member | Body) -> str:
    if one.shape is None:
        return one.kind
    prefix = "list of " if one.kind.startswith("list of") else ""
    return f"{prefix}[{one.shape}](#{one.shape.lower()})"
