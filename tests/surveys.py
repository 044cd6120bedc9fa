"""An invitation, and surveys in memory, for the tests of the mail and the pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from flask import Flask
from werkzeug.serving import make_server

from hub.mail.message import InvitationMail
from hub.web.survey_pages import blueprint
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
    """Answers links by token; `calls` are the changes that were asked for, `openings` the links that were opened."""

    views: dict[str, SurveyView] = field(default_factory=dict)
    unsubscribed: set[str] = field(default_factory=set)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    openings: list[tuple[str, int | None]] = field(default_factory=list)

    def open(self, token: str) -> SurveyView | None:
        return self.views.get(token)

    def is_trial(self, token: str) -> bool:
        return False

    def note_opening(self, token: str, score: int | None) -> None:
        self.openings.append((token, score))

    def answer(
        self, token: str, score: int, comment: str | None, ratings: Mapping[str, int | None]
    ) -> SurveyView | None:
        self.calls.append(("answer", token, score, comment))
        view = self.views.get(token)
        if view is None or not view.can_change:
            return view
        if not ratings.keys() <= {one.name for one in view.ratings}:
            raise UnknownRating
        kept = view.comment if comment is None else comment
        rated = [replace(one, chosen=ratings.get(one.name, one.chosen)) for one in view.ratings]
        self.views[token] = replace(view, score=score, comment=kept, ratings=rated)
        return self.views[token]

    def can_unsubscribe(self, token: str) -> UnsubscribeView | None:
        view = self.views.get(token)
        if view is None:
            return None
        done = token in self.unsubscribed
        look = {"colour": view.colour, "logo_url": view.logo_url}
        return UnsubscribeView(brand=view.brand, language=view.language, done=done, **look)

    def unsubscribe(self, token: str) -> bool:
        self.calls.append(("unsubscribe", token))
        if token in self.views:
            self.unsubscribed.add(token)
        return token in self.views


@dataclass(frozen=True, kw_only=True)
class Site:
    """The survey pages, served on this machine."""

    url: str
    surveys: InMemorySurveys


@contextmanager
def pages_for_customers(views: Mapping[str, SurveyView]) -> Iterator[Site]:
    """Serve the pages behind these links."""
    surveys = InMemorySurveys(views=dict(views))
    app = Flask("pages")
    app.register_blueprint(blueprint(surveys))
    with served(app) as url:
        yield Site(url=url, surveys=surveys)


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application from threads of this process; yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
