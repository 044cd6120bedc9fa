"""Mail and page of a survey as they would look, within a frame of the console.

What is in the frame runs nothing, sends nothing, leads nowhere and belongs to no site: what customers or colleagues
wrote cannot reach the console around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, render_template, request
from werkzeug.datastructures import MultiDict

from hub.admin.configuration import texts
from hub.admin.configuration.surveys import survey_of
from hub.admin.configuration.text_edits import edited, settings_of
from hub.admin.paging import Slice
from hub.admin.people import people
from hub.admin.trouble import NotThere
from hub.config import ConfigError
from hub.domain.texts import direction_of
from hub.web import guard
from hub.web.backing import hub
from hub.web.console.forms import Choice
from hub.web.console.frame import is_part, pages
from hub.web.console.languages import language_named
from hub.web.console.texts_form import read_edit, told
from hub.web.page_preview import page_of

LARGEST = 8_000_000
"""Bytes of a form with a logo in it: one that is too large is told so, beside its field."""
VIEWS = [
    Choice(value="mail", label="The mail"),
    Choice(value="text", label="The mail as plain text"),
    Choice(value="page", label="The page, without a score"),
    Choice(value="page-3", label="The page, after a 3"),
    Choice(value="page-8", label="The page, after an 8"),
    Choice(value="page-10", label="The page, after a 10"),
    Choice(value="thanks-3", label="Thanks for a 3"),
    Choice(value="thanks-8", label="Thanks for an 8"),
    Choice(value="thanks-10", label="Thanks for a 10"),
]
SAMPLES = [
    Choice(value="", label="Ada Lovelace (pro)"),
    Choice(value="nameless", label="Somebody of whom nothing is known"),
]
_HEADERS = {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}


@dataclass(frozen=True, kw_only=True)
class Looking:
    """How somebody wants to look at a survey: what of it, in which language, as who, on what screen."""

    view: str
    language: str | None
    sample: Mapping[str, Any]
    who: str
    is_narrow: bool
    is_dark: bool

    @property
    def person(self) -> str | None:
        """The id of the person through whose eyes they look. Raises ConfigError when nobody is known as `who`."""
        if not self.who:
            return None
        found = people.people(hub(), Slice(limit=1), who=self.who).items
        if not found:
            raise NotThere(f"Nobody is known as {self.who}; write an address or an id of a customer")
        return found[0].id


@pages.get("/surveys/<name>/texts/preview")
def preview_texts(name: str) -> Response:
    """How a survey looks, as it is stored."""
    return _framed(name, survey_of(hub(), name).settings, looking(request.args))


@pages.post("/surveys/<name>/texts/preview")
@guard.needs("viewer", largest=LARGEST)
def preview_edited_texts(name: str) -> Response:
    """How a survey looks as it is being edited; to a script only what is wrong with it, or nothing."""
    chosen = looking(request.form)
    settings = survey_of(hub(), name).settings
    edit = read_edit(request.form, request.files, settings, chosen.language or settings["language"])
    return _framed(name, edited(hub(), name, edit), chosen)


@pages.get("/surveys/<name>/texts/versions/<int:number>/preview")
def preview_version(name: str, number: int) -> Response:
    """How a survey looked at a version."""
    settings = {**survey_of(hub(), name).settings, **settings_of(hub(), name, number)}
    return _framed(name, settings, looking(request.args))


def looking(form: MultiDict[str, str]) -> Looking:
    """Return how somebody wants to look at a survey; what makes no sense is as if nothing was said."""
    view = form.get("view", "")
    return Looking(
        view=view if view in {one.value for one in VIEWS} else "mail",
        language=language_named(form.get("language_of", "")),
        sample={} if form.get("sample") == "nameless" else texts.SAMPLE,
        who=form.get("who", "").strip(),
        is_narrow="narrow" in form,
        is_dark="dark" in form,
    )


def _framed(name: str, raw: Mapping[str, Any], chosen: Looking) -> Response:
    try:
        seen = texts.preview(hub(), name, raw, language=chosen.language, person=chosen.person, sample=chosen.sample)
    except ConfigError as error:
        problems = [told(one, name) for one in error.problems]
        if is_part():
            return Response(render_template("console/texts_problems.html", problems=problems), 422)
        return _document(problems=problems, chosen=chosen)
    if is_part():
        return Response(status=204)
    return _document(
        title=next(one.label for one in VIEWS if one.value == chosen.view),
        seen=seen,
        direction=direction_of(seen.language),
        html=_html_of(seen, chosen.view).replace(' href="', ' data-href="'),
        chosen=chosen,
    )


def _document(*, chosen: Looking, problems: Sequence[str] = (), **shown: Any) -> Response:
    """Return a document for the frame, in light or in dark whatever the viewer's own screen is."""
    html = render_template("console/texts_preview.html", chosen=chosen, problems=problems, **shown)
    scheme = "dark" if chosen.is_dark else "light"
    html = html.replace("@media (prefers-color-scheme: dark)", "@media all" if chosen.is_dark else "@media not all")
    html = html.replace("color-scheme: light dark", f"color-scheme: {scheme}")
    return Response(html.encode(errors="replace"), headers=_HEADERS, mimetype="text/html")


def _html_of(seen: texts.Preview, view: str) -> str:
    what, _, score = view.partition("-")
    if what in ("page", "thanks"):
        return page_of(seen, score=int(score) if score else None, is_answered=what == "thanks")
    return seen.html
