"""Whoever is logged in: their name and role, their password, where else they are logged in."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, request, url_for

from hub.admin.access import accounts, sessions
from hub.admin.trouble import NotThere, by_field
from hub.config import ConfigError
from hub.web import guard
from hub.web.backing import hub
from hub.web.console.accounts import ALLOWS, SAID_OF_YOUR_OWN, password_field
from hub.web.console.frame import pages, show


@pages.get("/account")
def account() -> Any:
    """Show the own account."""
    return _page({})


@pages.post("/account/password")
@guard.needs("viewer")
def change_password() -> Any:
    """Change the own password; all other sessions end."""
    typed = request.form
    try:
        accounts.change_password(
            hub(), g.account.name, typed.get("current", ""), typed.get("password", ""), keep=guard.session_secret()
        )
    except ConfigError as error:
        return _page(dict(by_field(error)))
    flash(SAID_OF_YOUR_OWN)
    return redirect(url_for("console.account"), 303)


@pages.post("/account/sessions/end")
@guard.needs("viewer")
def end_session() -> Any:
    """End one of the own sessions."""
    try:
        sessions.end(hub(), g.account, request.form.get("session", ""))
        flash("That browser has to log in again.")
    except NotThere as error:
        flash(f"{error.problems[0]}.", "attention")
    return redirect(url_for("console.account"), 303)


@pages.post("/account/sessions/end-others")
@guard.needs("viewer")
def log_out_everywhere() -> Any:
    """End all own sessions but this one."""
    count = sessions.log_out_everywhere(hub(), g.account, keep=guard.session_secret())
    flash("You were logged in nowhere else." if not count else f"Logged out elsewhere: {count}.")
    return redirect(url_for("console.account"), 303)


def _page(problems: dict[str, str]) -> Any:
    return show(
        "account.html",
        422 if problems else 200,
        one=g.account,
        allows=ALLOWS[g.account.role],
        sessions=sessions.sessions_of(hub(), g.account, current=guard.session_secret()),
        fields=[
            password_field("current", "Current password", problems.get("current", ""), is_new=False),
            password_field("password", "New password", problems.get("password", "")),
        ],
        other=problems.get("", ""),
    )
