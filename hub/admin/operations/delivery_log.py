"""What a connection did lately: a channel's attempts, what targets and listeners were told, sync runs, newest first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from hub.admin.names import REMOVED, connection_named, survey_names
from hub.admin.paging import Page, Slice, newest_first
from hub.pipeline.hub import Hub
from hub.store.configuration import Role
from hub.store.sql import is_among
from hub.store.tables import attempt, invitation, notice, outbox, response, response_version, sync_run


@dataclass(frozen=True, kw_only=True)
class SeenAttempt:
    """One time that a channel had a mail, or its provider reported about one; `detail` are the provider's words."""

    id: str
    at: datetime
    outcome: str
    detail: str
    invitation_id: str
    survey: str
    person_id: str | None
    email: str | None


@dataclass(frozen=True, kw_only=True)
class SeenSync:
    """One answer on its way to a target: what it is told, how that stands, and what the target said."""

    message_id: str
    person_id: str
    survey: str
    score: int | None
    comment: str | None
    rated_at: datetime
    state: str
    attempts: int
    code: str | None
    note: str | None
    created_at: datetime
    next_attempt_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class SeenRun:
    """One sync run; `kind` is daily or manual, `counts` are the answers by what became of them."""

    kind: str
    slot: str
    started_at: datetime
    finished_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class SeenNotice:
    """One thing on its way to a listener: how that stands, and what the listener said."""

    id: str
    kind: str
    at: datetime
    survey: str | None
    person_id: str | None
    data: Mapping[str, Any]
    state: str
    attempts: int
    code: str | None
    note: str | None
    next_attempt_at: datetime
    done_at: datetime | None


def attempts(hub: Hub, channel: str, part: Slice) -> Page[SeenAttempt]:
    """Return the attempts of a channel in use. Raises NotThere, and ConfigError for a cursor that is none."""
    channel_id = connection_named(hub.registry.current(), Role.CHANNEL, channel).id
    with hub.store.read() as connection:
        page = newest_first(
            connection, [select(attempt).where(attempt.c.channel_id == channel_id)], (attempt.c.id,), part
        )
        mailed = _rows(connection, invitation, invitation.c.id, {row.invitation_id for row in page.items})
        names = survey_names(connection)
    return page.map(lambda row: _attempt(row, mailed.get(row.invitation_id), names))


def syncs(hub: Hub, target: str, part: Slice) -> Page[SeenSync]:
    """Return what a target in use was or is to be told, the newest answers first. Raises as `attempts` does."""
    target_id = connection_named(hub.registry.current(), Role.TARGET, target).id
    with hub.store.read() as connection:
        page = newest_first(
            connection, [select(outbox).where(outbox.c.target_id == target_id)], (outbox.c.message_id,), part
        )
        ids = {row.response_id for row in page.items}
        answered = _rows(connection, response, response.c.id, ids)
        versions = connection.execute(
            select(response_version).where(is_among(connection, response_version.c.response_id, ids))
        )
        said = {(row.response_id, row.version): row for row in versions}
        names = survey_names(connection)
    return page.map(
        lambda row: _sync(row, answered.get(row.response_id), said.get((row.response_id, row.version)), names)
    )


def sync_runs(hub: Hub, target: str, part: Slice) -> Page[SeenRun]:
    """Return the sync runs of a target in use. Raises as `attempts` does."""
    target_id = connection_named(hub.registry.current(), Role.TARGET, target).id
    keys = (sync_run.c.started_at, sync_run.c.kind, sync_run.c.slot)
    with hub.store.read() as connection:
        page = newest_first(connection, [select(sync_run).where(sync_run.c.target_id == target_id)], keys, part)
    return page.map(
        lambda row: SeenRun(
            kind=row.kind, slot=row.slot, started_at=row.started_at, finished_at=row.finished_at, counts=row.counts
        )
    )


def notices(hub: Hub, listener: str, part: Slice) -> Page[SeenNotice]:
    """Return what a listener in use was or is to be told. Raises as `attempts` does."""
    listener_id = connection_named(hub.registry.current(), Role.LISTENER, listener).id
    with hub.store.read() as connection:
        page = newest_first(
            connection, [select(notice).where(notice.c.listener_id == listener_id)], (notice.c.id,), part
        )
        asked = {row.invitation_id for row in page.items if row.invitation_id is not None}
        mailed = _rows(connection, invitation, invitation.c.id, asked)
        names = survey_names(connection)
    return page.map(lambda row: _notice(row, mailed.get(row.invitation_id), names))


def _rows(connection: Connection, table: Any, key: Any, ids: Collection[str]) -> dict[str, Any]:
    return {row.id: row for row in connection.execute(select(table).where(is_among(connection, key, ids)))}


def _attempt(row: Any, mailed: Any, names: Mapping[str, str]) -> SeenAttempt:
    return SeenAttempt(
        id=row.id,
        at=row.at,
        outcome=row.outcome,
        detail=row.detail,
        invitation_id=row.invitation_id,
        survey=names.get(mailed.survey_id, REMOVED) if mailed is not None else REMOVED,
        person_id=mailed.person_id if mailed is not None else None,
        email=mailed.mailbox if mailed is not None else None,
    )


def _sync(row: Any, answered: Any, said: Any, names: Mapping[str, str]) -> SeenSync:
    return SeenSync(
        message_id=row.message_id,
        person_id=row.person_id,
        survey=names.get(answered.survey_id, REMOVED) if answered is not None else REMOVED,
        score=said.score if said is not None else None,
        comment=said.comment if said is not None else None,
        rated_at=row.rated_at,
        state=row.state,
        attempts=row.attempts,
        code=row.code,
        note=row.note,
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        done_at=row.done_at,
    )


def _notice(row: Any, mailed: Any, names: Mapping[str, str]) -> SeenNotice:
    return SeenNotice(
        id=row.id,
        kind=row.kind,
        at=row.at,
        survey=names.get(row.survey_id, REMOVED) if row.survey_id is not None else None,
        person_id=mailed.person_id if mailed is not None else None,
        data=row.data,
        state=row.state,
        attempts=row.attempts,
        code=row.code,
        note=row.note,
        next_attempt_at=row.next_attempt_at,
        done_at=row.done_at,
    )
