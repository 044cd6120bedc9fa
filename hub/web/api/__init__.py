"""`/api/v1`: what console and command line do, over HTTP. Every route calls a function of `hub.admin`."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Flask

from hub.web.api.audit_log import audit_routes
from hub.web.api.configuration import connection_routes, survey_routes
from hub.web.api.docs import add_docs
from hub.web.api.feedback import response_routes, sync_routes
from hub.web.api.people import event_routes, invitation_routes, people_routes
from hub.web.api.routes import document
from hub.web.api.suppressions import suppression_routes

ROUTES = (
    survey_routes,
    connection_routes,
    people_routes,
    event_routes,
    invitation_routes,
    response_routes,
    suppression_routes,
    sync_routes,
    audit_routes,
)


def add_api(app: Flask) -> None:
    """Add the API to an application."""
    for routes in ROUTES:
        app.register_blueprint(routes.blueprint)
    add_docs(app, openapi)


def is_api(path: str) -> bool:
    """Return whether errors at this path are the API's."""
    return path == "/api" or path.startswith("/api/")


@cache
def openapi() -> dict[str, Any]:
    """Return the OpenAPI document: not to be changed.

    It is made when it is first asked for: making it takes as long as all else of a start.
    """
    return document(ROUTES)
