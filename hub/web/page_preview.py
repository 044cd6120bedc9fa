"""The survey page as it would look, for somebody who edits it: to be shown in a frame, answering nothing."""

from __future__ import annotations

from dataclasses import replace

from hub.admin.configuration.texts import Preview
from hub.web.answering import view_of
from hub.web.survey_pages import draw_form, draw_thanks


def page_of(preview: Preview, *, score: int | None, is_answered: bool) -> str:
    """Return the page that asks with this score chosen, or none, or the one that says thanks for it."""
    view = view_of(preview.page)
    if is_answered and score is not None:
        return draw_thanks(replace(view, score=score), score, "preview")
    return draw_form(view, score=score, comment="")
