"""Responses: what customers answered, the newest first."""

from __future__ import annotations

from typing import Any

from hub.admin import responses as answers
from hub.admin.people import names_of
from hub.web.backing import hub
from hub.web.console import queries
from hub.web.console.frame import pages, show


@pages.get("/responses")
def responses() -> Any:
    """Show a page of answers, of one survey or of all."""
    page = answers.responses(hub(), answers.Wanted(survey=queries.text("survey")), queries.part())
    names = names_of(hub(), {one.person_id for one in page.items})
    return show("responses.html", page=page, names=names, filters=[queries.survey_field()])
