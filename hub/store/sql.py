"""Statements that both databases know in their own words."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Table,
    TableValuedAlias,
    TypeDecorator,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

T = TypeVar("T", str, int)


def is_among(connection: Connection, column: ColumnElement[T], values: Collection[T]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of `values`: one parameter, however many there are.

    PostgreSQL is not shown how many: it walks an index for each. Of a table that it has not looked at yet it would
    believe that hundreds of values are half of it, and read it all.
    """
    if connection.dialect.name == "postgresql":
        unseen = select(type_coerce(list(values), ARRAY(column.type))).scalar_subquery()
        return column == func.any(cast(unseen, ARRAY(column.type)))
    return column.in_(select(_table_of(connection, column, values).c.value))


def look_up(
    connection: Connection, wanted: Column[Any], column: Column[T], values: Collection[T], *known: ColumnElement[bool]
) -> list[Any]:
    """Return `wanted` of the row where `column` holds a value and `known` is so, for each of `values` that has one.

    The columns are a unique key. PostgreSQL walks its index for each value, also while it knows nothing of the table
    and would rather read all that `known` leaves of it.
    """
    table = _table_of(connection, column, values)
    found = select(wanted).where(*known, column == table.c.value).correlate(table).scalar_subquery()
    return [value for value in connection.scalars(select(found).select_from(table)) if value is not None]


def _table_of(connection: Connection, column: ColumnElement[T], values: Collection[T]) -> TableValuedAlias:
    if connection.dialect.name == "postgresql":
        return func.unnest(type_coerce(list(values), ARRAY(column.type))).table_valued("value").render_derived()
    return func.json_each(json.dumps(list(values))).table_valued("value")


def in_states(column: Column[str], *states: str) -> ColumnElement[bool]:
    """Return the condition that a state is one of some, in the words of a partial index, so that it is used."""
    return column.in_([literal_column(f"'{state}'") for state in states])


def is_also(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """Return the condition that a column equals `value`, for rows that are found by others of their columns.

    PostgreSQL finds no row by it. Where it has not looked at a table yet, it takes any index for a good one, and
    would as soon read all that is in a state, or all of a survey.
    """
    return column.is_not_distinct_from(value)


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that name the same columns."""
    _insert(connection, table, rows, "")


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, update: Sequence[str] = ()
) -> None:
    """Insert rows; where a row's primary key exists, set the columns `update` (without any: leave it as it is)."""
    quoted = connection.dialect.identifier_preparer.quote
    keys = ", ".join(quoted(column.name) for column in table.primary_key)
    changes = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in update)
    _insert(connection, table, rows, f"ON CONFLICT ({keys}) DO {f'UPDATE SET {changes}' if changes else 'NOTHING'}")


def insert_missing(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert one row unless its primary key exists; return whether it was inserted."""
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    keys = list(table.primary_key)
    statement = insert(table).values(**row).on_conflict_do_nothing(index_elements=keys).returning(keys[0])
    return connection.execute(statement).first() is not None


def update_many(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    where: Sequence[str],
    computed: Mapping[str, str],
) -> int:
    """Change the row that agrees with each of `rows` in the columns `where`; return how many there were.

    Each of the other columns is set to what the row says, or to what is `computed`: SQL in which `{}` is that.
    """
    if not rows:
        return 0
    names = [name for name in rows[0] if name not in where]
    columns = _columns(connection, table, rows, (*names, *where))
    if connection.dialect.name == "postgresql":
        statement = _update_from_arrays(table, names, where, computed, connection.dialect)
        return connection.exec_driver_sql(statement, tuple(columns)).rowcount
    statement = _update_row(table, names, where, computed, connection.dialect)
    return connection.exec_driver_sql(statement, list(zip(*columns, strict=True))).rowcount


def _update_from_arrays(
    table: Table, names: Sequence[str], where: Sequence[str], computed: Mapping[str, str], dialect: Dialect
) -> str:
    quoted = dialect.identifier_preparer.quote
    both = ", ".join(map(quoted, (*names, *where)))
    given = f"unnest({_arrays(table, (*names, *where), dialect)}) AS given ({both})"
    changes = _changes(names, {name: f"given.{quoted(name)}" for name in names}, computed, dialect)
    is_it = " AND ".join(f"{quoted(table.name)}.{quoted(name)} = given.{quoted(name)}" for name in where)
    return f"UPDATE {quoted(table.name)} SET {changes} FROM {given} WHERE {is_it}"  # noqa: S608  names of our own


def _update_row(
    table: Table, names: Sequence[str], where: Sequence[str], computed: Mapping[str, str], dialect: Dialect
) -> str:
    quoted = dialect.identifier_preparer.quote
    changes = _changes(names, dict.fromkeys(names, "?"), computed, dialect)
    is_it = " AND ".join(f"{quoted(name)} = ?" for name in where)
    return f"UPDATE {quoted(table.name)} SET {changes} WHERE {is_it}"  # noqa: S608  names of our own


def _changes(names: Sequence[str], given: Mapping[str, str], computed: Mapping[str, str], dialect: Dialect) -> str:
    quoted = dialect.identifier_preparer.quote
    new = {name: computed.get(name, "{}").format(given.get(name, "")) for name in (*names, *computed)}
    return ", ".join(f"{quoted(name)} = {value}" for name, value in new.items())


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], on_conflict: str) -> None:
    """Insert rows past SQLAlchemy, which takes several times as long to bind them as the databases to store them.

    PostgreSQL gets one array a column, SQLite a prepared statement.
    """
    if not rows:
        return
    names = tuple(rows[0])
    columns = _columns(connection, table, rows, names)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_insert_arrays(table, names, on_conflict, connection.dialect), tuple(columns))
    else:
        statement = _insert_row(table, names, on_conflict, connection.dialect)
        connection.exec_driver_sql(statement, list(zip(*columns, strict=True)))


def _columns(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> list[list[Any]]:
    return [_stored(table.c[name], connection.dialect, [row[name] for row in rows]) for name in names]


def _stored(column: Column[Any], dialect: Dialect, values: list[Any]) -> list[Any]:
    if isinstance(column.type, TypeDecorator):
        bind = column.type.process_bind_param
        return [bind(value, dialect) for value in values]
    return values


def _insert_arrays(table: Table, names: Sequence[str], on_conflict: str, dialect: Dialect) -> str:
    arrays = _arrays(table, names, dialect)
    return f"{_insert_into(table, names, dialect)} SELECT * FROM unnest({arrays}) {on_conflict}"  # noqa: S608  names of our own


def _arrays(table: Table, names: Iterable[str], dialect: Dialect) -> str:
    return ", ".join(f"%b::{table.c[name].type.compile(dialect)}[]" for name in names)


def _insert_row(table: Table, names: Sequence[str], on_conflict: str, dialect: Dialect) -> str:
    return f"{_insert_into(table, names, dialect)} VALUES ({', '.join('?' for _ in names)}) {on_conflict}"


def _insert_into(table: Table, names: Sequence[str], dialect: Dialect) -> str:
    quoted = dialect.identifier_preparer.quote
    return f"INSERT INTO {quoted(table.name)} ({', '.join(map(quoted, names))})"
