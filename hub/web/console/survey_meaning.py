"""What a survey's settings mean, in sentences, as they are typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from marshmallow import EXCLUDE, ValidationError

from hub.admin.document import problems_of
from hub.admin.schemas import SurveySchema
from hub.admin.sentences import meaning
from hub.admin.text_schemas import AppearanceSchema
from hub.store.configuration import OF_SURVEYS
from hub.web.console import forms
from hub.web.console.frame import pages, show

FIRST = ("min_delay_days", "max_delay_days", "min_interval_weeks")
"""The settings that everybody looks at; the others are folded away."""
CONNECTED = tuple(role.plural for role in OF_SURVEYS)
TEXTS = tuple(AppearanceSchema().fields)
"""What has a page of its own, and stays as it is when the settings are saved."""
APART = (*CONNECTED, *TEXTS, "enabled")
"""What of a survey's table is no rule, or has a page of its own."""


@pages.post("/surveys/_meaning")
def survey_meaning() -> Any:
    """What the settings mean as they are typed: a part of a page."""
    enabled = request.form.get("is_enabled") == "true"
    typed = forms.read([SurveySchema(exclude=APART)], request.form, is_new=False)
    return show("survey_meaning.html", **meaning_of(typed, enabled=enabled))


def meaning_of(raw: Mapping[str, Any], *, enabled: bool) -> dict[str, Any]:
    """Return the `sentences` of raw settings, or what is `unclear` about them."""
    schema = SurveySchema(exclude=APART, unknown=EXCLUDE)
    try:
        return {"sentences": meaning(schema.load(raw), enabled), "unclear": []}
    except ValidationError as error:
        problems, others = forms.by_field(problems_of("survey", error.messages, schema), "survey")
        fields = forms.fields_of(schema, raw, problems, is_new=False)
        unclear = [f"{one.label}: {one.problem}" for one in fields if one.problem]
        return {"sentences": [], "unclear": [*unclear, *others]}
