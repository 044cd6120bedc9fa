"""The values that answers were counted under, found without reading the counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, Text, func, literal, select

from hub.store.given import as_given, given
from hub.store.tables import score_count

MOST_VALUES = 50
"""Values of a segment that are offered to choose from."""


def values_of(connection: Connection, survey_ids: Sequence[str], segments: Sequence[str]) -> dict[str, list[str]]:
    """Return the values that answers were counted under, by segment and in their order, `MOST_VALUES` at most of each.

    One statement walks from each to the next by the index: what lies between is not looked at.
    """
    starts = as_given((survey_id, segment) for survey_id in survey_ids for segment in segments)
    found: dict[str, set[str]] = {segment: set() for segment in segments}
    for segment, value in connection.execute(_VALUES[connection.dialect.name], starts):
        found[segment].add(value)
    return {segment: sorted(values)[:MOST_VALUES] for segment, values in found.items()}


def _walking(dialect: str) -> Select[Any]:
    starts = given(dialect, survey_id=Text, segment=Text)
    first = select(
        starts.c.survey_id,
        starts.c.segment,
        _next_value(starts.c.survey_id, starts.c.segment, literal("")).label("value"),
        literal(1).label("place"),
    )
    walk = first.cte("walk", recursive=True)
    steps = select(
        walk.c.survey_id,
        walk.c.segment,
        _next_value(walk.c.survey_id, walk.c.segment, walk.c.value),
        walk.c.place + 1,
    ).where(walk.c.value.is_not(None), walk.c.place < MOST_VALUES)
    walk = walk.union_all(steps)
    return select(walk.c.segment, walk.c.value).where(walk.c.value.is_not(None)).distinct()


def _next_value(
    survey_id: ColumnElement[str], segment: ColumnElement[str], value: ColumnElement[str]
) -> ScalarSelect[str]:
    table = score_count.alias()
    after = (table.c.survey_id == survey_id, table.c.segment == segment, table.c.value > value)
    return select(func.min(table.c.value)).where(*after).scalar_subquery()


_VALUES = {dialect: _walking(dialect) for dialect in ("sqlite", "postgresql")}
