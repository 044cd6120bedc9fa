"""Rows given to a statement as one parameter, so that one statement serves any number of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import FromClause, Integer, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSON

PARAMETER = "given"

Kind = type[Text] | type[Integer]


def given(dialect: str, **columns: Kind) -> FromClause:
    """Return the given rows as something to select from, with these columns in the order of the values of a row."""
    rows = bindparam(PARAMETER, type_=Text())
    if dialect == "postgresql":
        each = (
            func.json_array_elements(cast(rows, JSON)).table_valued(column("value", JSON)).render_derived(name="each")
        )
        value = each.c.value
        found = [cast(value.op("->>")(at), kind).label(name) for at, (name, kind) in enumerate(columns.items())]
    else:
        each = func.json_each(rows).table_valued("value")
        found = [func.json_extract(each.c.value, f"$[{at}]").label(name) for at, name in enumerate(columns)]
    return select(*found).subquery("given")


def as_given(rows: Iterable[Sequence[Any]]) -> dict[str, str]:
    """Return rows of text, whole numbers and None as the parameter of a statement on `given`."""
    return {PARAMETER: json.dumps([list(row) for row in rows])}
