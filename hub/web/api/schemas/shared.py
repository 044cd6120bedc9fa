"""What all that goes over the wire shares: values, lists, filters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from hub.admin.paging import LARGEST_PAGE, Slice
from hub.store.types import is_storable

# Values


class Moment(fields.AwareDateTime):
    """A time, written in UTC with `Z`; one without a zone is UTC."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", default_timezone=UTC, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else plain(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from None


class Line(fields.String):
    """Text that both databases can keep."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not is_storable(text):
            raise ValidationError("Holds a NUL character or half a surrogate pair.")
        return text


class Anything(fields.Raw):
    """A JSON value as it is; times inside it are written like all others."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return plain(value)


class Shown(fields.Nested):
    """Written as it is, and documented as its schema."""

    def _serialize(self, nested_obj: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return plain(nested_obj)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: times in ISO 8601 with `Z`, a float that is no number as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def an_id(**kwargs: Any) -> Line:
    return Line(validate=validate.Length(min=1, max=300), **kwargs)


def choice(values: Any, text: str, **kwargs: Any) -> Line:
    return Line(validate=validate.OneOf([str(value) for value in values]), metadata={"help": text}, **kwargs)


# What all share


class ErrorSchema(Schema):
    """Every error has this shape."""

    code = fields.String(required=True, metadata={"help": "For programs: not_found, invalid, conflict, ..."})
    message = fields.String(required=True, metadata={"help": "For people."})
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        data_key="fields",
        required=True,
        metadata={"help": "What is wrong, by the path of the value; empty when it is not about one."},
    )


class Query(Schema):
    """Filters; an unknown one is refused."""

    class Meta:
        unknown = RAISE


class PageQuery(Query):
    """How much of a list is wanted."""

    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(min=1, max=LARGEST_PAGE),
        metadata={"help": f"Most items to answer: 50 unless told, {LARGEST_PAGE} at most."},
    )
    cursor = Line(
        validate=validate.Length(min=1, max=1_000),
        metadata={"help": "`next_cursor` of the page before; the filters have to stay the same."},
    )


def slice_of(query: dict[str, Any]) -> Slice:
    """Take the part of a list out of a query; what stays are its filters."""
    return Slice(limit=query.pop("limit"), cursor=query.pop("cursor", None))


def survey_name() -> Line:
    return an_id(metadata={"help": "Name of a survey."})


def person_id() -> Line:
    return an_id(metadata={"help": "Id of a person, as `/people` gives it."})


def since() -> Moment:
    return Moment(metadata={"help": "From this time on."})


def until() -> Moment:
    return Moment(metadata={"help": "Before this time."})


def page_of(item: type[Schema]) -> type[Schema]:
    """Return the schema of a page of items."""
    members = {
        "items": fields.List(fields.Nested(item), required=True),
        "next_cursor": fields.String(required=True, allow_none=True, metadata={"help": "null at the end."}),
    }
    return type(item.__name__.removesuffix("Schema") + "PageSchema", (Schema,), members)


def list_of(item: type[Schema]) -> type[Schema]:
    """Return the schema of a list that is always whole."""
    members = {"items": fields.List(fields.Nested(item), required=True)}
    return type(item.__name__.removesuffix("Schema") + "ListSchema", (Schema,), members)


class CountSchema(Schema):
    """How many."""

    count = fields.Integer(required=True)


class ProblemSchema(Schema):
    """A record that was not taken, by the line it begins on (in an array: its place, from 1)."""

    line = fields.Integer(required=True)
    why = fields.String(required=True)
