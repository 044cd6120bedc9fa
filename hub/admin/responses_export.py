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
from hub.admin.responses import GivenResponse, Wanted, batches
from hub.admin.scores import Segment
from hub.admin.spreadsheets import disarmed
from hub.domain.identity import IdKind
from hub.domain.traits import value_of
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.store import worlds

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
)


def export_csv(hub: Hub, wanted: Wanted) -> Iterator[str]:
    """Return CSV, the newest answer first, with its header; nothing in it is run by a spreadsheet as a formula.

    Raises NotThere before the first line for an unknown survey or trait. The audit log says who exported what.
    """
    rows = _noted(hub, wanted)
    return _lines(rows)


def export_json(hub: Hub, wanted: Wanted) -> Iterator[str]:
    """Return a JSON array of the same."""
    rows = _noted(hub, wanted)
    return _array(rows)


def _lines(rows: Iterator[Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    yield _csv([COLUMNS])
    for some in rows:
        if some:
            yield _csv([[disarmed(_cell(one[name])) for name in COLUMNS] for one in some])


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
        row["email"] = person and check_address(value_of(person.profile, "email"))
        rows.append({name: row[name] for name in COLUMNS})
    return rows


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
