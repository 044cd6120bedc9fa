"""What all pages of the console share: the blueprint, who may see it, its headers, and what its templates know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, g, render_template, request, url_for
from markupsafe import Markup, escape

from hub.admin.decision_facts import day_and_time
from hub.config import ConfigError
from hub.web import guard
from hub.web.api.errors import status_of
from hub.web.backing import hub
from hub.web.console import assets, languages, moments

pages = Blueprint("console", __name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
FRAMING = {"Content-Security-Policy": f"{HEADERS['Content-Security-Policy']}; frame-src 'self'"}
"""For a page with frames of this hub in it."""
_CODE = re.compile("`([^`]+)`")
THEMES = ("light", "dark")
_NAVIGATION = (
    ("Home", "console.home"),
    ("Surveys", "console.surveys"),
    ("People", "console.people"),
    ("Queue", "console.queue"),
    ("Responses", "console.responses"),
    ("Events", "console.events"),
    ("Connections", "console.connections"),
    ("System", "console.system"),
    ("Settings", "console.settings"),
)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A page in the navigation."""

    name: str
    url: str
    is_current: bool


def show(template: str, status: int = 200, **values: Any) -> tuple[str, int]:
    """Return a page of the console; half a surrogate pair, which JSON may hold, is shown as a question mark."""
    return render_template(f"console/{template}", **values).encode(errors="replace").decode(), status


def is_part() -> bool:
    """Return whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


@pages.before_request
def let_in() -> Any:
    """Only who is logged in gets further than the pages that are there for the others."""
    return guard.let_in(hub())


@pages.after_request
def add_headers(response: Response) -> Response:
    """Add the headers of a page; an asset brings its own."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@pages.errorhandler(ConfigError)
def impossible(error: ConfigError) -> tuple[str, int]:
    """Show what is wrong; forms catch their own problems before."""
    return show("impossible.html", status_of(error), problems=error.problems)


@pages.context_processor
def known_to_templates() -> dict[str, Any]:
    """What every template may use."""
    chosen = request.cookies.get("theme")
    return {
        "account": g.get("account"),
        "asset": assets.address_of,
        "csrf_token": guard.csrf_token,
        "may": guard.may,
        "navigation": _navigation(),
        "now": hub().now(),
        "same_page": _same_page,
        "theme": chosen if chosen in THEMES else "",
    }


@pages.app_template_filter()
def relative(moment: datetime) -> str:
    """How far away a moment is."""
    return moments.relative(moment, hub().now())


pages.add_app_template_filter(day_and_time, "exactly")
pages.add_app_template_filter(languages.name_of, "language_name")


@pages.app_template_filter()
def marked(sentence: str) -> Markup:
    """A sentence of the hub's with what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(sentence))))  # noqa: S704  escaped before


@pages.app_template_filter()
def address(text: str) -> Markup:
    """An address that breaks, where it has to, before its domain."""
    return escape(text).replace("@", Markup("@<wbr>"))


def _navigation() -> list[Link]:
    first = request.path.split("/")[1]
    found = []
    for name, endpoint in _NAVIGATION:
        url = url_for(endpoint)
        found.append(Link(name=name, url=url, is_current=url.strip("/") == first))
    return found


def _same_page(**changed: str | None) -> str:
    """Return the address of this page with some of its query changed; None takes a parameter away."""
    query = {name: value for name, value in {**request.args.to_dict(), **changed}.items() if value}
    return f"{quote(request.path)}?{urlencode(query)}" if query else quote(request.path)


pages.add_url_rule("/assets/<digest>/<name>", "assets", assets.serve)
