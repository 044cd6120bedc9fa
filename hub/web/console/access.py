"""Coming in and going out: the login, the logout, and the link of the first run."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from hub.admin.access import sessions, setup
from hub.admin.access.sessions import Refused
from hub.admin.trouble import NotThere, by_field
from hub.config import ConfigError
from hub.web.backing import hub
from hub.web.guard import end_session, own_path, session_secret, start_session

Page = Response | tuple[str, int] | tuple[str, int, dict[str, str]]


def add_access(pages: Blueprint) -> None:
    """Add `/login`, `/logout` and `/setup/<secret>` to pages that `hub.web.guard` lets people into."""
    pages.add_url_rule("/login", "login", login, methods=["GET"])
    pages.add_url_rule("/login", "log_in", log_in, methods=["POST"])
    pages.add_url_rule("/logout", "log_out", log_out, methods=["POST"])
    pages.add_url_rule("/setup/<secret>", "setup", first_account, methods=["GET"])
    pages.add_url_rule("/setup/<secret>", "set_up", make_first_account, methods=["POST"])


def login() -> Page:
    """Ask for name and password; whoever is logged in goes on."""
    wanted = own_path(request.args.get("next"))
    is_unsaved = "unsaved" in request.args
    return redirect(wanted, code=303) if g.account else _show("login.html", next=wanted, is_unsaved=is_unsaved)


def log_in() -> Page:
    """Begin a session, or say why not."""
    wanted = own_path(request.form.get("next"))
    name = request.form.get("name", "")
    begun = sessions.log_in(hub(), name, request.form.get("password", ""), request.user_agent.string)
    if isinstance(begun, Refused):
        return _refused(begun, name=name, next=wanted)
    return _entered(begun, wanted)


def log_out() -> Page:
    """End the session."""
    secret = session_secret()
    if secret is not None:
        sessions.log_out(hub(), secret)
    session.clear()
    return end_session(redirect(url_for(".login"), code=303))


def first_account(secret: str) -> Page:
    """Ask for the name and password of the first admin."""
    if not setup.is_open(hub(), secret):
        abort(404, setup.DEAD)
    return _show("setup.html")


def make_first_account(secret: str) -> Page:
    """Make the first admin, and let them in."""
    name = request.form.get("name", "")
    try:
        account = setup.take(hub(), secret, name, request.form.get("password", ""))
    except NotThere:
        abort(404, setup.DEAD)
    except ConfigError as error:
        return _show("setup.html", 422, name=name, problems=by_field(error))
    return _entered(sessions.begin(hub(), account, request.user_agent.string), "/")


def _entered(secret: str, wanted: str) -> Response:
    """Go on with the new session; the one that this browser had ends."""
    before = session_secret()
    if before is not None:
        sessions.log_out(hub(), before)
    if session:  # what was said to whoever was here before
        session.clear()
    return start_session(redirect(wanted, code=303), secret)


def _refused(refused: Refused, **shown: Any) -> Page:
    problems = {"": refused.sentence}
    if refused.again_at is None:
        return _show("login.html", 422, problems=problems, **shown)
    page, status = _show("login.html", 429, problems=problems, **shown)
    seconds = int((refused.again_at - hub().now()).total_seconds()) + 1
    return page, status, {"Retry-After": str(seconds)}


def _show(template: str, status: int = 200, **shown: Any) -> tuple[str, int]:
    return render_template(
        f"console/{template}", **{"name": "", "problems": {}, "next": "/", "is_unsaved": False, **shown}
    ), status
