"""The survey pages' view of the hub."""

from __future__ import annotations

from collections.abc import Mapping

from hub.pipeline import links, respond
from hub.pipeline.hub import Hub
from hub.web.openings import OpeningLog
from hub.web.views import Rating, SurveyView, UnknownRating, UnsubscribeView


class HubAnswering:
    """Answers for the pages out of the hub's store."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.openings = OpeningLog(hub)

    def open(self, token: str) -> SurveyView | None:
        """Return what stands behind a survey link; changes nothing."""
        return _view(respond.open_survey(self._hub, token))

    def note_opening(self, token: str, score: int | None) -> None:
        """Keep that a survey link was opened."""
        self.openings.note(token, score)

    def answer(
        self, token: str, score: int, comment: str | None, ratings: Mapping[str, int | None]
    ) -> SurveyView | None:
        """Record an answer."""
        try:
            return _view(respond.answer(self._hub, token, score, comment, ratings))
        except respond.NoSuchRating:
            raise UnknownRating from None

    def is_trial(self, token: str) -> bool:
        """Return whether the link is one of a test mail."""
        return self._hub.keys.is_trial(token)

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
            colour=survey.brand_colour or None,
            logo_url=_logo_url(survey),
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
        ratings=[
            Rating(name=name, label=label, chosen=survey.ratings.get(name)) for name, label in survey.labels.items()
        ],
        colour=survey.brand_colour or None,
        logo_url=_logo_url(survey),
    )


def _logo_url(survey: respond.OpenSurvey) -> str | None:
    """Return where the logo is, which for one that is not stored yet is the image itself."""
    return survey.logo if survey.logo.startswith("data:") else links.logo_url("", survey.logo) or None


def _view(survey: respond.OpenSurvey | None) -> SurveyView | None:
    return None if survey is None else view_of(survey)
