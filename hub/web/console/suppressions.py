"""Who is never mailed: found, added, taken out, imported from a file and exported to one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response, flash, redirect, request, stream_with_context, url_for

from hub.admin.people import suppressions as admin
from hub.admin.people.suppressions import ADDABLE, Wanted
from hub.admin.records import Format
from hub.admin.spreadsheets import rearmed
from hub.admin.trouble import Conflict, NotThere, by_field
from hub.config import ConfigError
from hub.domain.reasons import Stop
from hub.web import guard
from hub.web.backing import hub
from hub.web.console import queries
from hub.web.console.files import LARGEST_FILE, SHOWN_PROBLEMS, chosen_file, typed_beside
from hub.web.console.forms import Choice, Field
from hub.web.console.frame import pages, show

WORDS = {
    Stop.UNSUBSCRIBED: "Unsubscribed",
    Stop.HARD_BOUNCED: "Bounced for good",
    Stop.COMPLAINED: "Called it spam",
    Stop.ERASED: "Erased",
}


@pages.get("/settings/suppressions")
def suppressions() -> Any:
    """Show a page of the list; with `email` the entry of this address."""
    reason = queries.one_of("reason", list(Stop))
    wanted = Wanted(email=queries.text("email"), reason=Stop(reason) if reason else None)
    page = admin.suppressions(hub(), wanted, queries.part())
    reasons = [Choice(value="", label="Any"), *(Choice(value=str(one), label=words) for one, words in WORDS.items())]
    return show(
        "settings_suppressions.html",
        page=page,
        words=WORDS,
        is_filtered=wanted != Wanted(),
        reason=queries.select("reason", "Reason", reasons),
    )


@pages.get("/settings/suppressions/new")
@guard.needs("editor")
def new_suppression() -> Any:
    """Ask for an address, or a file of them."""
    return _new({}, {})


@pages.post("/settings/suppressions")
@guard.needs("editor")
def add_suppression() -> Any:
    """Never mail an address again."""
    typed = {name: request.form.get(name, "").strip() for name in ("email", "reason", "note")}
    try:
        reason = _reason(typed["reason"])
        found, is_new = admin.add(hub(), typed["email"], reason, typed["note"] or None)
    except ConfigError as error:
        return _new(typed, dict(by_field(error)))
    if is_new:
        flash(f"{found.email} is never mailed again.")
    else:
        flash(
            f"{found.email} was on the list already, and stays as it was: {WORDS[found.reason].lower()}.", "attention"
        )
    return redirect(url_for("console.suppressions", email=found.email), 303)


@pages.post("/settings/suppressions/<string:suppression_id>/remove")
@guard.needs("editor")
def remove_suppression(suppression_id: str) -> Any:
    """Let an address be mailed again."""
    try:
        admin.remove(hub(), suppression_id)
        flash("The address may be mailed again, under the rules of each survey.")
    except (Conflict, NotThere) as error:
        flash(f"{error.problems[0]}.", "attention")
    return redirect(url_for("console.suppressions"), 303)


@pages.post("/settings/suppressions/import")
@guard.needs("editor", largest=LARGEST_FILE)
def import_suppressions() -> Any:
    """Suppress the addresses of a file, and tell which lines were not taken."""
    default = typed_beside(["reason"]).get("reason", "")
    try:
        with chosen_file(any_of=["email"], cell=rearmed) as file:
            done = admin.import_records(hub(), file.records, reason=_reason(default))
    except ConfigError as error:
        return _new({"import_reason": default}, {"file": " ".join(by_field(error).values())})
    return show("settings_imported.html", done=done, name=file.name, problems=done.problems[:SHOWN_PROBLEMS])


@pages.get("/settings/suppressions/export")
def export_suppressions() -> Any:
    """Hand the list out as a file."""
    written = queries.one_of("format", ["csv", "json"]) or "csv"
    parts = admin.export_json(hub()) if written == "json" else admin.export_csv(hub())
    media = Format.ARRAY if written == "json" else Format.CSV
    headers = {"Content-Disposition": f'attachment; filename="never-mailed.{written}"'}
    return Response(stream_with_context(parts), mimetype=media, headers=headers)


def _reason(typed: str) -> Stop:
    if typed not in list(ADDABLE):
        raise ConfigError(["reason: choose one of those that are offered"])
    return Stop(typed)


def _new(typed: dict[str, str], problems: dict[str, str]) -> Any:
    reasons = [Choice(value=str(reason), label=WORDS[reason]) for reason in ADDABLE]
    fields = [
        Field(name="email", label="Address", is_required=True, help="A mail address."),
        Field(name="reason", label="Reason", kind="select", choices=reasons),
        Field(name="note", label="Note", help="Something to remember about it."),
    ]
    shown = [replace(one, value=typed.get(one.name, ""), problem=problems.get(one.name, "")) for one in fields]
    return show(
        "settings_suppress.html",
        422 if problems else 200,
        fields=shown,
        other=problems.get("", ""),
        file_problem=problems.get("file", ""),
        import_reasons=reasons,
        import_reason=typed.get("import_reason", ""),
    )
