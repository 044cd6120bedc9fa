"""News: what listeners are told of, written down in the transaction of what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from hub.domain.scores import Band, band_of
from hub.plugin import DeliveryReport, NoticeKind, Rejected
from hub.registry import Configuration
from hub.store import notices
from hub.store.configuration import StoredSurvey
from hub.store.outcomes import Concluded
from hub.store.types import note_of


def tell_of_answer(
    connection: Connection,
    configuration: Configuration,
    survey: StoredSurvey,
    recorded: Mapping[str, Any],
    now: datetime,
) -> None:
    """Have listeners told of an answer, as it is stored; of a detractor's they may hear apart."""
    is_detractor = band_of(recorded["score"]) is Band.DETRACTOR
    kinds = [NoticeKind.ANSWERED, NoticeKind.DETRACTOR] if is_detractor else [NoticeKind.ANSWERED]
    data = {name: recorded[column] for name, column in _SAID.items()}
    about = {"survey_id": survey.id, "invitation_id": recorded["invitation_id"]}
    for kind in kinds:
        notices.tell(connection, configuration.hearing(kind, [survey.name]), kind, data, now=now, **about)


_SAID = {"rating": "score", "comment": "comment", "rated_at": "rated_at", "version": "version"}


def tell_of_bounce(
    connection: Connection, configuration: Configuration, invitation: Any, report: DeliveryReport, now: datetime
) -> None:
    """Have listeners told that an invitation bounced, as its channel's provider reports."""
    data = {"permanent": report.permanent, "detail": report.detail, "channel": invitation.channel_id}
    _tell_of_bounce(connection, configuration, invitation.survey_id, invitation.id, data, now)


def tell_of_refusal(connection: Connection, configuration: Configuration, one: Concluded, now: datetime) -> None:
    """Have listeners told that there is no such mailbox, as a mail system said at once."""
    assert isinstance(one.outcome, Rejected), "only a refusal says that there is no such mailbox"
    data = {"permanent": True, "detail": one.outcome.why, "channel": one.claimed.channel_id}
    _tell_of_bounce(connection, configuration, one.claimed.survey_id, one.claimed.id, data, now)


def _tell_of_bounce(
    connection: Connection,
    configuration: Configuration,
    survey_id: str,
    invitation_id: str,
    data: Mapping[str, Any],
    now: datetime,
) -> None:
    listeners = configuration.hearing(NoticeKind.BOUNCED, _names(configuration, survey_id))
    channel = configuration.connections[data["channel"]].stored.name
    told = {**data, "detail": note_of(data["detail"]), "channel": channel}
    about = {"survey_id": survey_id, "invitation_id": invitation_id}
    notices.tell(connection, listeners, NoticeKind.BOUNCED, told, now=now, **about)


def tell_of_pause(
    connection: Connection, configuration: Configuration, channel_id: str, *, why: str, until: datetime, now: datetime
) -> None:
    """Have listeners told that a channel is left alone."""
    surveys = configuration.surveys.values()
    notices.tell_of_pause(connection, configuration.stored, surveys, channel_id, why=why, until=until, now=now)


def tell_of_brake(
    connection: Connection, configuration: Configuration, survey_id: str, held: int, now: datetime
) -> None:
    """Have listeners told that the surge brake of a survey began to hold invitations."""
    listeners = configuration.hearing(NoticeKind.BRAKE, _names(configuration, survey_id))
    notices.tell(connection, listeners, NoticeKind.BRAKE, {"held": held}, now=now, survey_id=survey_id)


def _names(configuration: Configuration, survey_id: str) -> list[str]:
    survey = configuration.surveys.get(survey_id)
    return [] if survey is None else [survey.name]
