"""The audit log: who changed what, and when. It holds no secret, and names customers by their id alone.

Whatever changes something calls `note` in its own transaction; who does it is said once, where they come in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select

from hub.admin.paging import Page, Slice, newest_first
from hub.pipeline.hub import Hub
from hub.store.tables import audit as table
from hub.store.types import new_id

COMMAND_LINE = "command line"
THE_HUB = "the hub"
STRANGER = "somebody who was not logged in"
_acting: ContextVar[str] = ContextVar("acting", default=THE_HUB)


class Action(StrEnum):
    """What was done to the subject of an entry."""

    CONFIGURATION_CHANGED = "configuration.changed"
    SURVEY_ON = "survey.on"
    SURVEY_OFF = "survey.off"
    HELD_RELEASED = "survey.held-released"
    HELD_CANCELLED = "survey.held-cancelled"
    INVITATION_HOLD = "invitation.hold"
    INVITATION_RELEASE = "invitation.release"
    INVITATION_CANCEL = "invitation.cancel"
    INVITATION_SEND_NOW = "invitation.send-now"
    INVITATION_ARRIVED = "invitation.arrived"
    INVITATION_NEVER_LEFT = "invitation.never-left"
    SUPPRESSION_ADDED = "suppression.added"
    SUPPRESSION_REMOVED = "suppression.removed"
    SUPPRESSIONS_IMPORTED = "suppression.imported"
    PEOPLE_IMPORTED = "person.imported"
    PERSON_ERASED = "person.erased"
    CONNECTION_RESUMED = "connection.resumed"
    PARKED_RETRIED = "parked.retried"
    NOTICES_RETRIED = "notices.retried"
    REPORT_SENT = "report.sent"
    NOTICE_TESTED = "connection.test-notice"
    REPORT_CHANGED = "report.changed"
    SYNC_STARTED = "sync.started"
    SENDING_RESUMED = "sending.resumed"
    SCORE_TRAITS = "scores.traits"
    RESPONSE_TAGGED = "response.tagged"
    RESPONSE_UNTAGGED = "response.untagged"
    EXPORTED = "export.made"
    SECRETS_SHOWN = "connection.secrets-shown"
    CONNECTION_CHECKED = "connection.checked"
    TEST_MAIL_SENT = "connection.test-mail"
    JOB_RETRIED = "job.retried"
    JOB_FORGOTTEN = "job.forgotten"
    TOKEN_ADDED = "token.added"  # noqa: S105  no secret
    TOKEN_REVOKED = "token.revoked"  # noqa: S105  no secret
    ACCOUNT_ADDED = "account.added"
    ACCOUNT_PASSWORD = "account.password"  # noqa: S105  no secret
    ACCOUNT_ROLE = "account.role"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_ENABLED = "account.enabled"
    ACCOUNT_REMOVED = "account.removed"
    LOGGED_IN = "session.begun"
    LOGIN_REFUSED = "session.refused"
    LOGGED_OUT = "session.ended"


WORDS: Mapping[Action, str] = {
    Action.CONFIGURATION_CHANGED: "changed the configuration",
    Action.SURVEY_ON: "switched the survey on",
    Action.SURVEY_OFF: "switched the survey off",
    Action.HELD_RELEASED: "released what was held",
    Action.HELD_CANCELLED: "cancelled what was held",
    Action.INVITATION_HOLD: "held an invitation",
    Action.INVITATION_RELEASE: "released an invitation",
    Action.INVITATION_CANCEL: "cancelled an invitation",
    Action.INVITATION_SEND_NOW: "had an invitation sent at once",
    Action.INVITATION_ARRIVED: "said that a mail arrived",
    Action.INVITATION_NEVER_LEFT: "said that a mail never left",
    Action.SUPPRESSION_ADDED: "had an address never mailed again",
    Action.SUPPRESSION_REMOVED: "let an address be mailed again",
    Action.SUPPRESSIONS_IMPORTED: "imported suppressions",
    Action.PEOPLE_IMPORTED: "imported people",
    Action.PERSON_ERASED: "erased a person",
    Action.CONNECTION_RESUMED: "resumed a paused connection",
    Action.PARKED_RETRIED: "had parked answers tried again",
    Action.NOTICES_RETRIED: "had a listener told again",
    Action.REPORT_SENT: "had a report sent",
    Action.NOTICE_TESTED: "sent a test notice",
    Action.REPORT_CHANGED: "changed the weekly report",
    Action.SYNC_STARTED: "had answers pushed at once",
    Action.SENDING_RESUMED: "resumed sending after a restore",
    Action.SCORE_TRAITS: "chose the traits that scores are counted by",
    Action.RESPONSE_TAGGED: "put a tag on an answer",
    Action.RESPONSE_UNTAGGED: "took a tag off an answer",
    Action.EXPORTED: "took a copy of what the hub holds",
    Action.SECRETS_SHOWN: "had keys shown",
    Action.CONNECTION_CHECKED: "checked a connection",
    Action.TEST_MAIL_SENT: "sent a test mail",
    Action.JOB_RETRIED: "had a failed job tried again",
    Action.JOB_FORGOTTEN: "took a failed job out of the list",
    Action.TOKEN_ADDED: "made an API token",
    Action.TOKEN_REVOKED: "revoked an API token",
    Action.ACCOUNT_ADDED: "added an account",
    Action.ACCOUNT_PASSWORD: "set a password",
    Action.ACCOUNT_ROLE: "changed a role",
    Action.ACCOUNT_DISABLED: "disabled an account",
    Action.ACCOUNT_ENABLED: "enabled an account",
    Action.ACCOUNT_REMOVED: "removed an account",
    Action.LOGGED_IN: "logged in",
    Action.LOGIN_REFUSED: "was refused: wrong password",
    Action.LOGGED_OUT: "logged out",
}
"""What to say between who and the subject."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Somebody did something: `who` is an account's name, `api:` and a token's name, or one of the three above."""

    id: str
    at: datetime
    who: str
    action: Action
    subject: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which entries; None is any. `since` is included, `until` is not."""

    who: str | None = None
    action: Action | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def act_as(who: str) -> None:
    """Say who does what comes next in this context."""
    _acting.set(who)


def acting() -> str:
    """Return who does what is being done."""
    return _acting.get()


@contextmanager
def acting_as(who: str) -> Iterator[None]:
    """Say who does what is done inside."""
    before = _acting.set(who)
    try:
        yield
    finally:
        _acting.reset(before)


def note(hub: Hub, connection: Connection, action: Action, subject: str, **detail: Any) -> None:
    """Write an entry in a transaction of the caller's, about whoever acts. `detail` holds no secret and no address."""
    row = {"id": new_id(), "at": hub.now(), "who": acting(), "action": action, "subject": subject}
    connection.execute(insert(table), [{**row, "detail": detail}])


def note_alone(hub: Hub, action: Action, subject: str, **detail: Any) -> None:
    """Write an entry about what changes nothing else, such as looking at what is not for everybody."""
    hub.store.transact(lambda connection: note(hub, connection, action, subject, **detail))


def entries(hub: Hub, wanted: Wanted, part: Slice) -> Page[Entry]:
    """Return what was done, the newest first."""
    columns = {"who": table.c.who, "action": table.c.action, "subject": table.c.subject}
    chosen = [column == getattr(wanted, name) for name, column in columns.items() if getattr(wanted, name) is not None]
    chosen += [table.c.at >= wanted.since] if wanted.since is not None else []
    chosen += [table.c.at < wanted.until] if wanted.until is not None else []
    with hub.store.read() as connection:
        page = newest_first(connection, [select(table).where(*chosen)], (table.c.at, table.c.id), part)
    return page.map(_entry)


def _entry(row: Any) -> Entry:
    return Entry(id=row.id, at=row.at, who=row.who, action=Action(row.action), subject=row.subject, detail=row.detail)
