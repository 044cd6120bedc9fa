"""How many answers gave each score, and rated something else 1 to 5, by survey, UTC day and segment.

Kept in the transaction that changes an answer.

A segment is `ALL`, `LANGUAGE`, or a trait that somebody chose to look at scores by, each with the value that an answer
is counted under. An answer keeps the values it was counted under, so that it can be taken out again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Delete,
    Insert,
    Integer,
    Table,
    Text,
    case,
    delete,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from hub.domain.traits import Profile, value_of
from hub.store.given import Kind, as_given, given
from hub.store.sql import is_among
from hub.store.tables import rating_count, score_count
from hub.store.types import EPOCH, storable

ALL, LANGUAGE = "", "language"
LONGEST_VALUE = 64
"""Characters of a trait's value that tell it from others."""


class Key(NamedTuple):
    """What a count is of; `day` is the number of days since 1970.

    `rating` is the name of what was rated beside the score, `score` is then from 1 to 5; "" is the score itself.
    """

    survey_id: str
    segment: str
    value: str
    day: int
    score: int
    rating: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some of the answers: those of a segment's value that were rated from `first` to `last`, None is any day."""

    segment: str = ALL
    value: str = ""
    first: date | None = None
    last: date | None = None


def keys_of(
    survey_id: str,
    rated_at: datetime,
    score: int,
    language: str | None,
    segments: Mapping[str, str],
    ratings: Mapping[str, int],
) -> Iterator[Key]:
    """Yield under what an answer is counted."""
    day = day_of(rated_at.date())
    parts = [(ALL, ""), *([(LANGUAGE, language)] if language else []), *segments.items()]
    for segment, value in parts:
        yield Key(survey_id, segment, value, day, score)
        for rating, given_score in ratings.items():
            yield Key(survey_id, segment, value, day, given_score, rating)


def segments_of(profile: Profile, names: Collection[str]) -> dict[str, str]:
    """Return the values under which an answer of a person is counted, by trait; a trait without one is left out."""
    found = {name: _value(value_of(profile, name)) for name in names}
    return {name: value for name, value in found.items() if value}


def language_in(language: str) -> str:
    """Return the language under which an answer is counted: a tag of a page's language, as short as a value is."""
    return _value(language)


def _value(trait: Any) -> str:
    if isinstance(trait, bool):
        return "true" if trait else "false"
    if isinstance(trait, int) or (isinstance(trait, float) and math.isfinite(trait)):
        return str(trait)[:LONGEST_VALUE]
    return storable(trait).strip()[:LONGEST_VALUE].strip() if isinstance(trait, str) else ""


def day_of(day: date) -> int:
    """Return a day as it is stored."""
    return (day - EPOCH.date()).days


def add(connection: Connection, changes: Mapping[Key, int]) -> None:
    """Add to the counts: one statement a table, which takes its rows in their order, so that two of them never wait in
    a ring.

    What is then counted nought times is forgotten: a value may name a person. Called last in a transaction: everybody
    who answers the same survey on the same day waits for it.
    """
    for kept, rows in (
        (_SCORES, sorted((*key[:-1], number) for key, number in changes.items() if number and not key.rating)),
        (_RATINGS, sorted((*key, number) for key, number in changes.items() if number and key.rating)),
    ):
        if rows:
            connection.execute(kept.add[connection.dialect.name], as_given(rows))
        fewer = [row[:-1] for row in rows if row[-1] < 0]
        if fewer:
            connection.execute(kept.forget[connection.dialect.name], as_given(fewer))


def take_out(connection: Connection, keys: Iterable[Key]) -> None:
    """Take answers out of the counts."""
    add(connection, {key: -number for key, number in Counter(keys).items()})


def forget_segments(connection: Connection, *, but: Collection[str]) -> None:
    """Forget the values of traits that no answer is counted under any more, other than those of some traits."""
    for table in (score_count, rating_count):
        others = table.c.segment.not_in([ALL, LANGUAGE, *but])
        connection.execute(delete(table).where(others, table.c.number == 0))


def by_score(connection: Connection, survey_ids: Collection[str], part: Part) -> dict[str, dict[int, int]]:
    """Return how many answers gave each score, by survey."""
    table = score_count
    statement = (
        select(table.c.survey_id, table.c.score, func.sum(table.c.number))
        .where(*_within(connection, table, survey_ids, part))
        .group_by(table.c.survey_id, table.c.score)
    )
    found: dict[str, dict[int, int]] = {id: {} for id in survey_ids}
    for survey_id, score, number in connection.execute(statement):
        if number:
            found[survey_id][score] = int(number)
    return found


