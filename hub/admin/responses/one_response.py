"""One answer: how it came to be, where it went, and the tags that people put on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from hub.admin import audit
from hub.admin.audit import Action
from hub.admin.names import connection_name
from hub.admin.responses.responses import GivenResponse, as_given, tags_of
from hub.admin.trouble import NotThere
from hub.config import ConfigError
from hub.domain.scores import Band, band_of
from hub.pipeline.hub import Hub
from hub.store.sql import insert_missing
from hub.store.tables import outbox, response, response_tag, response_version
from hub.store.types import is_storable, storable

LONGEST_TAG = 40
MOST_TAGS = 20
OFFERED_TAGS = 100


@dataclass(frozen=True, kw_only=True)
class Version:
    """An answer as it stood from `at` on."""

    version: int
    score: int
    band: Band
    comment: str
    ratings: Mapping[str, int]
    at: datetime


@dataclass(frozen=True, kw_only=True)
class SyncState:
    """How a version of an answer stands with a target: `at` is when it was settled, or when it is tried next."""

    target: str
    version: int
    state: str
    note: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class SeenResponse:
    """An answer with its history, the newest version first, and its way to the targets, the newest first."""

    given: GivenResponse
    versions: Sequence[Version]
    syncs: Sequence[SyncState]


SYNC_WORDS: Mapping[str, str] = {
    "pending": "waits for the next sync",
    "leased": "is being pushed",
    "done": "taken",
    "parked": "refused for good",
    "superseded": "overtaken by a newer answer",
}
"""What to say of each state of an answer on its way."""


def response_of(hub: Hub, response_id: str) -> SeenResponse:
    """Return one answer. Raises NotThere."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        given = _given(connection, response_id)
        version = response_version
        versions = connection.execute(
            select(version).where(version.c.response_id == response_id).order_by(version.c.version.desc())
        ).all()
        # An index finds the few rows of a person; there is none by answer.
        theirs = select(outbox).where(outbox.c.person_id == given.person_id).order_by(outbox.c.created_at.desc())
        syncs = [row for row in connection.execute(theirs) if row.response_id == response_id]
    return SeenResponse(
        given=given,
        versions=[
            Version(
                version=one.version,
                score=one.score,
                band=band_of(one.score),
                comment=one.comment,
                ratings=one.ratings,
                at=one.at,
            )
            for one in versions
        ],
        syncs=[
            SyncState(
                target=connection_name(configuration, one.target_id),
                version=one.version,
                state=one.state,
                note=one.note,
                at=one.done_at or one.next_attempt_at,
            )
            for one in syncs
        ],
    )


def tag(hub: Hub, response_id: str, name: str) -> Sequence[str]:
    """Put a tag on an answer; return all that it has. Raises NotThere, and ConfigError for what is no tag."""
    wanted = as_tag(name)
    with hub.store.write() as connection:
        present = _given(connection, response_id).tags
        if wanted not in present and len(present) >= MOST_TAGS:
            raise ConfigError([f"tag: an answer has {MOST_TAGS} tags at most; take one off first"])
        if insert_missing(connection, response_tag, {"response_id": response_id, "tag": wanted}):
            audit.note(hub, connection, Action.RESPONSE_TAGGED, response_id, tag=wanted)
        return tags_of(connection, [response_id])[response_id]


def untag(hub: Hub, response_id: str, name: str) -> Sequence[str]:
    """Take a tag off an answer; return those that are left. Raises NotThere."""
    name = storable(name)
    with hub.store.write() as connection:
        _given(connection, response_id)
        this = (response_tag.c.response_id == response_id, response_tag.c.tag == name)
        if not connection.execute(delete(response_tag).where(*this)).rowcount:
            raise NotThere(f"The answer has no tag {name!r}")
        audit.note(hub, connection, Action.RESPONSE_UNTAGGED, response_id, tag=name)
        return tags_of(connection, [response_id]).get(response_id, [])


def tags(hub: Hub) -> Sequence[str]:
    """Return the tags that answers have, in their order; of very many the first."""
    statement = select(response_tag.c.tag).distinct().order_by(response_tag.c.tag).limit(OFFERED_TAGS)
    with hub.store.read() as connection:
        return connection.scalars(statement).all()


def as_tag(name: str) -> str:
    """Return a tag as it is kept: in small letters, single blanks between its words. Raises ConfigError."""
    found = " ".join(name.split()).casefold()
    if not found or len(found) > LONGEST_TAG or not is_storable(found) or not found.isprintable():
        raise ConfigError([f"tag: is a word or a few, {LONGEST_TAG} characters at most"])
    return found


def _given(connection: Connection, response_id: str) -> GivenResponse:
    row = None
    if is_storable(response_id):
        row = connection.execute(select(response).where(response.c.id == response_id)).one_or_none()
    if row is None:
        raise NotThere(f"There is no answer {response_id[:100]}")
    return as_given(connection, [row])[0]
