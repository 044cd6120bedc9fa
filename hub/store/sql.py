"""Statements that both databases know in their own words."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, Text, func, literal_column, select, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert


def is_among(connection: Connection, column: Column[str], values: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a text column holds one of `values`: one parameter, however many there are."""
    if connection.dialect.name == "postgresql":
        return column == func.any(type_coerce(list(values), ARRAY(Text)))
    return column.in_(select(func.json_each(json.dumps(list(values))).table_valued("value").c.value))


def in_states(column: Column[str], *states: str) -> ColumnElement[bool]:
    """Return the condition that a state is one of some, in the words of a partial index, so that it is used."""
    return column.in_([literal_column(f"'{state}'") for state in states])


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, update: Sequence[str] = ()
) -> None:
    """Insert rows; where a row's primary key exists, set the columns `update` (without any: leave it as it is)."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        statement: Any = postgresql_insert(table)
    else:
        statement = sqlite_insert(table)
    if update:
        changes = {name: statement.excluded[name] for name in update}
        statement = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(table.primary_key))
    connection.execute(statement, list(rows))


def insert_missing(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert one row unless its primary key exists; return whether it was inserted."""
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    keys = list(table.primary_key)
    statement = insert(table).values(**row).on_conflict_do_nothing(index_elements=keys).returning(keys[0])
    return connection.execute(statement).first() is not None
