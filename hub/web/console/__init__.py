"""The console: the hub in a browser. Every page calls functions of `hub.admin`, as the API and the commands do."""

from __future__ import annotations

from flask import Flask

from hub.web.console import events, home, system
from hub.web.console.frame import pages

__all__ = ["add_console", "events", "home", "system"]


def add_console(app: Flask) -> None:
    """Add the console to an application."""
    app.register_blueprint(pages)
