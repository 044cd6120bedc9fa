"""The web application: intake in front, Flask behind it."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response, jsonify, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, NotFound

from hub import __version__
from hub.admin.health import readiness
from hub.config import LOOPBACK
from hub.pipeline.hub import Hub
from hub.wake import BackgroundWake, Wake
from hub.web import api, logos, reports, survey_pages
from hub.web.answering import HubAnswering
from hub.web.api import errors
from hub.web.backing import Backing, put_behind
from hub.web.console import add_console
from hub.web.intake import RETRY_AFTER_S, Intake
from hub.web.look import BARE, HEADERS, STYLE
from hub.web.metrics import add_metrics
from hub.web.request_ids import add_request_ids
from hub.web.words import words_for

log = logging.getLogger(__name__)


class HubRequest(Request):
    """A request whose query is text, whatever bytes are in it: what is no UTF-8 becomes U+FFFD, as in its path."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.query_string = self.query_string.decode(errors="replace").encode()


class HubApp(Flask):
    """Flask, with the intake that stands before it."""

    request_class = HubRequest
    intake: Intake
    answering: HubAnswering

    def close(self) -> None:
        """Store what waits to be stored. The hub is closed after it."""
        self.intake.close()
        self.answering.openings.close()


def create_app(hub: Hub) -> HubApp:
    """Return the application of a hub whose schema is there."""
    app = HubApp("hub.web", static_folder=None)
    add_request_ids(app)
    app.after_request(_say_no_to_browsers)
    app.answering = HubAnswering(hub)
    app.register_blueprint(survey_pages.blueprint(app.answering))
    app.register_blueprint(logos.blueprint(hub))
    app.register_blueprint(reports.blueprint(hub))
    _add_health(app, hub)
    add_metrics(app, hub, lambda: app.intake, lambda: _is_from_this_machine(hub))
    _add_errors(app)
    wake = Wake(hub.settings.effective_redis_url)
    app.intake = Intake(app.wsgi_app, hub, wake=BackgroundWake(wake, "decide"))
    app.wsgi_app = app.intake  # type: ignore[method-assign]
    put_behind(app, Backing(hub=hub, wake=wake, receive=app.intake.receiver.store))
    api.add_api(app)
    add_console(app, hub)
    return app


def _say_no_to_browsers(response: Response) -> Response:
    for name, value in BARE.items():
        response.headers.setdefault(name, value)
    return response


def _add_health(app: Flask, hub: Hub) -> None:
    @app.get("/healthz")
    def healthz() -> Any:
        return jsonify(status="ok", version=__version__)

    @app.get("/readyz")
    def readyz() -> Any:
        checks = readiness(hub)
        ok = all(check.ok for check in checks)
        found = {check.name: {"ok": check.ok, "sentence": check.sentence} for check in checks}
        return jsonify(status="ok" if ok else "trouble", checks=found), 200 if ok else 503

    @app.get("/favicon.ico")
    def favicon() -> Any:
        return "", 204


def _is_from_this_machine(hub: Hub) -> bool:
    """Whether somebody at this machine asks, of a hub that is not public.

    A proxy's requests come from this machine too, with or without a header that says so.
    """
    is_forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    hosts = (urlsplit(hub.settings.base_url).hostname, urlsplit(request.host_url).hostname, request.remote_addr)
    return not is_forwarded and all(host in LOOPBACK for host in hosts)


def _add_errors(app: Flask) -> None:
    """Trouble is a calm page for a browser, JSON for a program, an API error below /api; details go to the log."""

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Any:
        if api.is_api(request.path):
            return errors.refused(error)
        if error.code == 405:
            return _refusal("This address is for a button", "Go back to the page that has it.", 405)
        if error.code == 404:
            why = error.description if error.description != NotFound.description else None
            return _refusal("There is no page here", why or "Check the address.", 404)
        return _refusal(error.name, error.description or "", error.code or 500)

    @app.errorhandler(SQLAlchemyError)
    def away(error: SQLAlchemyError) -> Any:
        if api.is_api(request.path):
            return errors.away(error)
        log.error("The database failed: %s", type(error).__name__)
        page, status, headers = _refusal("Please try again shortly", "Nothing was lost, nothing was recorded.", 503)
        return page, status, {**headers, "Retry-After": str(RETRY_AFTER_S)}

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Any:
        if api.is_api(request.path):
            return errors.failed(error)
        log.error("A page failed", exc_info=error)
        return _refusal("Something went wrong", "It is in the log. Please try again shortly.", 503)


def _refusal(title: str, why: str, status: int) -> tuple[Any, int, dict[str, str]]:
    if "text/html" in request.accept_mimetypes.values():
        return _trouble(title, why, status)
    return jsonify(code=str(status), message=f"{title}. {why}".strip()), status, dict(HEADERS)


def _trouble(title: str, why: str, status: int) -> tuple[str, int, dict[str, str]]:
    words = words_for("en")
    home = f"{request.root_path}/"  # url_for fails where the request names a host that there cannot be
    page = render_template("trouble.html", style=STYLE, words=words, title=title, why=why, home=home)
    return page, status, dict(HEADERS)
