"""The API's own documentation; its page is made on the server: no script, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from flask import Flask, render_template

from hub import __version__
from hub.web.api.outline import outline
from hub.web.api.routes import JSON, PREFIX
from hub.web.look import STYLE_WITH_TABLES, headers_for
from hub.web.words import words_for

_HEADERS = headers_for(STYLE_WITH_TABLES)


def add_docs(app: Flask, openapi: Callable[[], Mapping[str, Any]]) -> None:
    """Add an OpenAPI document to an application: for programs, and as a page."""

    @app.get(f"{PREFIX}/openapi.json")
    def openapi_json() -> Any:
        return app.response_class(json.dumps(openapi()), mimetype=JSON)

    @cache
    def page() -> str:
        read = outline(openapi())
        return render_template(
            "api_docs.html",
            style=STYLE_WITH_TABLES,
            words=words_for("en"),
            version=__version__,
            sections=read.sections,
            shapes=read.shapes,
        )

    @app.get("/api/docs")
    def api_docs() -> tuple[str, dict[str, str]]:
        return page(), _HEADERS
