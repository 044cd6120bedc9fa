"""Versions of what customers see of a survey: what changed when, how each looked, and back to one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin.configuration import text_edits
from hub.admin.configuration import texts as admin
from hub.admin.configuration.changes import differences
from hub.admin.configuration.surveys import survey_of
from hub.admin.configuration.texts import Version
from hub.admin.names import survey_named
from hub.admin.trouble import Conflict
from hub.domain.texts import texts_from
from hub.web import guard
from hub.web.backing import hub
from hub.web.console.frame import FRAMING, pages, show
from hub.web.console.languages import language_named, name_of
from hub.web.console.texts_form import place_named
from hub.web.console.texts_preview import SAMPLES, VIEWS, looking

_ONE = "/surveys/<name>/texts/versions/<int:number>"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A setting that a version changed; `before` and `after` as they are written, "" for nothing."""

    what: str
    before: str
    after: str


@pages.get("/surveys/<name>/texts/versions")
def texts_versions(name: str) -> Any:
    """All versions, the newest first, with what each changed."""
    found = admin.versions(hub(), name)
    rows = [(one, _changes(before, one)) for one, before in zip(found, [*found[1:], None], strict=True)]
    return show("texts_versions.html", survey=survey_of(hub(), name), rows=rows, repeated=_repeated(found))


@pages.get(_ONE)
def texts_version(name: str, number: int) -> Any:
    """One version: what it changed, and how it looked."""
    version = admin.version(hub(), name, number)
    before = admin.version(hub(), name, number - 1) if number > 1 else None
    content = version.content
    tags = dict.fromkeys([content["language"], *sorted(content["texts"], key=name_of)])
    wanted = language_named(request.args.get("language", ""))
    language = wanted or content["language"]
    html, status = show(
        "texts_version.html",
        survey=survey_of(hub(), name),
        version=version,
        is_current=number == survey_named(hub().registry.current(), name).texts_version,
        changes=_changes(before, version),
        languages=[(tag, name_of(tag)) for tag in dict.fromkeys([*tags, language])],
        language=language,
        views=VIEWS,
        samples=SAMPLES,
        chosen=looking(request.args),
    )
    return html, status, FRAMING


@pages.get(f"{_ONE}/again")
@guard.needs("editor")
def ask_version_again(name: str, number: int) -> Any:
    """What would change if customers saw an earlier version again."""
    version = admin.version(hub(), name, number)
    current = survey_named(hub().registry.current(), name).texts_version
    now = admin.version(hub(), name, current) if current else None
    written = set(now.content["texts"]) if now else set()
    return show(
        "texts_version_again.html",
        survey=survey_of(hub(), name),
        version=version,
        current=current,
        changes=_changes(now, version),
        gone=_names(written - set(version.content["texts"])),
        back=_names(set(version.content["texts"]) - written),
    )


@pages.post(f"{_ONE}/again")
@guard.needs("editor")
def use_version_again(name: str, number: int) -> Any:
    """Have customers see an earlier version again."""
    since = request.form.get("since", "")
    try:
        shown = int(since) if since.isdecimal() and len(since) < 10 else None
        made = text_edits.use_again(hub(), name, number, since=shown)
    except Conflict as conflict:
        flash(f"{conflict.problems[0]}. Nothing was done yet; this is what would change now.", "attention")
        return redirect(url_for("console.ask_version_again", name=name, number=number), 303)
    newest = survey_named(hub().registry.current(), name).texts_version
    done = f"Saved as version {newest}: mails show again what version {number} was."
    flash(done if made.lines else "Nothing was different.")
    return redirect(url_for("console.survey_texts", name=name), 303)


def _names(languages: set[str]) -> Sequence[str]:
    return sorted(name_of(one) for one in languages)


def _repeated(newest_first: Sequence[Version]) -> Mapping[int, int]:
    """Return the versions that are as an earlier one was, each with the first that was so."""
    first: dict[str, int] = {}
    found = {one.number: first.setdefault(texts_from(one.content).digest, one.number) for one in newest_first[::-1]}
    return {number: earlier for number, earlier in found.items() if number != earlier}


def _changes(before: Version | None, after: Version) -> Sequence[Change]:
    """Return what a version changed; of the first one nothing, as there was nothing before."""
    if before is None:
        return []
    return [
        Change(what=place_named(path), before=_shown(path, was), after=_shown(path, became))
        for path, was, became in differences(before.content, after.content)
    ]


def _shown(path: str, value: Any) -> str:
    if path == "logo":
        return "an image" if value else "none"
    return ", ".join(value) or "none" if isinstance(value, list) else str(value or "")
