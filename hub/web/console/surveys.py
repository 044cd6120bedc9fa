"""Surveys: steered and understood. What the settings mean stands beside them while they are edited."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin.configuration import surveys as admin
from hub.admin.configuration.credentials import reveal
from hub.admin.configuration.edits import changes_of
from hub.admin.configuration.export import connection_table
from hub.admin.configuration.schemas import SurveySchema
from hub.admin.counts import Count
from hub.admin.mails.forecast import outlook
from hub.admin.mails.reminders_ahead import reminders_ahead
from hub.admin.people.people import names_of
from hub.admin.rehearsing.readiness import Preflight, preflight
from hub.admin.rehearsing.rehearsal import rehearse
from hub.admin.scoring.scores import scores
from hub.admin.trouble import Conflict
from hub.config import ConfigError
from hub.domain.settings import rules_of
from hub.store.configuration import OF_SURVEYS, Role
from hub.web import guard
from hub.web.backing import hub, wake
from hub.web.console import forms
from hub.web.console.forms import Choice, Field
from hub.web.console.frame import is_part, pages, show
from hub.web.console.survey_meaning import meaning_of
from hub.web.console.survey_rules import APART, CONNECTED, DEFAULTS, FIRST, groups_of, shown_rules, typed_rules

PATIENCE_S = 3.0
_looking = threading.Lock()


@pages.get("/surveys")
def surveys() -> Any:
    """All surveys, with their score and what waits."""
    waiting = {one.survey: sum(one.counts.values(), Count(number=0)) for one in outlook(hub()).standing}
    scored = {one.survey: one for one in scores(hub())}
    return show("surveys.html", surveys=admin.surveys(hub()), scores=scored, waiting=waiting)


@pages.get("/surveys/<name>")
def survey(name: str) -> Any:
    """A survey's settings, and what they mean."""
    seen = admin.survey_of(hub(), name)
    return _survey_page(seen, seen.settings, {}, [])


@pages.post("/surveys/<name>")
@guard.needs("editor")
def save_survey(name: str) -> Any:
    """Save a survey's settings; its switch and its texts stay as they are."""
    seen = admin.survey_of(hub(), name)
    raw = _read()
    try:
        made = admin.save(hub(), name, raw, since=request.form.get("since"))
    except Conflict:
        return _overtaken(name, raw)
    except ConfigError as error:
        problems, others = forms.by_field(error.problems, f"surveys.{name}")
        return _survey_page(seen, raw, problems, others, status=422)
    flash("Saved. It holds for every event and every mail from now on." if made.lines else "Nothing was different.")
    if any(line.startswith(f"~ surveys.{name}.reminder") for line in made.lines):
        _tell_of_reminders(name, raw)
    for warning in made.warnings:
        flash(f"{warning.replace(f'surveys.{name}: ', f'{name} ')}.", "attention")
    return redirect(url_for("console.survey", name=name), 303)


def _overtaken(name: str, raw: Mapping[str, Any]) -> Any:
    """Return the page with what was typed, and what saving it now would change."""
    seen = admin.survey_of(hub(), name)
    changes = changes_of(hub(), {"surveys": {name: {**seen.settings, **DEFAULTS, **raw}}})
    return _survey_page(seen, raw, {}, [], status=409, overtaken=changes)


def _tell_of_reminders(name: str, raw: Mapping[str, Any]) -> None:
    """Say that who was mailed before is reminded, too."""
    for one in reminders_ahead(hub(), rules_of(raw).reminder_after, name):
        whom = "customer is" if one.count.is_one else "customers are"
        flash(f"{str(one.count).capitalize()} {whom} reminded of mails that were sent before, unless they answer.")


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
    # What a field left empty means is what saving it would mean: the default, not what is stored.
    return _rehearsal_page(seen, {**DEFAULTS, **_read()})


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
    overtaken: Sequence[str] | None = None,
) -> Any:
    fields = forms.fields_of(SurveySchema(exclude=APART), shown_rules(values), problems, is_new=False)
    return show(
        "survey.html",
        status,
        survey=seen,
        connected=_connected(values, problems),
        first=[one for one in fields if one.name in FIRST],
        groups=groups_of(fields),
        others=others,
        since=seen.mark if overtaken is not None else request.form.get("since", seen.mark),
        overtaken=overtaken,
        sources=_sources(seen),
        gets_events=admin.gets_events(hub(), seen.name),
        base_url=hub().settings.base_url,
        **meaning_of(_without_connections(values), enabled=seen.enabled),
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
    names = names_of(hub(), {one.person_id for one in found.examples}) if found else {}
    return show(
        template,
        422 if problems else 200,
        survey=seen,
        found=found,
        names=names,
        problems=problems,
        is_edited=request.method == "POST",
    )


def _read() -> dict[str, Any]:
    """Return the raw table of a survey that the form stands for."""
    chosen = {
        name: [value for value in dict.fromkeys(request.form.getlist(name)) if value]
        for name in CONNECTED
        if name in request.form
    }
    return {**typed_rules(), **chosen}


def _without_connections(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in APART}


def _connected(values: Mapping[str, Any], problems: Mapping[str, str]) -> list[Field]:
    """Return a field for each role, with what is chosen first and in its order."""
    labels = {
        "sources": "Customers come from",
        "channels": "Mail goes out by",
        "targets": "Answers go to",
    }
    helps = {"channels": "The first one that works is used; the others step in when it fails."}
    found = []
    for role in OF_SURVEYS:
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


def _sources(seen: admin.SeenSurvey) -> list[dict[str, Any]]:
    """Return the sources with the credentials that senders present, for those who may see them."""
    configuration = hub().registry.current()
    may_see = guard.may("admin") and request.args.get("keys") == "shown"
    found = []
    for name in seen.settings["sources"]:
        source = configuration.named(Role.SOURCE, name)
        if source is not None:
            table = {**connection_table(hub(), source.stored), **(reveal(hub(), Role.SOURCE, name) if may_see else {})}
            found.append({"name": name, "kind": source.stored.kind, "api_key": table.get("api_key", "")})
    return found
