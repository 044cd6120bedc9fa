"""Counts that are kept as the work is done, because counting millions of rows anew would be dear."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from hub.store.configuration import read_setting, write_setting

Tally = tuple[str, ...]
"""What was counted: `("event", outcome, reason)` or `("decision", survey id, outcome, reason)`."""

_NAME = "tallies"


def add(connection: Connection, counts: Mapping[Tally, int]) -> None:
    """Add to the counts. The caller holds the decider's lock: nobody else writes them."""
    if counts:
        known = read(connection)
        total = {key: known.get(key, 0) + counts.get(key, 0) for key in {*known, *counts}}
        write_setting(connection, _NAME, {"/".join(key): number for key, number in sorted(total.items())})


def read(connection: Connection) -> dict[Tally, int]:
    """Return the counts since this hub began to count."""
    stored = read_setting(connection, _NAME) or {}
    return {tuple(key.split("/")): number for key, number in stored.items()}
