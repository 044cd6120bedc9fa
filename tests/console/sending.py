"""What a browser sends of a form that nobody has touched."""

from __future__ import annotations

from collections.abc import Iterable

from werkzeug.datastructures import MultiDict

from hub.web.console.forms import Field


def sent(fields: Iterable[Field], **typed: str) -> MultiDict[str, str]:
    """Return what is posted, some of it typed by somebody."""
    form: MultiDict[str, str] = MultiDict()
    for field in fields:
        for value in [typed[field.name]] if field.name in typed else _untouched(field):
            form.add(field.name, value)
        if field.is_json:
            form.add(f"json:{field.name}", "true")
    return form


def _untouched(field: Field) -> list[str]:
    match field.kind:
        case "switch":
            return ["true", "false"] if field.value else ["false"]
        case "choices":
            return ["", *(choice.value for choice in field.choices if choice.value in field.value)]
        case "select":
            offered = [choice.value for choice in field.choices]
            return [field.value if field.value in offered else offered[0]]
        case "text area":
            return [field.value.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")]
    return [str(field.value).replace("\n", "").replace("\r", "")]
