"""What a survey's settings mean, in sentences, as they are typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from marshmallow import EXCLUDE, ValidationError

from hub.admin.configuration.document import problems_of
from hub.admin.configuration.schemas import SurveySchema
from hub.admin.configuration.sentences import meaning
from hub.web.console import forms
from hub.web.console.frame import pages, show
from hub.web.console.survey_rules import APART, shown_rules, typed_rules


@pages.post("/surveys/_meaning")
def survey_meaning() -> Any:
    """What the settings mean as they are typed: a part of a page."""
    enabled = request.form.get("is_enabled") == "true"
    return show("survey_meaning.html", **meaning_of(typed_rules(), enabled=enabled))


def meaning_of(raw: Mapping[str, Any], *, enabled: bool) -> dict[str, Any]:
    """Return the `sentences` of raw settings, or what is `unclear` about them."""
    schema = SurveySchema(exclude=APART, unknown=EXCLUDE)
    try:
        return {"sentences": meaning(schema.load(raw), enabled), "unclear": []}
    except ValidationError as error:
        problems, others = forms.by_field(problems_of("survey", error.messages, schema), "survey")
        fields = forms.fields_of(schema, shown_rules(raw), problems, is_new=False)
        unclear = [f"{one.label}: {one.problem}" for one in fields if one.problem]
        return {"sentences": [], "unclear": [*unclear, *others]}
