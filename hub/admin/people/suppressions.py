"""Suppressions: who is never mailed. Seen, added, removed, brought in and taken out in bulk."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, select

from hub.admin import audit
from hub.admin.audit import Action
from hub.admin.paging import Page, Slice, newest_first
from hub.admin.records import Problem, Record, Tally, in_chunks
from hub.admin.spreadsheets import disarmed
from hub.admin.trouble import Conflict, NotThere
from hub.config import ConfigError
from hub.domain.identity import fingerprint, mailbox_of
from hub.domain.reasons import Stop
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.store.sql import is_among, upsert
from hub.store.tables import suppression as table
from hub.store.types import is_storable

CHUNK = 1_000
PAUSE_S = 0.005
"""Between chunks on SQLite, so that votes get their turn at the only write lock."""
ADDABLE = (Stop.UNSUBSCRIBED, Stop.HARD_BOUNCED, Stop.COMPLAINED)
"""Erased is what erasing a person does."""
LONGEST_NOTE = 500
COLUMNS = ("email", "reason", "note", "created_at")


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """Somebody who is never mailed. Of an erased person only a fingerprint is left: `email` is None."""

    id: str
    subject: str
    email: str | None
    reason: Stop
    note: str | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which suppressions; None is any. `since` is included, `until` is not."""

    email: str | None = None
    reason: Stop | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(kw_only=True)
class Imported(Tally):
    """What became of an import: `known` were suppressed before, and stay as they are."""

    added: int = 0
    known: int = 0


def suppressions(hub: Hub, wanted: Wanted, part: Slice) -> Page[Suppression]:
    """Return suppressions, the newest first."""
    with hub.store.read() as connection:
        return newest_first(connection, _streams(wanted), (table.c.created_at, table.c.key), part).map(_suppression)


def add(hub: Hub, email: str, reason: Stop, note: str | None = None) -> tuple[Suppression, bool]:
    """Never mail an address again; return how it stands, and whether that is new: one that is there stays as it is.

    Raises ConfigError for what is no address.
    """
    row = _row({"email": email, "reason": reason, "note": note}, None, hub.now())
    if isinstance(row, str):
        raise ConfigError([row])

    def work(connection: Connection) -> tuple[Suppression, bool]:
        is_new = _insert(connection, [row]) == 1
        if is_new:
            audit.note(hub, connection, Action.SUPPRESSION_ADDED, row["key"], reason=reason)
        return _suppression(connection.execute(select(table).where(table.c.key == row["key"])).one()), is_new

    return hub.store.transact(work)


def remove(hub: Hub, suppression_id: str) -> None:
    """Let an address be mailed again. Raises NotThere, and Conflict for what an erased person left behind."""

    def work(connection: Connection) -> None:
        row = connection.execute(select(table).where(table.c.key == suppression_id)).one_or_none()
        if row is None:
            raise NotThere("There is no such suppression")
        if row.reason == Stop.ERASED:
            raise Conflict("It belongs to a person who was erased; whoever was erased is never mailed again")
        connection.execute(delete(table).where(table.c.key == suppression_id))
        audit.note(hub, connection, Action.SUPPRESSION_REMOVED, suppression_id, reason=row.reason)

    hub.store.transact(work)


def id_of(email: str) -> str:
    """Return the id that the suppression of an address has. Raises ConfigError for what is no address."""
    address = check_address(email)
    if address is None:
        raise ConfigError([f"email: {email!r} is no address that mail could reach"])
    return fingerprint("mailbox", mailbox_of(address))


def import_records(hub: Hub, records: Iterable[Record | Problem], *, reason: Stop | None = None) -> Imported:
    """Suppress the `email` of every record, for its own `reason` or else the one given; bad lines are reported.

    Every thousand are one transaction: when the database fails between two, importing again does the rest.
    """
    imported = Imported()
    for chunk in in_chunks(records, CHUNK):
        rows = []
        for one in chunk:
            row = one.why if isinstance(one, Problem) else _row(one.values, reason, hub.now())
            if isinstance(row, str):
                imported.note(Problem(line=one.line, why=row))
            else:
                rows.append(row)
        added = hub.store.transact(lambda connection, rows=rows: _insert(connection, rows))  # type: ignore[misc]
        imported.added += added
        imported.known += len(rows) - added
        if hub.store.is_sqlite:
            time.sleep(PAUSE_S)
    _note_import(hub, imported)
    return imported


