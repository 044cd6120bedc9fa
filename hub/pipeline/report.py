"""Report: what a mail provider says later about a message settles what is recorded of it, and who is mailed again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from hub.domain.reasons import Stop
from hub.domain.states import State
from hub.pipeline import news
from hub.pipeline.hub import Hub
from hub.plugin import DeliveryReport, ReportKind
from hub.store import reports, suppressions
from hub.store.tables import invitation as table
from hub.store.types import is_storable

log = logging.getLogger(__name__)

CHUNK = 200
"""Reports in one transaction: providers send up to some thousands at once."""
_STATES = {
    ReportKind.DELIVERED: State.SENT,
    ReportKind.DROPPED: State.REJECTED,
    ReportKind.BOUNCED: State.BOUNCED,
    ReportKind.COMPLAINED: State.COMPLAINED,
    ReportKind.UNSUBSCRIBED: State.SENT,
}
"""Where a report moves an invitation, from wherever it may: a complaint also proves that the mail arrived."""
_STOPS = {
    ReportKind.BOUNCED: Stop.HARD_BOUNCED,
    ReportKind.COMPLAINED: Stop.COMPLAINED,
    ReportKind.UNSUBSCRIBED: Stop.UNSUBSCRIBED,
}


def record_reports(hub: Hub, channel_id: str, reports: Sequence[DeliveryReport]) -> int:
    """Record what a channel's provider reports; return how many of the reports were about messages of this hub.

    A report may come twice and in any order, also before our own record of what the provider answered.
    """
    known = 0
    for start in range(0, len(reports), CHUNK):
        record = partial(_record, hub=hub, channel_id=channel_id, reports=reports[start : start + CHUNK])
        known += hub.store.transact(record)
    if known < len(reports):
        log.info("%d of %d reports were about messages that are not known here", len(reports) - known, len(reports))
    return known


def _record(connection: Connection, hub: Hub, channel_id: str, reports: Sequence[DeliveryReport]) -> int:
    found = _invitations(connection, {report.message_id for report in reports})
    now, configuration = hub.now(), hub.registry.current()
    known = [report for report in reports if report.message_id in found]
    for report in known:
        has_bounced = _apply(connection, found[report.message_id], channel_id, report, now)
        if has_bounced:
            news.tell_of_bounce(connection, configuration, found[report.message_id], report, now)
    return len(known)


def _invitations(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    """Return the invitations of some ids, locked in the order of their ids."""
    wanted = table.c.id.in_(sorted(id for id in ids if is_storable(id)))
    statement = select(table).where(wanted).order_by(table.c.id).with_for_update()
    return {row.id: row for row in connection.execute(statement)}


def _apply(connection: Connection, invitation: Any, channel_id: str, report: DeliveryReport, now: datetime) -> bool:
    """Record a report; return whether the invitation has bounced by it."""
    at = max(invitation.scheduled_at, min(report.at, now))
    if not reports.note_report(connection, invitation.id, channel_id, report.kind, at=at, detail=report.detail):
        return False
    has_moved = False
    state = _STATES.get(report.kind)
    # After a failover the invitation is another channel's: what this one reports is no longer about that mail.
    if state is not None and invitation.channel_id == channel_id:
        has_moved = reports.settle(connection, invitation.id, state, at=at, now=now, note=report.detail)
    stop = _STOPS.get(report.kind)
    if stop is not None and (report.permanent or report.kind is not ReportKind.BOUNCED):
        suppressions.suppress(connection, invitation.mailbox, stop, now=now)
    return has_moved and state is State.BOUNCED
