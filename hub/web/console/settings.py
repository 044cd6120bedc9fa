"""Settings: who may log in, tokens, who is never mailed, what was done, what is kept, and how it looks."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin.operations.retention import FACTS
from hub.web.backing import hub
from hub.web.console.frame import THEMES, pages, show
from hub.web.guard import own_path

TABS = (
    ("Accounts", "settings"),
    ("API tokens", "tokens"),
    ("Never mailed", "suppressions"),
    ("Scores", "score_traits"),
    ("Audit log", "audit"),
    ("Weekly report", "report"),
    ("What is kept", "retention"),
    ("Appearance", "appearance"),
)
A_YEAR_S = 31_536_000


@pages.app_template_global()
def settings_tabs() -> list[tuple[str, str, bool]]:
    """Return the tabs of the settings, as `ui.tabs` shows them."""
    current = str(request.endpoint).rpartition(".")[2]
    return [(name, url_for(f"console.{endpoint}"), endpoint == current) for name, endpoint in TABS]


@pages.get("/settings/retention")
def retention() -> Any:
    """Say what is kept how long."""
    return show("settings_retention.html", facts=FACTS)


@pages.get("/settings/appearance")
def appearance() -> Any:
    """Choose between light and dark."""
    return show("settings_appearance.html")


@pages.post("/theme")
def theme() -> Any:
    """Keep the choice between light and dark in this browser."""
    chosen = request.form.get("theme", "")
    response = redirect(own_path(request.form.get("next") or url_for("console.appearance")), 303)
    is_https = hub().settings.base_url.startswith("https://")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=A_YEAR_S, path="/", samesite="Lax", secure=is_https, httponly=True)
    else:
        response.delete_cookie("theme", path="/", samesite="Lax", secure=is_https, httponly=True)
    flash(f"This browser shows the hub {_SHOWN.get(chosen, 'as the system does, light or dark')}.")
    return response


_SHOWN = {"light": "light", "dark": "dark"}
