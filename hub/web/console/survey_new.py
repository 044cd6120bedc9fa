"""A survey is made, with the Segment source and target that it needs, on one page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flask import flash, redirect, request, url_for
from marshmallow import Schema

from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.admin.configuration.schemas import NAME, SurveySchema
from hub.config import ConfigError
from hub.store.configuration import OF_SURVEYS, Role
from hub.web import guard
from hub.web.backing import hub
from hub.web.console import forms
from hub.web.console.forms import Choice, Field
from hub.web.console.frame import pages, show
from hub.web.console.survey_meaning import meaning_of
from hub.web.console.survey_rules import FIRST

_KIND = "segment"
_TARGET_FIRST = ("write_key", "region")
_NEW = "+"
"""Stands for a connection that is made together with the survey."""
_NAMES = "Lower-case letters, digits, - and _. Your customers never see it."


@pages.get("/surveys/_new")
@guard.needs("admin")
def new_survey() -> Any:
    """The set-up of a survey on one page: customers from Segment, mail, answers back, and when."""
    return _page(_free_name(_surveys(), "nps"), {}, {}, [])


@pages.post("/surveys/_new")
@guard.needs("admin")
def make_survey() -> Any:
    """Make a survey as a draft, with the Segment source and target that it needs."""
    name = request.form.get("name", "").strip()
    wrong = _wrong_name(name)
    checked = _free_name(_surveys(), "nps") if wrong else name
    try:
        made = planning.plan_change(hub(), _wanted(checked))
    except ConfigError as error:
        problems, others = _problems_of(error, checked)
        return _page(name, request.form, {"name": wrong, **problems}, others, status=422)
    if wrong:
        return _page(name, request.form, {"name": wrong}, [], status=422)
    applying.apply(hub(), made)
    flash(f"The survey {name} is there, as a draft: it asks nobody until you switch it on.")
    return redirect(url_for("console.survey", name=name), 303)


def _page(
    name: str, typed: Mapping[str, Any], problems: Mapping[str, str], others: Sequence[str], status: int = 200
) -> Any:
    values = forms.read(_schemas(), request.form, is_new=True)
    first, *answers = (forms.fields_of(schema, values, problems, is_new=True) for schema in _schemas())
    return show(
        "survey_new.html",
        status,
        fields=[
            Field(
                name="name",
                label="Name of the survey",
                value=name,
                is_required=True,
                help=_NAMES,
                problem=problems.get("name", ""),
            )
        ],
        source=_one_of(Role.SOURCE, "A new Segment source", "Customers come from", typed, problems),
        channel=_one_of(Role.CHANNEL, None, "Mail goes out by", typed, problems),
        target=_one_of(Role.TARGET, "A new Segment target", "Answers go to", typed, problems),
        answers=answers[0] if answers else [],
        first=first,
        others=others,
        **meaning_of({key: value for key, value in values.items() if key in FIRST}, enabled=False),
    )


def _schemas() -> list[Schema]:
    """Return what of a survey the page asks for and, where Segment's plugin is there, of its target."""
    target = hub().registry.plugins.kinds.get((Role.TARGET, _KIND))
    return [SurveySchema(only=FIRST), *([target.config_schema(only=_TARGET_FIRST)] if target else [])]


def _one_of(role: Role, new: str | None, label: str, typed: Mapping[str, Any], problems: Mapping[str, str]) -> Field:
    names = _connections(role)
    choices = [Choice(value=name, label=name) for name in names]
    if new:
        choices.append(Choice(value=_NEW, label=new))
    if role is not Role.SOURCE:
        choices.append(Choice(value="", label="Nothing yet: I connect it later"))
    default = names[0] if names else (_NEW if new else "")
    return Field(
        name=role.value,
        label=label,
        kind="select",
        value=typed.get(role.value, default),
        choices=choices,
        problem=problems.get(role.plural, ""),
    )


def _wanted(name: str) -> dict[str, Any]:
    """Return the document of a new survey and the connections that are made with it."""
    of_survey, *of_target = _schemas()
    table: dict[str, Any] = forms.read([of_survey], request.form, is_new=True)
    raw: dict[str, Any] = {}
    for role in OF_SURVEYS:
        chosen = request.form.get(role.value, "")
        if chosen == _NEW:
            chosen = _free_name(_connections(role), _KIND)
            settings = forms.read(of_target, request.form, is_new=True) if role is Role.TARGET else {}
            raw[role.plural] = {chosen: {"kind": _KIND, **settings}}
        table[role.plural] = [chosen] if chosen else []
    return {**raw, "surveys": {name: table}}


def _problems_of(error: ConfigError, name: str) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    others: list[str] = []
    made = [f"{role.plural}.{_free_name(_connections(role), _KIND)}" for role in (Role.SOURCE, Role.TARGET)]
    for problem in error.problems:
        path = next((one for one in (f"surveys.{name}", *made) if problem.startswith((f"{one}.", f"{one}: "))), "")
        about, rest = forms.by_field([problem], path)
        found = {**about, **found}
        others += rest
    return found, others


def _wrong_name(name: str) -> str:
    if not NAME.fullmatch(name):
        return "A name has lower-case letters, digits, - and _, 63 characters at most."
    return "There is a survey of this name already." if name in _surveys() else ""


def _surveys() -> list[str]:
    return [one.name for one in hub().registry.current().surveys.values()]


def _connections(role: Role) -> list[str]:
    return [one.stored.name for one in hub().registry.current().live(role)]


def _free_name(taken: Collection[str], wanted: str) -> str:
    names = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
