"""Surveys: made, steered and understood. What the settings mean stands beside them while they are edited."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from flask import flash, redirect, request, url_for
from marshmallow import EXCLUDE, ValidationError

from hub.admin import apply as applying
from hub.admin import surveys as admin
from hub.admin.ahead import Count, outlook
from hub.admin.document import problems_of
from hub.admin.export import connection_table
from hub.admin.preflight import Preflight, preflight
from hub.admin.rehearsal import rehearse
from hub.admin.schemas import NAME, SurveySchema
from hub.admin.scores import scores
from hub.admin.sentences import meaning
from hub.admin.trouble import Conflict
from hub.config import ConfigError
from hub.store.configuration import Role
from hub.web import guard
from hub.web.backing import hub, wake
from hub.web.console import forms
from hub.web.console.forms import Choice, Field
from hub.web.console.frame import is_part, pages, show

FIRST = ("min_delay_days", "max_delay_days", "min_interval_weeks")
"""The settings that everybody looks at; the others are folded away."""
_CONNECTED = tuple(role.plural for role in Role)
_TEXTS = ("texts", "logo")
"""What the form of the settings leaves as it is."""
_APART = (*_CONNECTED, *_TEXTS, "enabled")
_KIND = "segment"
_TARGET_FIRST = ("write_key", "region")
PATIENCE_S = 3.0
_looking = threading.Lock()
_NEW = "+"
"""Stands for a connection that is made together with the survey."""


@pages.get("/surveys")
def surveys() -> Any:
    """All surveys, with their score and what waits."""
    waiting = {one.survey: sum(one.counts.values(), Count(number=0)) for one in outlook(hub()).standing}
    scored = {one.survey: one for one in scores(hub())}
    return show("surveys.html", surveys=admin.surveys(hub()), scores=scored, waiting=waiting)


@pages.get("/surveys/_new")
@guard.needs("admin")
def new_survey() -> Any:
    """The set-up of a survey on one page: customers from Segment, mail, answers back, and when."""
    return _new_page({"name": "nps"}, {}, [])


@pages.post("/surveys/_new")
@guard.needs("admin")
def make_survey() -> Any:
    """Make a survey as a draft, with the Segment source and target that it needs."""
    name = request.form.get("name", "").strip()
    raw = _wanted(name)
    try:
        made = applying.plan_change(hub(), raw)
        applying.apply(hub(), made)
    except ConfigError as error:
        return _new_page(request.form, *_problems_of_new(error, name), status=422)
    flash(f"The survey {name} is there, as a draft: it asks nobody until you switch it on.")
    return redirect(url_for("console.survey", name=name), 303)


@pages.get("/surveys/<name>")
def survey(name: str) -> Any:
    """A survey's settings, and what they mean."""
    seen = admin.survey_of(hub(), name)
    return _survey_page(seen, seen.settings, {}, [])


@pages.post("/surveys/<name>")
@guard.needs("editor")
def save_survey(name: str) -> Any:
    """Save a survey's settings; its switch stays as it is."""
    seen = admin.survey_of(hub(), name)
    raw = {**_read(), **{name: seen.settings[name] for name in _TEXTS}, "enabled": seen.enabled}
    try:
        made = admin.put(hub(), name, raw)
    except ConfigError as error:
        problems, others = forms.by_field(error.problems, f"surveys.{name}")
        return _survey_page(seen, raw, problems, others, status=422)
    flash("Saved. It holds for every event and every mail from now on." if made.lines else "Nothing was different.")
    for warning in made.warnings:
        flash(warning, "attention")
    return redirect(url_for("console.survey", name=name), 303)


@pages.post("/surveys/_meaning")
def survey_meaning() -> Any:
    """What the settings mean as they are typed: a part of a page."""
    enabled = request.form.get("is_enabled") == "true"
    return show("survey_meaning.html", **_meaning(_read(), enabled=enabled))


@pages.get("/surveys/<name>/rehearsal")
def survey_rehearsal(name: str) -> Any:
    """What would have happened with the settings as they are."""
    seen = admin.survey_of(hub(), name)
    return _rehearsal_page(seen, seen.settings)


@pages.post("/surveys/<name>/rehearsal")
@guard.needs("editor")
def rehearse_edited(name: str) -> Any:
    """What would have happened with the settings as they were edited; nothing is saved."""
    seen = admin.survey_of(hub(), name)
    raw = {**seen.settings, **_read()}
    return _rehearsal_page(seen, raw)


