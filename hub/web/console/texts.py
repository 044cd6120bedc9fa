"""What customers see of a survey: written, looked at, tried and saved, one language at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin.configuration import text_edits
from hub.admin.configuration import texts as admin
from hub.admin.configuration.surveys import SeenSurvey, survey_of
from hub.admin.configuration.text_edits import Edit
from hub.admin.names import survey_named
from hub.admin.operations import trials
from hub.admin.operations.trials import TrialOf
from hub.admin.trouble import Conflict
from hub.config import ConfigError
from hub.domain.logos import logo_of
from hub.domain.texts import direction_of
from hub.mail.own_texts import SHIPPED
from hub.web import guard
from hub.web.backing import hub
from hub.web.console.connection import Trial, own_address, trial_of_mail, wrong_with
from hub.web.console.forms import Field
from hub.web.console.frame import FRAMING, is_part, pages, show
from hub.web.console.languages import LANGUAGES, language_named, name_of
from hub.web.console.texts_form import form_of, read_edit
from hub.web.console.texts_preview import LARGEST, SAMPLES, VIEWS, looking
from hub.web.console.texts_ratings import typed_ratings

_PAGE = "/surveys/<name>/texts"


@pages.get(_PAGE)
def survey_texts(name: str) -> Any:
    """The texts of a language, with how they look."""
    seen = survey_of(hub(), name)
    wanted = request.args.get("language", "")
    language = language_named(wanted) if wanted else seen.settings["language"]
    if language is None:
        unknown = f"{wanted!r} is no language that the hub knows. Write one such as German, de or pt-BR."
        return _page(seen, seen.settings, seen.settings["language"], unknown=unknown, status=422)
    return _page(seen, seen.settings, language)


@pages.post(_PAGE)
@guard.needs("editor", largest=LARGEST)
def save_texts(name: str) -> Any:
    """Save what was typed in one language, and how the survey looks in all of them."""
    seen, edit = _typed(name)
    raw = text_edits.edited(hub(), name, edit)
    since = request.form.get("since", "")
    try:
        made = text_edits.save(hub(), name, edit, since=int(since) if since.isdecimal() and len(since) < 10 else None)
    except Conflict as conflict:
        return _page(seen, raw, edit.language, conflict=conflict.problems[0], status=409)
    except ConfigError as error:
        return _page(seen, raw, edit.language, problems=error.problems, status=422)
    flash(f"Saved as version {_version(name)}. {_FROM_NOW_ON}" if made.lines else "Nothing was different.")
    for warning in made.warnings:
        flash(f"{warning.replace(f'surveys.{name}: ', f'{name} ')}.", "attention")
    kept: dict[str, Any] = {one: request.form[one] for one in ("view", "narrow", "dark") if request.form.get(one)}
    return redirect(url_for("console.survey_texts", name=name, language=edit.language, **kept), 303)


@pages.post(f"{_PAGE}/test")
@guard.needs("editor", largest=LARGEST)
def send_test_texts(name: str) -> Any:
    """Send the mail as it is being edited to one address; nothing is saved."""
    seen, edit = _typed(name)
    raw = text_edits.edited(hub(), name, edit)
    to = request.form.get("to", "").strip()
    channels = seen.settings["channels"]
    trial, problems, wrong = None, [], ""
    if not channels:
        wrong = "This survey has no channel yet. Choose in its settings how mail goes out."
    else:
        wrong = wrong_with(to)
    if not wrong:
        of = TrialOf(survey=name, raw=raw, language=edit.language)
        try:
            trial = trial_of_mail(trials.send_test(hub(), channels[0], to, of=of))
        except ConfigError as error:
            problems, wrong = error.problems, "Nothing was sent: something in the texts is wrong."
    if is_part():
        return show("texts_test.html", survey=seen, to=_to(to, wrong), trial=trial)
    status = 422 if wrong else 200
    return _page(seen, raw, edit.language, problems=problems, to=_to(to, wrong), trial=trial, status=status)


_FROM_NOW_ON = "Mails from now on show it; pages of mails that were sent stay as they were."


def _typed(name: str) -> tuple[SeenSurvey, Edit]:
    seen = survey_of(hub(), name)
    language = language_named(request.form.get("language_of", "")) or seen.settings["language"]
    return seen, read_edit(request.form, request.files, seen.settings, language)


def _page(
    seen: SeenSurvey,
    raw: Mapping[str, Any],
    language: str,
    *,
    problems: Sequence[str] = (),
    unknown: str = "",
    conflict: str = "",
    to: Field | None = None,
    trial: Trial | None = None,
    status: int = 200,
) -> Any:
    number = _version(seen.name)
    html, status = show(
        "texts.html",
        status,
        survey=seen,
        form=form_of(seen.name, raw, language, problems, typed_ratings(request.form)),
        language=language,
        direction=direction_of(language),
        tabs=_tabs(seen, language),
        languages=LANGUAGES,
        called=name_of(language),
        spoken=sorted(name_of(one) for one in SHIPPED),
        unknown=unknown,
        version=number,
        conflict=conflict,
        overtaken_by=admin.version(hub(), seen.name, number) if conflict and number else None,
        new_logo=_new_logo(seen, raw),
        is_changed=request.method == "POST",
        views=VIEWS,
        samples=SAMPLES,
        chosen=looking(request.values),
        to=to or _to(own_address()),
        trial=trial,
    )
    return html, status, FRAMING


def _version(name: str) -> int | None:
    return survey_named(hub().registry.current(), name).texts_version


def _tabs(seen: SeenSurvey, language: str) -> list[tuple[str, str, bool]]:
    """Return the languages to choose from, the survey's own first, each with its address."""
    own = seen.settings["language"]
    tags = dict.fromkeys([own, *sorted(seen.settings["texts"], key=name_of), language])
    return [
        (name_of(tag), url_for("console.survey_texts", name=seen.name, language=tag), tag == language) for tag in tags
    ]


def _new_logo(seen: SeenSurvey, raw: Mapping[str, Any]) -> str | None:
    """Return a logo that was chosen and is not saved yet, "" for none, None where it is the stored one."""
    logo = str(raw.get("logo") or "")
    if logo == (seen.settings["logo"] or ""):
        return None
    try:
        logo_of(logo)
    except ValueError:
        return None
    return logo


def _to(to: str, problem: str = "") -> Field:
    return Field(
        name="to",
        label="To",
        value=to,
        problem=problem,
        placeholder="you@example.com",
        help="As it stands here, saved or not, to Ada Lovelace. Nothing is counted; its links open no survey.",
        attributes={"inputmode": "email"},
    )
