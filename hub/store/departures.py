"""The point of no return: which of the claimed invitations may still leave."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Connection, Text, Update, and_, bindparam, exists, text, update

from hub.domain.identity import fingerprint
from hub.domain.reasons import Reason
from hub.domain.states import ANSWERABLE, State
from hub.store.claims import Claimed
from hub.store.given import as_given, given
from hub.store.leases import SENDING_LEASE
from hub.store.reminders import answered_among, first_of
from hub.store.sql import in_states, is_also
from hub.store.suppressions import suppressed_among
from hub.store.tables import invitation as table
from hub.store.tables import response, suppression
from hub.store.types import Instant

_DEPARTED = sorted(ANSWERABLE)


def depart(
    connection: Connection, batch: Sequence[Claimed], intervals: Mapping[str, timedelta], now: datetime
) -> set[str]:
    """Move `claimed -> sending` where the claim still holds, the mailbox is not suppressed and the interval allows.

    What a reminder reminds of does not count for the interval, and once that is answered the reminder stays. Return
    the ids that may go. The interval is guarded by person and by mailbox under locks of the database, so that two
    workers never both find the way free. Refused invitations are cancelled with their reason.
    """
    _lock_guards(connection, batch)
    gone: set[str] = set()
    for group in _without_rivals(batch):
        for survey_id in {one.survey_id for one in group}:
            members = [one for one in group if one.survey_id == survey_id]
            gone |= _depart(connection, members, intervals.get(survey_id, timedelta(0)), now)
    refused = [one for one in batch if one.id not in gone]
    if refused:
        _cancel_refused(connection, refused, now)
    return gone


def _lock_guards(connection: Connection, batch: Sequence[Claimed]) -> None:
    if connection.dialect.name != "postgresql":
        return
    keys = sorted(
        {key for one in batch for key in (f"{one.survey_id}/{one.person_id}", f"{one.survey_id}/{one.mailbox}")}
    )
    lock = text(
        "SELECT count(pg_advisory_xact_lock(key)) FROM (SELECT DISTINCT hashtextextended(name, 1) AS key "
        "FROM unnest(CAST(:names AS text[])) AS name ORDER BY 1) AS keys"
    )
    connection.execute(lock, {"names": keys})


def _without_rivals(batch: Sequence[Claimed]) -> list[list[Claimed]]:
    """Split a batch so that no group holds two invitations of a survey to one person or mailbox."""
    groups: list[tuple[list[Claimed], set[tuple[str, str]]]] = []
    for one in batch:
        guards = {(one.survey_id, one.person_id), (one.survey_id, one.mailbox)}
        for members, taken in groups:
            if not guards & taken:
                members.append(one)
                taken |= guards
                break
        else:
            groups.append(([one], guards))
    return [members for members, _ in groups]


def _depart(connection: Connection, members: Sequence[Claimed], interval: timedelta, now: datetime) -> set[str]:
    rows = [(one.id, one.claim, fingerprint("mailbox", one.mailbox)) for one in members]
    values = {**as_given(rows), "now": now, "lease": now + SENDING_LEASE}
    if interval:
        values["since"] = now - interval
    return set(connection.scalars(_departing(connection.dialect.name, has_interval=bool(interval)), values))


@cache
def _departing(dialect: str, *, has_interval: bool) -> Update:
    rows = given(dialect, id=Text, claim=Text, key=Text)
    conditions = [
        table.c.id == rows.c.id,
        table.c.claim == rows.c.claim,
        is_also(table.c.state, State.CLAIMED),
        ~exists().where(suppression.c.key == rows.c.key),
        ~exists().where(response.c.invitation_id == table.c.reminder_of),
    ]
    if has_interval:
        conditions += [~rival for rival in _rivals()]
    values = {
        "state": State.SENDING,
        "sent_at": bindparam("now", type_=Instant()),
        "lease_until": bindparam("lease", type_=Instant()),
        "revision": table.c.revision + 1,
    }
    return update(table).where(*conditions).values(**values).returning(table.c.id)


def _rivals() -> list[ColumnElement[bool]]:
    """Return the conditions that another invitation of the survey left for the same person or mailbox since then."""
    other = table.alias("other")
    left = and_(
        is_also(other.c.survey_id, table.c.survey_id),
        first_of(other) != first_of(table),
        in_states(other.c.state, *_DEPARTED),
        other.c.sent_at > bindparam("since", type_=Instant()),
    )
    bounced_elsewhere = and_(other.c.state == State.BOUNCED, other.c.mailbox != table.c.mailbox)
    same_person = and_(other.c.person_id == table.c.person_id, ~bounced_elsewhere)
    return [exists().where(left, same_person), exists().where(left, other.c.mailbox == table.c.mailbox)]


def _cancel_refused(connection: Connection, refused: Iterable[Claimed], now: datetime) -> None:
    suppressed = suppressed_among(connection, {one.mailbox for one in refused})
    answered = answered_among(connection, {one.reminder_of for one in refused if one.reminder_of is not None})
    rows = [(one.id, one.claim, _why(one, suppressed, answered)) for one in refused]
    connection.execute(_cancelling(connection.dialect.name), {**as_given(rows), "now": now})


def _why(refused: Claimed, suppressed: Collection[str], answered: Collection[str]) -> Reason:
    if refused.mailbox in suppressed:
        return Reason.SUPPRESSED
    return Reason.ANSWERED if refused.reminder_of in answered else Reason.THROTTLED


@cache
def _cancelling(dialect: str) -> Update:
    rows = given(dialect, id=Text, claim=Text, reason=Text)
    values = {
        "state": State.CANCELLED,
        "reason": rows.c.reason,
        "concluded_at": bindparam("now", type_=Instant()),
        "lease_until": None,
        "claim": None,
        "revision": table.c.revision + 1,
    }
    mine = (table.c.id == rows.c.id, table.c.claim == rows.c.claim, is_also(table.c.state, State.CLAIMED))
    return update(table).where(*mine).values(**values)