@pages.get("/surveys/<name>/readiness")
def survey_readiness(name: str) -> Any:
    """Whether a survey can go on, and what it would do on its first days."""
    seen = admin.survey_of(hub(), name)
    return show("survey_readiness.html", survey=seen, report=_preflight(name))


@pages.post("/surveys/<name>/switch")
@guard.needs("editor")
def switch_survey(name: str) -> Any:
    """Switch a survey on or off."""
    on = request.form.get("on") == "true"
    if on and not _preflight(name).is_ready:
        flash("It cannot go on yet: something is missing.", "bad")
        return redirect(url_for("console.survey_readiness", name=name), 303)
    admin.switch(hub(), name, on=on)
    wake("deliver")
    said = "On: customers are asked from now on." if on else "Off: nobody is asked, and nothing that waits is sent."
    flash(said, "message" if on else "held")
    return redirect(url_for("console.survey", name=name), 303)


@pages.get("/surveys/<name>/retire")
@guard.needs("admin")
def retire_survey(name: str) -> Any:
    """Ask whether a survey is to be taken out of use."""
    return show("survey_retire.html", survey=admin.survey_of(hub(), name), problem="")


@pages.post("/surveys/<name>/retire")
@guard.needs("admin")
def retire_survey_now(name: str) -> Any:
    """Take a survey out of use."""
    seen = admin.survey_of(hub(), name)
    if request.form.get("confirm", "").strip() != name:
        return show("survey_retire.html", 422, survey=seen, problem=f"Type {name}, the name of the survey.")
    admin.retire(hub(), name)
    flash(f"{name} is out of use. Its answers are kept.")
    return redirect(url_for("console.surveys"), 303)


def _survey_page(
    seen: admin.SeenSurvey,
    values: Mapping[str, Any],
    problems: Mapping[str, str],
    others: Sequence[str],
    status: int = 200,
) -> Any:
    fields = forms.fields_of(SurveySchema(exclude=_APART), values, problems, is_new=False)
    return show(
        "survey.html",
        status,
        survey=seen,
        connected=_connected(values, problems),
        first=[one for one in fields if one.name in FIRST],
        more=[one for one in fields if one.name not in FIRST],
        are_more_wrong=any(one.problem for one in fields if one.name not in FIRST),
        others=others,
        sources=_sources(seen),
        base_url=hub().settings.base_url,
        **_meaning(_without_connections(values), enabled=seen.enabled),
    )