def export_csv(hub: Hub) -> Iterator[str]:
    """Return every suppressed address as CSV that `import_records` takes; erased people have none any more."""
    audit.note_alone(hub, audit.Action.EXPORTED, "suppressions")
    return _csv(hub)


def _csv(hub: Hub) -> Iterator[str]:
    yield _csv_line(COLUMNS)
    for one in _with_address(hub):
        yield _csv_line((one.email or "", one.reason, one.note or "", _text(one.created_at)))


def export_json(hub: Hub) -> Iterator[str]:
    """Return every suppressed address as a JSON array."""
    audit.note_alone(hub, audit.Action.EXPORTED, "suppressions")
    return _json(hub)


def _json(hub: Hub) -> Iterator[str]:
    separator = "["
    for one in _with_address(hub):
        values = {"email": one.email, "reason": one.reason, "note": one.note, "created_at": _text(one.created_at)}
        yield separator + json.dumps(values)
        separator = ",\n"
    yield "[]\n" if separator == "[" else "]\n"


def _with_address(hub: Hub) -> Iterator[Suppression]:
    part = Slice(limit=CHUNK)
    while True:
        page = suppressions(hub, Wanted(), part)
        yield from (one for one in page.items if one.email is not None)
        if page.next_cursor is None:
            return
        part = Slice(limit=CHUNK, cursor=page.next_cursor)


def _note_import(hub: Hub, imported: Imported) -> None:
    counts = {"added": imported.added, "known": imported.known, "refused": imported.refused}
    hub.store.transact(
        lambda connection: audit.note(hub, connection, Action.SUPPRESSIONS_IMPORTED, "suppressions", **counts)
    )


def _streams(wanted: Wanted) -> list[Select[Any]]:
    within = [table.c.created_at >= wanted.since] if wanted.since is not None else []
    within += [table.c.created_at < wanted.until] if wanted.until is not None else []
    reasons = list(Stop) if wanted.reason is None else [wanted.reason]
    streams = [select(table).where(table.c.reason == reason, *within) for reason in reasons]
    if wanted.email is None:
        return streams
    return [stream.where(table.c.key == id_of(wanted.email)) for stream in streams]


def _row(values: Mapping[str, Any], reason: Stop | None, now: datetime) -> dict[str, Any] | str:
    """Return a row, or what is wrong with it."""
    address = check_address(values.get("email"))
    if address is None or not is_storable(address) or "\ufffd" in address:
        said = "is missing" if values.get("email") is None else f"{str(values['email'])[:100]!r} is no address"
        return f"email: {said}"
    wanted = values.get("reason", reason)
    if wanted not in ADDABLE:
        return f"reason: {'is missing' if wanted is None else repr(wanted)[:100]}; write {', '.join(ADDABLE)}"
    note = values.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > LONGEST_NOTE or not is_storable(note)):
        return f"note: has to be text, {LONGEST_NOTE} characters at most"
    created_at = _moment(values["created_at"]) if "created_at" in values else now
    if created_at is None:
        return "created_at: has to be a time such as 2026-03-01T09:30:00Z"
    mailbox = mailbox_of(address)
    return {
        "key": fingerprint("mailbox", mailbox),
        "subject": "mailbox",
        "mailbox": mailbox,
        "reason": str(wanted),
        "created_at": min(created_at, now),
        "note": note,
    }


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Insert what is not there yet; return how many."""
    fresh = {row["key"]: row for row in reversed(rows)}
    known = connection.scalars(select(table.c.key).where(is_among(connection, table.c.key, fresh))).all()
    missing = [row for key, row in fresh.items() if key not in set(known)]
    upsert(connection, table, missing)
    return len(missing)


def _suppression(row: Any) -> Suppression:
    return Suppression(
        id=row.key,
        subject=row.subject,
        email=row.mailbox,
        reason=Stop(row.reason),
        note=row.note,
        created_at=row.created_at,
    )


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([disarmed(cell) for cell in cells])
    return line.getvalue()
