"""The survey pages' view of the hub."""

from __future__ import annotations

from hub.pipeline import respond
from hub.pipeline.hub import Hub
from hub.web.openings import OpeningLog
from hub.web.views import SurveyView, UnsubscribeView


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

    def answer(self, token: str, score: int, comment: str | None) -> SurveyView | None:
        """Record an answer."""
        return _view(respond.answer(self._hub, token, score, comment))

    def can_unsubscribe(self, token: str) -> UnsubscribeView | None:
        """Return what stands behind an unsubscribe link; changes nothing."""
        survey = respond.open_survey(self._hub, token)
        done = respond.is_unsubscribed(self._hub, token)
        if survey is None or done is None:
            return None
        return UnsubscribeView(brand=survey.brand, language=survey.language, done=done)

    def unsubscribe(self, token: str) -> bool:
        """Never mail this mailbox again."""
        return respond.unsubscribe(self._hub, token)


def _view(survey: respond.OpenSurvey | None) -> SurveyView | None:
    if survey is None:
        return None
    return SurveyView(
        brand=survey.brand,
        language=survey.language,
        score=survey.score,
        comment=survey.comment,
        can_change=survey.can_change,
        change_until=survey.change_until,
    )
