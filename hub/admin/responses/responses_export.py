"""Answers as a file: written as they are read, so that a million of them take no more memory than a few."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from hub.admin import audit
from hub.admin.audit import Action
from hub.admin.names import rating_names, survey_named
from hub.admin.responses.responses import GivenResponse, Wanted, batches
from hub.admin.scoring.scores import Segment
from hub.admin.spreadsheets import disarmed
from hub.domain.identity import IdKind
from hub.domain.traits import display_name, value_of
from hub.domain.world import Person
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.store import worlds
from hub.store.types import storable

AT_ONCE = 500
_UNTOLD = {"said", "person"}
COLUMNS = (
    "id",
    "survey",
    "score",
    "band",
    "comment",
    "ratings",
    "language",
    "tags",
    "rated_at",
    "first_rated_at",
    "version",
    "person_id",
    "user_id",
    "email",
    "segments",
    "link",
    "name",
    "texts_version",
)
"""Columns; of a CSV there is one more for each rating that the surveys ask for, such as `rating_support`."""
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""What tells Excel that the file is UTF-8."""


def export_csv(hub: Hub, wanted: Wanted) -> Iterator[str]:
    """Return CSV, the newest answer first, with its header; nothing in it is run by a spreadsheet as a formula.

    It begins with a byte order mark. A rating that the surveys ask for has a column of its own, others stand together
    in `ratings`. `version` counts the changes of an answer, `texts_version` is of what the customer read.

    Raises NotThere before the first line for an unknown survey or trait. The audit log says who exported what.
    """
    rows = _noted(hub, wanted)
    configuration = hub.registry.current()
    surveys = configuration.surveys if wanted.survey is None else [survey_named(configuration, wanted.survey).id]
    return _lines(rows, rating_names(configuration, list(surveys)))


def export_json(hub: Hub, wanted: Wanted) -> Iterator[str]:
    """Return a JSON array of the same."""
    rows = _noted(hub, wanted)
    return _array(rows)


def _lines(rows: Iterator[Sequence[Mapping[str, Any]]], ratings: Sequence[str]) -> Iterator[str]:
    yield BYTE_ORDER_MARK + _csv([[*COLUMNS, *(f"rating_{name}" for name in ratings)]])
    for some in rows:
        if some:
            yield _csv([[disarmed(_cell(value)) for value in _apart(one, ratings)] for one in some])


def _apart(row: Mapping[str, Any], ratings: Sequence[str]) -> list[Any]:
    """Return the values of a row, those of `ratings` behind the others."""
    given = row["ratings"]
    others = {name: value for name, value in given.items() if name not in ratings}
    return [*({**row, "ratings": others}[name] for name in COLUMNS), *(given.get(name) for name in ratings)]


def _array(rows: Iterator[Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    before = "["
    for some in rows:
        for one in some:
            yield f"{before}\n{json.dumps(one, ensure_ascii=False, default=_text)}"
            before = ","
    yield "\n]\n" if before == "," else "[]\n"


def _noted(hub: Hub, wanted: Wanted) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Return the answers as rows, some at a time, after it was written down that they are exported."""
    found = batches(hub, wanted, AT_ONCE)
    first = next(found, [])
    with hub.store.write() as connection:
        # What was searched for, and the value of a trait, may name somebody.
        asked = {name: value for name, value in vars(wanted).items() if value is not None and name not in _UNTOLD}
        told = {name: value.name if isinstance(value, Segment) else str(value) for name, value in asked.items()}
        audit.note(hub, connection, Action.EXPORTED, f"responses of {wanted.survey or 'all surveys'}", **told)
    return _rows(hub, first, found)


def _rows(
    hub: Hub, first: Sequence[GivenResponse], others: Iterator[Sequence[GivenResponse]]
) -> Iterator[Sequence[Mapping[str, Any]]]:
    yield _with_people(hub, first)
    for some in others:
        yield _with_people(hub, some)


def _with_people(hub: Hub, some: Sequence[GivenResponse]) -> Sequence[Mapping[str, Any]]:
    with hub.store.read() as connection:
        people = worlds.load_people(connection, {one.person_id for one in some})
    rows = []
    for one in some:
        person = people.get(one.person_id)
        row = {name: getattr(one, name) for name in COLUMNS if hasattr(one, name)}
        row["user_id"] = person and next((id.value for id in person.identities if id.kind is IdKind.USER), None)
        row["name"] = person and _name(person)
        row["link"] = f"{hub.settings.base_url}/responses/{one.id}"
        row["email"] = person and check_address(value_of(person.profile, "email"))
        rows.append({name: row[name] for name in COLUMNS})
    return rows


def _name(person: Person) -> str | None:
    name = display_name(person.profile)
    return name and storable(name)  # a profile keeps half a surrogate pair as it came; no file can hold it


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}={one}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(value)
    return _text(value) if isinstance(value, datetime) else str(value)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
