"""After a restore: an admin says when the hub before stopped, sees what may have left, and has the rest sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin.operations.restore import current_hold, may_have_left, resume
from hub.admin.trouble import by_field
from hub.admin.words import counted
from hub.config import ConfigError
from hub.store.holds import Hold
from hub.web import guard
from hub.web.backing import hub, wake
from hub.web.console import moments, queries
from hub.web.console.frame import pages, show


@pages.get("/queue/resume")
@guard.needs("admin")
def resuming() -> Any:
    """Ask when the hub before stopped; with `stopped_at` tell what may have left until then."""
    hold = current_hold(hub())
    if hold is None:
        return _not_held()
    typed = queries.text("stopped_at") or ""
    try:
        stopped_at = moments.typed("stopped_at", typed)
        count = may_have_left(hub(), stopped_at) if stopped_at else 0
    except ConfigError as error:
        return _ask(hold, typed, problem=by_field(error).get("stopped_at", ""))
    return _ask(hold, typed, stopped_at=stopped_at, count=count)


@pages.post("/queue/resume")
@guard.needs("admin")
def resume_sending() -> Any:
    """Send again, with what may have left until the moment that was confirmed counted as sent."""
    hold = current_hold(hub())
    if hold is None:
        return _not_held()
    typed = request.form.get("stopped_at", "")
    try:
        stopped_at = moments.typed("stopped_at", typed)
        if stopped_at is None:
            return _ask(hold, typed, problem="Say when.")
        unknown = resume(hub(), stopped_at)
    except ConfigError as error:
        return _ask(hold, typed, problem=by_field(error).get("stopped_at", ""))
    wake("deliver")
    flash(f"Sending goes on. {_unknown(unknown)}.")
    return redirect(url_for("console.queue"), 303)


def _unknown(number: int) -> str:
    if number == 0:
        return "Nothing that waited can have left before"
    return f"{counted(number, 'mail')} may have left before: {'it counts' if number == 1 else 'they count'} as sent"


def _not_held() -> Any:
    flash("Sending is not held; there is nothing to resume.", "attention")
    return redirect(url_for("console.queue"), 303)


def _ask(hold: Hold, typed: str, *, stopped_at: datetime | None = None, count: int = 0, problem: str = "") -> Any:
    written = stopped_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if stopped_at else typed
    return show(
        "queue_resume.html",
        422 if problem else 200,
        hold=hold,
        typed=written,
        stopped_at=stopped_at,
        count=count,
        problem=problem,
    )
