"""All that the hub holds about one person, for the person: what a right of access and of portability asks for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, select

from hub.admin import audit
from hub.admin.events import readable
from hub.admin.names import connection_name, survey_names
from hub.admin.people.people import person_of, story_of, suppression_keys
from hub.domain.traits import Profile
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import tables
from hub.store.sql import is_among

_LEFT_OUT = {"person_id", "claim", "lease_until", "revision", "tried", "late_from"}
"""Columns by which workers take turns, and what the whole document says once."""


def export_person(hub: Hub, person_id: str) -> bytes:
    """Return a person's story and every row about them, payloads included, as JSON. Raises NotThere."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        person = person_of(connection, person_id)
        rows = _Rows(connection, configuration, person_id)
        document = {
            "exported_at": hub.now(),
            **asdict(story_of(connection, configuration, person)),
            "traits": _traits(person.profile),
            "locale": person.locale,
            "timezone": person.timezone,
            "ids": [{"kind": one.kind, "namespace": one.namespace, "value": one.value} for one in person.identities],
            "events": rows.events(),
            "invitations": rows.invitations(),
            "answers": rows.answers(),
            "syncs": rows.of(tables.outbox, "created_at"),
            "suppressions": rows.among(tables.suppression, tables.suppression.c.key, suppression_keys(person)),
        }
    audit.note_alone(hub, audit.Action.EXPORTED, person_id)
    text = json.dumps(_plain(document), ensure_ascii=False, indent=2)
    return text.encode(errors="backslashreplace") + b"\n"  # half a surrogate pair, as JSON escapes it


class _Rows:
    def __init__(self, connection: Connection, configuration: Configuration, person_id: str) -> None:
        self._connection = connection
        self._configuration = configuration
        self._person_id = person_id
        self._surveys = survey_names(connection)

    def of(self, table: Table, order: str) -> list[dict[str, Any]]:
        return self._selected(table, table.c.person_id == self._person_id, order)

    def among(self, table: Table, column: Column[str], values: Iterable[str]) -> list[dict[str, Any]]:
        return self._selected(table, is_among(self._connection, column, set(values)))

    def events(self) -> list[dict[str, Any]]:
        events = self.of(tables.event, "arrived_at")
        decisions = self.among(tables.decision, tables.decision.c.event_id, [one["id"] for one in events])
        for one in events:
            one["payload"] = readable(one["payload"])
        return _with(events, "decisions", decisions, "event_id")

    def invitations(self) -> list[dict[str, Any]]:
        invitations = self.of(tables.invitation, "scheduled_at")
        ids = [one["id"] for one in invitations]
        attempts = self.among(tables.attempt, tables.attempt.c.invitation_id, ids)
        openings = self.among(tables.opening, tables.opening.c.invitation_id, ids)
        notices = self.among(tables.notice, tables.notice.c.invitation_id, ids)
        tried = _with(invitations, "attempts", attempts, "invitation_id")
        told = _with(tried, "notices", notices, "invitation_id")
        return _with(told, "openings", openings, "invitation_id")

    def answers(self) -> list[dict[str, Any]]:
        answers, version = self.of(tables.response, "first_rated_at"), tables.response_version
        ids, tag = [one["id"] for one in answers], tables.response_tag
        answers = _with(answers, "versions", self.among(version, version.c.response_id, ids), "response_id")
        return _with(answers, "tags", self.among(tag, tag.c.response_id, ids), "response_id")

    def _selected(self, table: Table, condition: ColumnElement[bool], *order: str) -> list[dict[str, Any]]:
        rows = self._connection.execute(select(table).where(condition).order_by(*order)).mappings()
        return [self._named(row) for row in rows]

    def _named(self, row: Mapping[Any, Any]) -> dict[str, Any]:
        """Return a row with the names of surveys and connections in place of their ids."""
        found: dict[str, Any] = {}
        for column, value in row.items():
            name = str(column)
            if name in _LEFT_OUT:
                continue
            if name == "survey_id":
                found["survey"] = self._surveys.get(value)
            elif name in ("source_id", "channel_id", "target_id", "listener_id"):
                found[name.removesuffix("_id")] = connection_name(self._configuration, value) if value else None
            else:
                found[name] = value
        return found


def _with(
    rows: Sequence[dict[str, Any]], name: str, parts: Iterable[dict[str, Any]], column: str
) -> list[dict[str, Any]]:
    """Return rows that each hold what belongs to them."""
    by_row: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        by_row.setdefault(part.pop(column), []).append(part)
    return [{**row, name: by_row.get(row["id"], [])} for row in rows]


def _traits(profile: Profile) -> dict[str, Any]:
    return {name: {"value": trait.value, "as_of": trait.timestamp} for name, trait in profile.items()}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: times in ISO 8601 with `Z`, a float that is no number as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.value if isinstance(value, Enum) else value
