"""The pages behind the links of a survey mail: answering at `/s/<token>`, unsubscribing at `/u/<token>`.

A GET changes nothing that counts, whatever its query says: programs that scan mail open every link in it. That a link
was opened is kept for people to see.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from hub.domain.scores import Band, band_of
from hub.web.answers import COMMENT_LIMIT, Fault, Form, read_form, read_score
from hub.web.look import dress, wear
from hub.web.page_words import words_of
from hub.web.views import Answering, SurveyView, UnknownRating, UnsubscribeView
from hub.web.words import WORDS, PageWords, words_for

Page = Response | str | tuple[str, int]

_LARGEST_FORM = 65_536
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,200}", re.ASCII)


def blueprint(surveys: Answering) -> Blueprint:
    """Return the survey and unsubscribe pages, answering through `surveys`.

    Tokens are letters, digits and `-._~`, up to 200; any other path below `/s` and `/u` is the one 404 page.
    """
    pages = _Pages(surveys)
    routes = dress(Blueprint("survey_pages", __name__, template_folder="templates"))
    routes.add_url_rule("/s/<token>", "survey", pages.survey, methods=["GET"])
    routes.add_url_rule("/s/<token>", "answer", pages.answer, methods=["POST"])
    routes.add_url_rule("/u/<token>", "unsubscribing", pages.unsubscribing, methods=["GET"])
    routes.add_url_rule("/u/<token>", "unsubscribe", pages.unsubscribe, methods=["POST"])
    for rule in ("/s", "/s/", "/s/<path:rest>", "/u", "/u/", "/u/<path:rest>"):
        routes.add_url_rule(rule, "nothing", _nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    routes.register_error_handler(404, pages.not_found)
    routes.register_error_handler(413, _too_large)
    return routes


class _Pages:
    def __init__(self, surveys: Answering) -> None:
        self._surveys = surveys

    def survey(self, token: str) -> Page:
        view = self._open(token)
        chosen = read_score(request.args.get("score"))
        if request.method == "GET" and "thanks" not in request.args:
            self._surveys.note_opening(token, chosen)
        if not view.can_change:
            return _closed(view)
        if "thanks" in request.args and view.score is not None:
            return draw_thanks(view, view.score, token)
        return draw_form(view, score=view.score if chosen is None else chosen, comment=view.comment)

    def answer(self, token: str) -> Page:
        request.max_content_length = _LARGEST_FORM
        form = read_form(request.form)
        if form.fault or form.score is None:
            return self._refused(token, form)
        try:
            answered = self._surveys.answer(_checked(token), form.score, form.comment, form.ratings)
        except UnknownRating:
            return self._refused(token, replace(form, fault=Fault.RATING_UNCLEAR))
        if answered is None:
            abort(404)
        if not answered.can_change:
            return _closed(answered), 409
        return redirect(url_for(".survey", token=token, thanks=1), code=303)

    def _refused(self, token: str, form: Form) -> Page:
        view = self._open(token)
        if not view.can_change:
            return _closed(view), 409
        comment = view.comment if form.comment is None else form.comment
        rated = [replace(one, chosen=form.ratings.get(one.name, one.chosen)) for one in view.ratings]
        view = replace(view, ratings=rated)
        return draw_form(view, score=form.score, comment=comment, fault=form.fault), 422

    def unsubscribing(self, token: str) -> Page:
        view = self._surveys.can_unsubscribe(_checked(token))
        if view is None:
            abort(404)
        return _unsubscribe(view, "unsubscribed.html" if view.done else "unsubscribe.html")

    def unsubscribe(self, token: str) -> Page:
        """Answer the page's button and a mail program's one click (RFC 8058) alike; the body is not read."""
        if not self._surveys.unsubscribe(_checked(token)):
            abort(404)
        view = self._surveys.can_unsubscribe(token)
        if view is None:
            abort(404)
        return _unsubscribe(view, "unsubscribed.html")

    def not_found(self, error: HTTPException) -> Page:
        """Return the page of a link behind which nothing is, a test mail's among them."""
        words = _browsers_words()
        if self._surveys.is_trial((request.view_args or {}).get("token", "")):
            return render_template("trouble.html", words=words, title=words.trial, why=words.trial_why)
        return render_template("trouble.html", words=words, title=words.not_found, why=words.not_found_why), 404

    def _open(self, token: str) -> SurveyView:
        view = self._surveys.open(_checked(token))
        if view is None:
            abort(404)
        return view


def _checked(token: str) -> str:
    if not _TOKEN.fullmatch(token):
        abort(404)
    return token


def draw_form(view: SurveyView, *, score: int | None, comment: str, fault: Fault | None = None) -> str:
    """Return the page that asks, with what is chosen and written so far."""
    trouble = getattr(words_of(view), fault.value).format(limit=COMMENT_LIMIT) if fault else None
    return _drawn("survey.html", view, score=score, comment=comment, note=_note(view), trouble=trouble)


def _note(view: SurveyView) -> str | None:
    """Return a sentence for somebody who answered already: what stands, and until when it may be changed."""
    if view.score is None or view.change_until is None:
        return None
    words = words_of(view)
    return words.answered.format(score=view.score, until=words.moment_of(view.change_until))


_THANKS = {Band.DETRACTOR: "thanks_detractor", Band.PASSIVE: "thanks_passive", Band.PROMOTER: "thanks_promoter"}


def draw_thanks(view: SurveyView, score: int, token: str) -> str:
    """Return the page that says thanks for an answer."""
    thanks = getattr(words_of(view), _THANKS[band_of(score)]).format(brand=view.brand)
    return _drawn("thanks.html", view, token=token, thanks=thanks)


def _closed(view: SurveyView) -> str:
    return _drawn("closed.html", view)


def _unsubscribe(view: UnsubscribeView, page: str) -> str:
    return _drawn(page, view)


def _drawn(page: str, view: SurveyView | UnsubscribeView, **context: Any) -> str:
    """Return a page in the words, colour and with the logo of a survey."""
    style = wear(view.colour, view.logo_url)
    return render_template(page, style=style, words=words_of(view), view=view, limit=COMMENT_LIMIT, **context)


def _nothing(rest: str = "") -> Page:
    abort(404)


def _too_large(error: HTTPException) -> Page:
    words = _browsers_words()
    return render_template("trouble.html", words=words, title=words.too_large, why=words.too_large_why), 413


def _browsers_words() -> PageWords:
    """Return the words that the browser asks for: whose page it would have been is not known."""
    return words_for(request.accept_languages.best_match(WORDS) or "en")
