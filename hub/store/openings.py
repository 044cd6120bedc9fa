"""Openings of survey links, for people to see; nothing is ever decided by them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Integer, bindparam, func, insert, literal, select

from hub.domain.openings import Opening
from hub.store.engine import lock_until_commit
from hub.store.sql import is_among
from hub.store.tables import invitation
from hub.store.tables import opening as table
from hub.store.types import Instant, new_id

MOST = 24
"""Openings that are kept of one invitation: all links of its mail opened twice."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An invitation's link that was opened."""

    invitation_id: str
    opening: Opening


def record(connection: Connection, opened: Sequence[Opened]) -> None:
    """Keep these openings, of each invitation the first `MOST`; those of no invitation are left out."""
    lock_until_commit(connection, "openings")
    for one in opened:
        values = {"new_id": new_id(), "of": one.invitation_id, "given": one.opening.score, "opened_at": one.opening.at}
        connection.execute(_RECORD, values)


_known = select(func.count()).where(table.c.invitation_id == bindparam("of")).scalar_subquery()
_RECORD = insert(table).from_select(
    ["id", "invitation_id", "score", "at"],
    select(
        bindparam("new_id", type_=table.c.id.type),
        invitation.c.id,
        bindparam("given", type_=Integer()),
        bindparam("opened_at", type_=Instant()),
    )
    .where(invitation.c.id == bindparam("of"), _known < literal(MOST))
    .with_for_update(read=True),  # whoever is erased meanwhile takes it along
)


def openings_of(connection: Connection, invitation_ids: Collection[str]) -> Mapping[str, Sequence[Opening]]:
    """Return the openings that were kept, by invitation."""
    found: dict[str, list[Opening]] = {}
    for row in connection.execute(select(table).where(is_among(connection, table.c.invitation_id, invitation_ids))):
        found.setdefault(row.invitation_id, []).append(Opening(score=row.score, at=row.at))
    return found
