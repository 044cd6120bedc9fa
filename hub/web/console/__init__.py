"""The console: the hub in a browser. Every page calls functions of `hub.admin`, as the API and the commands do."""

from __future__ import annotations

from flask import Flask

from hub.pipeline.hub import Hub
from hub.web.console import (
    account,
    accounts,
    audit,
    connection,
    connection_log,
    connections,
    events,
    home,
    people,
    people_import,
    queue,
    report,
    responses,
    resuming,
    score_settings,
    settings,
    suppressions,
    survey_meaning,
    survey_new,
    surveys,
    system,
    texts,
    texts_preview,
    texts_versions,
    tokens,
    tones,
)
from hub.web.console.access import add_access
from hub.web.console.frame import pages

__all__ = [
    "account",
    "accounts",
    "add_console",
    "audit",
    "connection",
    "connection_log",
    "connections",
    "events",
    "home",
    "people",
    "people_import",
    "queue",
    "report",
    "responses",
    "resuming",
    "score_settings",
    "settings",
    "suppressions",
    "survey_meaning",
    "survey_new",
    "surveys",
    "system",
    "texts",
    "texts_preview",
    "texts_versions",
    "tokens",
    "tones",
]

add_access(pages)


def add_console(app: Flask, hub: Hub) -> None:
    """Add the console to an application."""
    app.secret_key, *app.config["SECRET_KEY_FALLBACKS"] = hub.keys.for_cookies
    app.config.update(
        SESSION_COOKIE_NAME="hub-said",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=hub.settings.base_url.startswith("https://"),
    )
    app.register_blueprint(pages)
