"""Respond: what a person does on the survey page. A GET never comes here to change anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from hub.domain.reasons import Stop
from hub.domain.states import ANSWERABLE, State, sources_of
from hub.domain.traits import language_of
from hub.failpoints import failpoint
from hub.pipeline.deliver import brand_of
from hub.pipeline.hub import Hub
from hub.store import responses, suppressions, worlds
from hub.store.configuration import Role
from hub.store.responses import Answer
from hub.store.tables import invitation as table
from hub.store.types import storable

CHANGE_OF_MIND = timedelta(hours=24)
"""How long an answer may be changed after it was first given."""
_LIVE = frozenset(ANSWERABLE | {State.QUEUED, State.CLAIMED})
_ARRIVED = sorted(sources_of(State.SENT))


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
        invitation = _invitation_of(hub, connection, token)
        return None if invitation is None else _view(hub, connection, invitation, hub.now())


def answer(hub: Hub, token: str, score: int, comment: str | None) -> OpenSurvey | None:
    """Record an answer and return the survey as it then stands; None when it is no live link.

    `comment` None leaves the comment as it is. After 24 hours nothing changes any more (`can_change` is False).
    """

    def record(connection: Connection) -> OpenSurvey | None:
        now = hub.now()
        invitation = _invitation_of(hub, connection, token, lock=True)
        if invitation is None:
            return None
        view = _view(hub, connection, invitation, now)
        if not view.can_change:
            return view
        _proves_delivery(connection, invitation, now)
        configuration = hub.registry.current()
        survey = configuration.surveys.get(invitation.survey_id)
        responses.record(
            connection,
            invitation=invitation,
            answer=Answer(score=score, comment=view.comment if comment is None else storable(comment)),
            targets=survey.connections[Role.TARGET] if survey else [],
            hub_id=configuration.hub_id,
            now=now,
        )
        failpoint("respond.before_commit")
        return _view(hub, connection, invitation, now)

    survey = hub.store.transact(record)
    failpoint("respond.after_commit")
    return survey


def is_unsubscribed(hub: Hub, token: str) -> bool | None:
    """Return whether the link's mailbox gets no mail any more; None when it is no live link."""
    with hub.store.read() as connection:
        invitation = _invitation_of(hub, connection, token)
        return None if invitation is None else suppressions.is_suppressed(connection, invitation.mailbox)


def unsubscribe(hub: Hub, token: str) -> bool:
    """Never mail the link's mailbox again; return False when it is no live link."""

    def record(connection: Connection) -> bool:
        now = hub.now()
        invitation = _invitation_of(hub, connection, token, lock=True)
        if invitation is None:
            return False
        _proves_delivery(connection, invitation, now)
        suppressions.suppress(connection, invitation.mailbox, Stop.UNSUBSCRIBED, now=now)
        return True

    return hub.store.transact(record)


def _invitation_of(hub: Hub, connection: Connection, token: str, *, lock: bool = False) -> Any:
    """Return the invitation of a live link; locked, so that two answers at once come one after the other."""
    invitation_id = hub.keys.invitation_of(token)
    if invitation_id is None:
        return None
    statement = select(table).where(table.c.id == invitation_id, table.c.state.in_(sorted(_LIVE)))
    return connection.execute(statement.with_for_update() if lock else statement).one_or_none()


def _view(hub: Hub, connection: Connection, invitation: Any, now: datetime) -> OpenSurvey:
    given = responses.of_invitation(connection, invitation.id)
    person = worlds.load_people(connection, [invitation.person_id]).get(invitation.person_id)
    change_until = given.first_rated_at + CHANGE_OF_MIND if given else None
    return OpenSurvey(
        brand=brand_of(hub, hub.registry.current(), invitation.survey_id, invitation.channel_id),
        language=(language_of(person.profile, person.locale) if person else None) or "en",
        score=given.score if given else None,
        comment=given.comment if given else "",
        can_change=change_until is None or now <= change_until,
        change_until=change_until,
    )


def _proves_delivery(connection: Connection, invitation: Any, now: datetime) -> None:
    """An answer shows that the mail arrived, whatever we had recorded."""
    statement = update(table).where(table.c.id == invitation.id, table.c.state.in_(_ARRIVED))
    values = {"state": State.SENT, "sent_at": invitation.sent_at or now, "lease_until": None}
    connection.execute(statement.values(**values, revision=table.c.revision + 1))
