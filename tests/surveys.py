"""An invitation, and surveys in memory, for the tests of the mail and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hub.mail.message import InvitationMail
from hub.web.views import SurveyView, UnknownRating, UnsubscribeView

OPEN = SurveyView(brand="Acme", language="en", score=None, comment="", can_change=True)

INVITATION = InvitationMail(
    id="inv-8f3a",
    to="ada@acme.example",
    name="Ada Lovelace",
    survey_url="https://hub.acme.example/s/Zk3h1q9vT0aXbY7cD2eF4gHijk",
    unsubscribe_url="https://hub.acme.example/u/Zk3h1q9vT0aXbY7cD2eF4gHijk",
    brand="Acme",
    language="en",
    message_id_domain="hub.acme.example",
    sent_at=datetime(2026, 5, 3, 12, tzinfo=UTC),
)


@dataclass
class InMemorySurveys:
    """Answers links by token; `calls` are the changes that were asked for."""

    views: dict[str, SurveyView] = field(default_factory=dict)
    unsubscribed: set[str] = field(default_factory=set)
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def open(self, token: str) -> SurveyView | None:
        return self.views.get(token)

    def answer(
        self, token: str, score: int, comment: str | None, ratings: Mapping[str, int | None]
    ) -> SurveyView | None:
        self.calls.append(("answer", token, score, comment))
        view = self.views.get(token)
        if view is None or not view.can_change:
            return view
        if not ratings.keys() <= view.labels.keys():
            raise UnknownRating
        kept = view.comment if comment is None else comment
        rated = {name: value for name, value in {**view.ratings, **ratings}.items() if value is not None}
        self.views[token] = replace(view, score=score, comment=kept, ratings=rated)
        return self.views[token]

    def can_unsubscribe(self, token: str) -> UnsubscribeView | None:
        view = self.views.get(token)
        if view is None:
            return None
        done = token in self.unsubscribed
        return UnsubscribeView(brand=view.brand, language=view.language, done=done)

    def unsubscribe(self, token: str) -> bool:
        self.calls.append(("unsubscribe", token))
        if token in self.views:
            self.unsubscribed.add(token)
        return token in self.views
