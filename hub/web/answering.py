"""The survey pages' view of the hub."""

from __future__ import annotations

from collections.abc import Mapping

from hub.pipeline import respond
from hub.pipeline.hub import Hub
from hub.web.views import SurveyView, UnknownRating, UnsubscribeView


class HubAnswering:
    """Answers for the pages out of the hub's store."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def open(self, token: str) -> SurveyView | None:
        """Return what stands behind a survey link; changes nothing."""
        return _view(respond.open_survey(self._hub, token))

    def answer(
        self, token: str, score: int, comment: str | None, ratings: Mapping[str, int | None]
    ) -> SurveyView | None:
        """Record an answer."""
        try:
            return _view(respond.answer(self._hub, token, score, comment, ratings))
        except respond.NoSuchRating:
            raise UnknownRating from None

    def can_unsubscribe(self, token: str) -> UnsubscribeView | None:
        """Return what stands behind an unsubscribe link; changes nothing."""
        survey = respond.open_survey(self._hub, token)
        done = respond.is_unsubscribed(self._hub, token)
        if survey is None or done is None:
            return None
        return UnsubscribeView(
            brand=survey.brand,
            language=survey.language,
            done=done,
            words_language=survey.words_language,
            brand_colour=survey.brand_colour,
            logo=survey.logo,
        )

    def unsubscribe(self, token: str) -> bool:
        """Never mail this mailbox again."""
        return respond.unsubscribe(self._hub, token)


def view_of(survey: respond.OpenSurvey) -> SurveyView:
    """Return what the pages show of a survey."""
    return SurveyView(
        brand=survey.brand,
        language=survey.language,
        score=survey.score,
        comment=survey.comment,
        can_change=survey.can_change,
        change_until=survey.change_until,
        words_language=survey.words_language,
        own_texts=survey.own_texts,
        labels=survey.labels,
        ratings=survey.ratings,
        brand_colour=survey.brand_colour,
        logo=survey.logo,
    )


def _view(survey: respond.OpenSurvey | None) -> SurveyView | None:
    return None if survey is None else view_of(survey)
