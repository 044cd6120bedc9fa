"""Respond: what a person does on the survey page. A GET never comes here to change anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, or_, select, update

from hub.domain.reasons import Stop
from hub.domain.states import ANSWERABLE, State, sources_of
from hub.domain.traits import language_of
from hub.failpoints import failpoint
from hub.pipeline.deliver import brand_of
from hub.pipeline.hub import Hub
from hub.store import reminders, responses, suppressions
from hub.store.configuration import Role
from hub.store.responses import Answer
from hub.store.score_counts import language_in, segments_of
from hub.store.tables import invitation as table
from hub.store.types import storable
from hub.store.worlds import read_profile

CHANGE_OF_MIND = timedelta(hours=24)
"""How long an answer may be changed after it was first given."""
_LIVE = ANSWERABLE | {State.QUEUED, State.CLAIMED}
_ARRIVED = sources_of(State.SENT)


@dataclass(frozen=True, kw_only=True)
class OpenSurvey:
    """A live link's survey: whom it speaks for, the answer given so far, and until when it may be changed."""

    brand: str
    language: str
    score: int | None
    comment: str
    can_change: bool
    change_until: datetime | None


def open_survey(hub: Hub, token: str) -> OpenSurvey | None:
    """Return what a survey link shows, or None when it is no live link."""
    with hub.store.read() as connection:
        asked = _asked(hub, connection, token)
        return None if asked is None else _view(hub, asked, hub.now())


def answer(hub: Hub, token: str, score: int, comment: str | None) -> OpenSurvey | None:
    """Record an answer and return the survey as it then stands; None when it is no live link.

    `comment` None leaves the comment as it is. After 24 hours nothing changes any more (`can_change` is False).
    """

    def record(connection: Connection) -> OpenSurvey | None:
        now = hub.now()
        asked = _asked(hub, connection, token, lock=True)
        if asked is None:
            return None
        view = _view(hub, asked, now)
        if not view.can_change:
            return view
        _proves_delivery(connection, asked, now)
        configuration = hub.registry.at(asked.configuration)
        survey = configuration.surveys.get(asked.survey_id)
        traits = configuration.segment_traits
        given = Answer(
            score=score,
            comment=view.comment if comment is None else storable(comment),
            language=language_in(view.language),
            segments=segments_of(read_profile(asked.profile), traits) if traits and asked.profile else {},
        )
        responses.record(
            connection,
            asked=asked,
            answer=given,
            targets=survey.connections[Role.TARGET] if survey else [],
            per_survey=configuration.per_survey_perhaps,
            hub_id=configuration.hub_id,
            now=now,
        )
        if survey and survey.settings.get("reminders"):
            reminders.cancel_answered(connection, asked.first_id, now)
        failpoint("respond.before_commit")
        change_until = view.change_until or now + CHANGE_OF_MIND
        return replace(view, score=given.score, comment=given.comment, change_until=change_until)

    survey = hub.store.transact(record)
    failpoint("respond.after_commit")
    return survey


def is_unsubscribed(hub: Hub, token: str) -> bool | None:
    """Return whether the link's mailbox gets no mail any more; None when it is no live link."""
    with hub.store.read() as connection:
        asked = _asked(hub, connection, token)
        return None if asked is None else suppressions.is_suppressed(connection, asked.mailbox)


def unsubscribe(hub: Hub, token: str) -> bool:
    """Never mail the link's mailbox again; return False when it is no live link."""

    def record(connection: Connection) -> bool:
        now = hub.now()
        asked = _asked(hub, connection, token, lock=True)
        if asked is None:
            return False
        _proves_delivery(connection, asked, now)
        suppressions.suppress(connection, asked.mailbox, Stop.UNSUBSCRIBED, now=now)
        return True

    return hub.store.transact(record)


def _asked(hub: Hub, connection: Connection, token: str, *, lock: bool = False) -> Any:
    """Return the invitation of a live link with its answer; locked, so that two answers come one after the other.

    A reminder is locked together with what it reminds of, whose answer it shares.
    """
    invitation_id = hub.keys.invitation_of(token)
    if invitation_id is None:
        return None
    if lock:
        connection.execute(_LOCKING, {"invitation": invitation_id})
    asked = responses.asked(connection, invitation_id)
    return asked if asked is not None and asked.state in _LIVE else None


_any = table.alias("any_invitation")
_THIS: BindParameter[str] = bindparam("invitation")
_LOCKING = (
    select(table.c.id)
    .where(
        or_(table.c.id == _THIS, table.c.id == select(_any.c.reminder_of).where(_any.c.id == _THIS).scalar_subquery())
    )
    .order_by(table.c.id)
    .with_for_update()
)


def _view(hub: Hub, asked: Any, now: datetime) -> OpenSurvey:
    change_until = None if asked.response_id is None else asked.first_rated_at + CHANGE_OF_MIND
    profile = read_profile(asked.profile) if asked.profile else {}
    return OpenSurvey(
        brand=brand_of(hub, hub.registry.at(asked.configuration), asked.survey_id, asked.channel_id),
        language=language_of(profile, asked.locale) or "en",
        score=asked.score,
        comment=asked.comment or "",
        can_change=change_until is None or now <= change_until,
        change_until=change_until,
    )


def _proves_delivery(connection: Connection, asked: Any, now: datetime) -> None:
    """An answer shows that the mail arrived, whatever we had recorded."""
    if asked.state in _ARRIVED:
        values = {"state": State.SENT, "sent_at": asked.sent_at or now, "lease_until": None}
        statement = update(table).where(table.c.id == asked.id)
        connection.execute(statement.values(**values, revision=table.c.revision + 1))