def by_day(connection: Connection, survey_ids: Collection[str], part: Part) -> dict[str, dict[date, dict[int, int]]]:
    """Return how many answers gave each score, by survey and day; days without any are left out."""
    table = score_count
    statement = select(table.c.survey_id, table.c.day, table.c.score, table.c.number).where(
        *_within(connection, table, survey_ids, part), table.c.number != 0
    )
    found: dict[str, dict[date, dict[int, int]]] = {id: {} for id in survey_ids}
    rows = connection.execute(statement).all()
    for survey_id, day, score, number in sorted(rows, key=lambda row: row[1]):  # a few thousand at most
        found[survey_id].setdefault(EPOCH.date() + timedelta(days=day), {})[score] = number
    return found


def bands_by_day(connection: Connection, survey_ids: Collection[str], part: Part) -> list[tuple[date, int, int, int]]:
    """Return days with their promoters, passives and detractors of all these surveys together, oldest first."""
    table = score_count
    statement = (
        select(table.c.day, *_BANDS)
        .where(*_within(connection, table, survey_ids, part))
        .group_by(table.c.day)
        .order_by(table.c.day)
    )
    return [
        (EPOCH.date() + timedelta(days=day), int(promoters), int(passives), int(detractors))
        for day, promoters, passives, detractors in connection.execute(statement)
        if promoters or passives or detractors
    ]


def bands_by_value(
    connection: Connection, survey_ids: Collection[str], part: Part, values: Collection[str]
) -> list[tuple[str, int, int, int]]:
    """Return these values of the part's segment with their promoters, passives and detractors, where there are any."""
    table = score_count
    statement = (
        select(table.c.value, *_BANDS)
        .where(*_within(connection, table, survey_ids, part, values))
        .group_by(table.c.value)
    )
    return [
        (value, int(promoters), int(passives), int(detractors))
        for value, promoters, passives, detractors in connection.execute(statement)
        if promoters or passives or detractors
    ]


def by_rating(connection: Connection, survey_ids: Collection[str], part: Part) -> dict[str, dict[int, int]]:
    """Return how often each of 1 to 5 was given in all these surveys together, by the name of what was rated."""
    table = rating_count
    statement = (
        select(table.c.rating, table.c.score, func.sum(table.c.number))
        .where(*_within(connection, table, survey_ids, part))
        .group_by(table.c.rating, table.c.score)
    )
    found: dict[str, dict[int, int]] = {}
    for rating, score, number in connection.execute(statement):
        if number:
            found.setdefault(rating, {})[score] = int(number)
    return found


def _within(
    connection: Connection,
    table: Table,
    survey_ids: Collection[str],
    part: Part,
    values: Collection[str] | None = None,
) -> list[Any]:
    bounds = [table.c.day >= day_of(part.first)] if part.first is not None else []
    bounds += [table.c.day <= day_of(part.last)] if part.last is not None else []
    of = is_among(connection, table.c.survey_id, list(survey_ids))
    is_value = table.c.value == part.value if values is None else is_among(connection, table.c.value, list(values))
    return [of, table.c.segment == part.segment, is_value, *bounds]


_BANDS = [
    func.sum(case((is_of_band, score_count.c.number), else_=0))
    for is_of_band in (score_count.c.score >= 9, score_count.c.score.between(7, 8), score_count.c.score <= 6)
]


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """The statements that keep a table of counts, by dialect."""

    add: Mapping[str, Insert]
    forget: Mapping[str, Delete]


_DIALECTS = ("sqlite", "postgresql")
_COLUMNS: dict[str, Kind] = {"survey_id": Text, "segment": Text, "value": Text, "day": Integer, "score": Integer}


def _kept(table: Table, columns: Mapping[str, Kind]) -> _Kept:
    return _Kept(
        add={dialect: _adding(table, columns, dialect) for dialect in _DIALECTS},
        forget={
            dialect: delete(table).where(
                table.c.number == 0,
                tuple_(*(table.c[name] for name in columns)).in_(select(given(dialect, **columns))),
            )
            for dialect in _DIALECTS
        },
    )


def _adding(table: Table, columns: Mapping[str, Kind], dialect: str) -> Insert:
    insert = postgresql_insert if dialect == "postgresql" else sqlite_insert
    # SQLite takes the ON of a conflict for that of a join unless something stands between.
    rows = select(given(dialect, **columns, number=Integer)).where(true())
    statement = insert(table).from_select([*columns, "number"], rows)
    return statement.on_conflict_do_update(
        index_elements=list(columns), set_={"number": table.c.number + statement.excluded.number}
    )


_SCORES = _kept(score_count, _COLUMNS)
_RATINGS = _kept(rating_count, {**_COLUMNS, "rating": Text})
