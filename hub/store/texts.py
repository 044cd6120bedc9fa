"""Versions of what customers see of a survey, and the logos that mails in their mailboxes still show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from hub.domain.logos import logo_of
from hub.domain.texts import texts_of
from hub.store.sql import insert_many, insert_missing
from hub.store.tables import logo as logo_table
from hub.store.tables import survey_texts as table


def keep(connection: Connection, survey_id: str, settings: Mapping[str, Any], *, by: str, now: datetime) -> None:
    """Keep what customers see by these settings as a new version, unless it is what they see already."""
    newest = select(table).where(table.c.survey_id == survey_id).order_by(table.c.number.desc()).limit(1)
    last = connection.execute(newest).one_or_none()
    content = texts_of(settings).content
    if last is not None and last.content == content:
        return
    number = 1 if last is None else last.number + 1
    row = {"survey_id": survey_id, "number": number, "content": content, "saved_at": now, "saved_by": by}
    insert_many(connection, table, [row])
    found = logo_of(str(settings.get("logo") or ""))
    if found is not None:
        insert_missing(
            connection, logo_table, {"name": found.name, "media_type": found.media_type, "image": found.image}
        )


def numbers(connection: Connection) -> dict[str, int]:
    """Return the number of the newest version by survey."""
    newest = select(table.c.survey_id, func.max(table.c.number).label("number")).group_by(table.c.survey_id)
    return {row.survey_id: row.number for row in connection.execute(newest)}


def version(connection: Connection, survey_id: str, number: int) -> Any:
    """Return one version, or None."""
    return connection.execute(_VERSION, {"survey": survey_id, "version": number}).one_or_none()


_VERSION = select(table).where(table.c.survey_id == bindparam("survey"), table.c.number == bindparam("version"))


def versions(connection: Connection, survey_id: str) -> Sequence[Any]:
    """Return all versions of a survey, the newest first."""
    return connection.execute(select(table).where(table.c.survey_id == survey_id).order_by(table.c.number.desc())).all()


def logo(connection: Connection, name: str) -> Any:
    """Return a logo that a survey has or had, or None."""
    return connection.execute(select(logo_table).where(logo_table.c.name == name)).one_or_none()
