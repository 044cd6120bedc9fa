"""Settings of scores: by which traits they can be looked at."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin.scoring import segments as admin
from hub.admin.scoring.segments import MOST_TRAITS
from hub.admin.trouble import by_field
from hub.config import ConfigError
from hub.web import guard
from hub.web.backing import hub, wake
from hub.web.console.forms import Field
from hub.web.console.frame import pages, show


@pages.get("/settings/scores")
def score_traits() -> Any:
    """Say by which traits scores are counted."""
    return _page("\n".join(admin.segments(hub()).traits))


@pages.post("/settings/scores")
@guard.needs("admin")
def choose_score_traits() -> Any:
    """Have scores counted by other traits."""
    typed = request.form.get("traits", "")
    try:
        chosen = admin.choose(hub(), typed.splitlines())
    except ConfigError as error:
        return _page(typed, by_field(error).get("traits", ""))
    wake("count")
    by = f"by language, {', '.join(chosen)}" if chosen else "by language alone"
    flash(f"From now on scores are counted {by}. Earlier answers follow in the background.")
    return redirect(url_for("console.score_traits"), 303)


def _page(typed: str, problem: str = "") -> Any:
    field = Field(
        name="traits",
        label="Traits",
        kind="text area",
        value=typed,
        help=f"As your events have them, one a line, {MOST_TRAITS} at most: plan, country. Choose those of few values.",
        problem=problem,
    )
    return show(
        "settings_scores.html", 422 if problem else 200, field=field, is_filling=admin.segments(hub()).is_filling
    )
