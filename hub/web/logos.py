"""Logos of surveys, for mails and pages: small images that never change under their name."""

from __future__ import annotations

from flask import Blueprint, Response, abort

from hub.domain.logos import NAME
from hub.pipeline.hub import Hub
from hub.store import texts

_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""Mail programs show them within pages of their own."""


def blueprint(hub: Hub) -> Blueprint:
    """Return the route of logos, `/s/logo/<name>`: of every one that a survey has or had."""
    routes = Blueprint("logos", __name__)

    @routes.get("/s/logo/<name>")
    def logo(name: str) -> Response:
        found = None
        if NAME.fullmatch(name):
            with hub.store.read() as connection:
                found = texts.logo(connection, name)
        if found is None:
            abort(404)
        return Response(found.image, mimetype=found.media_type, headers=_HEADERS)

    return routes