def _new_page(typed: Mapping[str, Any], problems: Mapping[str, str], others: Sequence[str], status: int = 200) -> Any:
    values = {**typed}
    first = forms.fields_of(SurveySchema(only=FIRST), _numbers(values), problems, is_new=True)
    target = hub().registry.plugins.kinds.get((Role.TARGET, _KIND))
    schema = target.config_schema() if target else None
    answers = (
        forms.fields_of(type(schema)(only=("write_key", "region")), values, problems, is_new=True) if schema else []
    )
    return show(
        "survey_new.html",
        status,
        fields=[
            Field(
                name="name",
                label="Name of the survey",
                value=values.get("name", ""),
                is_required=True,
                help="Lower-case letters, digits, - and _. Your customers never see it.",
                problem=problems.get("name", ""),
            )
        ],
        source=_one_of(Role.SOURCE, "A new Segment source", "Customers come from", values, problems),
        channel=_one_of(Role.CHANNEL, None, "Mail goes out by", values, problems),
        target=_one_of(Role.TARGET, "A new Segment target", "Answers go to", values, problems),
        answers=answers,
        first=first,
        others=others,
        **_meaning(_numbers(values), enabled=False),
    )


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one page look at ten thousand events, so that the others, senders and customers are answered meanwhile."""
    if not _looking.acquire(timeout=PATIENCE_S):
        raise Conflict("Somebody else is looking at what was recorded right now; try again in a few seconds")
    try:
        yield
    finally:
        _looking.release()


def _preflight(name: str) -> Preflight:
    with _one_at_a_time():
        return preflight(hub(), name)


def _rehearsal_page(seen: admin.SeenSurvey, raw: Mapping[str, Any]) -> Any:
    try:
        with _one_at_a_time():
            found, problems = rehearse(hub(), seen.name, _without_connections(raw)), []
    except Conflict:
        raise
    except ConfigError as error:
        found, problems = None, error.problems
    template = "survey_rehearsed.html" if is_part() else "survey_rehearsal.html"
    is_edited = request.method == "POST"
    return show(template, 422 if problems else 200, survey=seen, found=found, problems=problems, is_edited=is_edited)


def _read() -> dict[str, Any]:
    """Return the raw table of a survey that the form stands for."""
    chosen = {
        name: [value for value in dict.fromkeys(request.form.getlist(name)) if value]
        for name in _CONNECTED
        if name in request.form
    }
    return {**forms.read([SurveySchema(exclude=_APART)], request.form, is_new=False), **chosen}


def _without_connections(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _APART}


def _meaning(raw: Mapping[str, Any], *, enabled: bool) -> dict[str, Any]:
    schema = SurveySchema(exclude=_APART, unknown=EXCLUDE)
    try:
        return {"sentences": meaning(schema.load(raw), enabled), "unclear": []}
    except ValidationError as error:
        problems, others = forms.by_field(problems_of("survey", error.messages, schema), "survey")
        return {"sentences": [], "unclear": [*(f"{name}: {why}" for name, why in problems.items()), *others]}


def _connected(values: Mapping[str, Any], problems: Mapping[str, str]) -> list[Field]:
    """Return a field for each role, with what is chosen first and in its order."""
    labels = {
        "sources": "Customers come from",
        "channels": "Mail goes out by",
        "targets": "Answers go to",
    }
    helps = {"channels": "The first one that works is used; the others step in when it fails."}
    found = []
    for role in Role:
        names = [one.stored.name for one in hub().registry.current().live(role)]
        chosen = [name for name in values.get(role.plural, []) if name]
        field = Field(
            name=role.plural,
            label=labels[role.plural],
            kind="choices",
            value=chosen,
            help=helps.get(role.plural, ""),
            problem=problems.get(role.plural, ""),
            choices=[Choice(value=name, label=name) for name in dict.fromkeys([*chosen, *names])],
        )
        found.append(field)
    return found


def _one_of(role: Role, new: str | None, label: str, values: Mapping[str, Any], problems: Mapping[str, str]) -> Field:
    names = [one.stored.name for one in hub().registry.current().live(role)]
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
        value=values.get(role.value, default),
        choices=choices,
        problem=problems.get(role.plural, ""),
    )


def _wanted(name: str) -> dict[str, Any]:
    """Return the document of a new survey and the connections that are made with it."""
    typed = request.form
    table: dict[str, Any] = forms.read([SurveySchema(only=FIRST)], typed, is_new=True)
    raw: dict[str, Any] = {}
    for role in Role:
        chosen = typed.get(role.value, "")
        if chosen == _NEW:
            chosen = _free_name(role)
            raw[role.plural] = {chosen: _new_connection(role)}
        table[role.plural] = [chosen] if chosen else []
    return {**raw, "surveys": {name: table}}


def _new_connection(role: Role) -> dict[str, Any]:
    provider = hub().registry.plugins.kinds.get((role, _KIND))
    schemas = [provider.config_schema()] if provider and role is Role.TARGET else []
    return {"kind": _KIND, **forms.read(schemas, request.form, is_new=True)}


def _free_name(role: Role) -> str:
    taken = {one.stored.name for one in hub().registry.current().live(role)}
    return next(
        name
        for number in range(1, len(taken) + 2)
        if (name := _KIND if number == 1 else f"{_KIND}-{number}") not in taken
    )


def _problems_of_new(error: ConfigError, name: str) -> tuple[dict[str, str], list[str]]:
    if not NAME.fullmatch(name):
        return {"name": "Lower-case letters, digits, - and _, 63 characters at most."}, []
    found: dict[str, str] = {}
    others: list[str] = []
    paths = [f"surveys.{name}", *(f"{role.plural}.{_free_name(role)}" for role in (Role.SOURCE, Role.TARGET))]
    for problem in error.problems:
        path = next((one for one in paths if problem.startswith((f"{one}.", f"{one}: "))), "")
        about, rest = forms.by_field([problem], path)
        found = {**about, **found}
        others += rest
    return found, others


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the form as they were typed; before anything was, the defaults hold."""
    if "min_delay_days" not in values:
        return {}
    return forms.read([SurveySchema(only=FIRST)], request.form, is_new=True)


def _sources(seen: admin.SeenSurvey) -> list[dict[str, Any]]:
    """Return the sources with the credentials that senders present, for those who may see them."""
    configuration = hub().registry.current()
    may_see = guard.may("admin") and request.args.get("keys") == "shown"
    found = []
    for name in seen.settings["sources"]:
        source = configuration.named(Role.SOURCE, name)
        if source is not None:
            table = connection_table(hub(), source.stored, reveal=may_see)
            found.append({"name": name, "kind": source.stored.kind, "api_key": table.get("api_key", "")})
    return found
