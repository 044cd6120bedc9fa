"""Many answers at once, for tests of what is made of them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from hub.store import score_counts, tables
from hub.store.score_counts import Key, keys_of
from hub.store.sql import insert_many
from hub.store.types import new_id
from tests.lab import Lab


def give(
    lab: Lab,
    scores: Sequence[int],
    *,
    at: datetime | None = None,
    apart: timedelta = timedelta(minutes=1),
    comment: str = "",
    language: str | None = "en",
    ratings: Mapping[str, int] | None = None,
    **segments: str,
) -> list[str]:
    """Store answers to the first survey, the first of them given at `at`; return their ids."""
    rows: list[dict[str, Any]] = []
    for place, score in enumerate(scores):
        rated_at = (at or lab.clock()) + place * apart
        times = dict.fromkeys(("first_rated_at", "rated_at", "updated_at"), rated_at)
        ids = {"id": new_id(), "invitation_id": new_id(), "survey_id": lab.survey_id, "person_id": new_id()}
        said = {"score": score, "comment": comment, "version": 1, "language": language}
        said |= {"ratings": dict(ratings or {}), "segments": segments}
        rows.append({**ids, **said, **times})
    counts: Counter[Key] = Counter()
    for row in rows:
        counts.update(keys_of(row["survey_id"], row["rated_at"], row["score"], language, segments, row["ratings"]))
    versions = [
        {
            "response_id": row["id"],
            "version": 1,
            "score": row["score"],
            "comment": comment,
            "ratings": row["ratings"],
            "at": row["rated_at"],
        }
        for row in rows
    ]
    with lab.hub.store.write() as connection:
        insert_many(connection, tables.response, rows)
        insert_many(connection, tables.response_version, versions)
        score_counts.add(connection, counts)
    return [row["id"] for row in rows]


def read_csv(lines: Iterable[str]) -> list[dict[str, str]]:
    """Return the rows of a file, also those that hold a megabyte; a byte order mark before them is left out."""
    before = csv.field_size_limit(2_000_000)
    first, *others = lines
    try:
        return list(csv.DictReader([first.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"), *others]))
    finally:
        csv.field_size_limit(before)
