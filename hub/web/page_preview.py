"""The survey page as it would look, for somebody who edits it: inside a page of the console, answering nothing."""

from __future__ import annotations

from dataclasses import replace

from flask import Response

from hub.admin.texts import NO_TOKEN, Preview
from hub.web.answering import view_of
from hub.web.look import headers_for, style_in
from hub.web.survey_pages import draw_form, draw_thanks


def drawn(preview: Preview, *, score: int | None, is_answered: bool = False) -> Response:
    """Return the page that asks with this score chosen, or the one that says thanks for it, for an `iframe`."""
    view = view_of(preview.page)
    if is_answered and score is not None:
        html = draw_thanks(replace(view, score=score), score, NO_TOKEN)
    else:
        html = draw_form(view, score=score, comment="")
    headers = headers_for(style_in(view.colour), images="data:", framed_by="'self'")
    return Response(html, headers={**headers, "X-Frame-Options": "SAMEORIGIN"})
