"""Respond: what a person does on the survey page. A GET never comes here to change anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, or_, select, update

from hub.domain.reasons import Stop
from hub.domain.states import ANSWERABLE, State, sources_of
from hub.domain.texts import PLAIN, SurveyTexts, texts_from
from hub.domain.traits import Profile, display_name, value_of
from hub.failpoints import failpoint
from hub.mail.own_texts import SHIPPED, language_for, page_texts, rating_labels, words_language
from hub.mail.wording import LONGEST_NAME, Values, shown
from hub.pipeline import news
from hub.pipeline.deliver import brand_name
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import reminders, responses, suppressions
from hub.store import texts as stored_texts
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
_NONE: Mapping[str, int | None] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class OpenSurvey:
    """A live link's survey: whom it speaks for, the answer given so far, and until when it may be changed.

    `own_texts` are those of the page that the survey has of its own, in `language`, ready for this person; `labels` say
    what may be rated from 1 to 5 beside the score, by name, and `ratings` how it was. The hub's words in
    `words_language` go with them.
    """

    brand: str
    language: str
    words_language: str
    own_texts: Mapping[str, str]
    brand_colour: str
    logo: str
    labels: Mapping[str, str]
    texts_version: int | None
    score: int | None
    comment: str
    ratings: Mapping[str, int]
    can_change: bool
    change_until: datetime | None


class NoSuchRating(ValueError):
    """A rating that the survey does not ask for."""


def open_survey(hub: Hub, token: str) -> OpenSurvey | None:
    """Return what a survey link shows, or None when it is no live link."""
    with hub.store.read() as connection:
        asked = _asked(hub, connection, token)
        return None if asked is None else _view(hub, connection, asked, hub.now())


def answer(
    hub: Hub, token: str, score: int, comment: str | None, ratings: Mapping[str, int | None] = _NONE
) -> OpenSurvey | None:
    """Record an answer and return the survey as it then stands; None when it is no live link.

    `comment` None leaves the comment as it is, as does a rating that is left out; one of None is taken back. After 24
    hours nothing changes any more (`can_change` is False). Raises NoSuchRating.
    """

    def record(connection: Connection) -> OpenSurvey | None:
        now = hub.now()
        asked = _asked(hub, connection, token, lock=True)
        if asked is None:
            return None
        view = _view(hub, connection, asked, now)
        if not view.can_change:
            return view
        if not ratings.keys() <= view.labels.keys():
            raise NoSuchRating
        _proves_delivery(connection, asked, now)
        configuration = hub.registry.at(asked.configuration)
        survey = configuration.surveys.get(asked.survey_id)
        traits = configuration.segment_traits
        rated = {**view.ratings, **ratings}
        given = Answer(
            score=score,
            comment=view.comment if comment is None else storable(comment),
            ratings={name: value for name, value in rated.items() if value is not None},
            texts_version=view.texts_version,
            language=language_in(view.language),
            segments=segments_of(read_profile(asked.profile), traits) if traits and asked.profile else {},
        )
        if survey and survey.settings.get("reminders"):
            reminders.cancel_answered(connection, asked.first_id, now)
        recorded = responses.record(
            connection,
            asked=asked,
            answer=given,
            targets=survey.connections[Role.TARGET] if survey else [],
            per_survey=configuration.per_survey_perhaps,
            hub_id=configuration.hub_id,
            now=now,
        )
        is_news = (asked.score, asked.comment) != (given.score, given.comment)
        if recorded is not None and survey is not None and is_news:
            news.tell_of_answer(connection, configuration, survey, recorded, now)
        failpoint("respond.before_commit")
        change_until = view.change_until or now + CHANGE_OF_MIND
        return replace(view, score=given.score, comment=given.comment, ratings=given.ratings, change_until=change_until)

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


def _view(hub: Hub, connection: Connection, asked: Any, now: datetime) -> OpenSurvey:
    configuration = hub.registry.at(asked.configuration)
    change_until = None if asked.response_id is None else asked.first_rated_at + CHANGE_OF_MIND
    profile = read_profile(asked.profile) if asked.profile else {}
    number, texts = _texts(connection, configuration, asked)
    language = texts.language_for(asked.language, SHIPPED) if asked.language else None
    channel = configuration.channel(asked.channel_id) if asked.channel_id else None
    seen = seen_by(
        texts,
        language or language_for(texts, profile, asked.locale),
        brand=texts.brand or brand_name(hub, channel),
        profile=profile,
    )
    return replace(
        seen,
        texts_version=number,
        score=asked.score,
        comment=asked.comment or "",
        ratings=asked.ratings or {},
        can_change=change_until is None or now <= change_until,
        change_until=change_until,
    )


def _texts(connection: Connection, configuration: Configuration, asked: Any) -> tuple[int | None, SurveyTexts]:
    """Return what the mail of an invitation showed, and its version; what is shown now where that is not known."""
    survey = configuration.surveys.get(asked.survey_id)
    current = survey.texts_version if survey is not None else None
    number = asked.texts_version or current
    if survey is not None and number == current:
        return number, configuration.texts[survey.id]
    found = stored_texts.version(connection, asked.survey_id, number) if number is not None else None
    return (number, texts_from(found.content)) if found is not None else (None, PLAIN)


def seen_by(texts: SurveyTexts, language: str, *, brand: str, profile: Profile) -> OpenSurvey:
    """Return a survey as somebody sees it who has not answered yet. `brand` is whom it speaks for."""
    name = shown(display_name(profile) or "", limit=LONGEST_NAME)
    values = Values(name=name, brand=brand, trait=partial(value_of, profile))
    return OpenSurvey(
        brand=brand,
        language=language,
        words_language=words_language(texts, language),
        own_texts=page_texts(texts, language, values),
        brand_colour=texts.brand_colour,
        logo=texts.logo,
        labels=rating_labels(texts, language, values),
        texts_version=None,
        score=None,
        comment="",
        ratings={},
        can_change=True,
        change_until=None,
    )


def _proves_delivery(connection: Connection, asked: Any, now: datetime) -> None:
    """An answer shows that the mail arrived, whatever we had recorded."""
    if asked.state in _ARRIVED:
        values = {"state": State.SENT, "sent_at": asked.sent_at or now, "lease_until": None}
        statement = update(table).where(table.c.id == asked.id)
        connection.execute(statement.values(**values, revision=table.c.revision + 1))
