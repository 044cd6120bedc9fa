"""The page at /api/docs, made on the server: no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from flask import Flask, render_template

from hub import __version__
from hub.web.api.outline import outline
from hub.web.look import STYLE_WITH_TABLES, headers_for
from hub.web.words import words_for

_HEADERS = headers_for(STYLE_WITH_TABLES)


def add_docs(app: Flask, spec: Any) -> None:
    """Add the page that shows an application's OpenAPI document."""

    @cache
    def page() -> str:
        found: Mapping[str, Any] = spec.to_dict()
        read = outline(found)
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
