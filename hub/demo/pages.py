"""The demo's own pages: the mailbox, and what arrived at Segment's stand-in."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, abort, jsonify, redirect, render_template, request, url_for
from jinja2 import ChoiceLoader, PackageLoader
from markupsafe import Markup
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from hub.demo import ports
from hub.demo.mailbox import Mailbox
from hub.demo.stand_in import Event, StandIn
from hub.web.look import STYLE_WITH_TABLES, headers_for
from hub.web.words import words_for

_OWN_STYLE = Path(__file__).with_name("templates") / "demo.css"
DEMO_STYLE = STYLE_WITH_TABLES + Markup(_OWN_STYLE.read_text("utf-8"))  # noqa: S704  ours, so safe as markup
HEADERS = headers_for(DEMO_STYLE, frames="'self'")
FRAME_HEADERS = {
    "Content-Security-Policy": (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
        "base-uri 'self'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
"""For the HTML part of a mail: no script, nothing loaded, links open beside it."""
_LINKS_OPEN_BESIDE = '<head><base target="_blank">'


@dataclass(frozen=True, kw_only=True)
class SyncedRow:
    """A synced answer as the table shows it."""

    person: str
    rating: Any
    comment: Any
    date: Any
    message_id: str


def create_pages(mailbox: Mailbox, segment: StandIn, *, hub: str) -> Flask:
    """Return the application: pages for people, and `/v1/*` for the hub's sync."""
    app = Flask("hub.demo", static_folder=None)
    app.jinja_loader = ChoiceLoader([PackageLoader("hub.demo"), PackageLoader("hub.web")])
    app.jinja_env.globals.update(style=DEMO_STYLE, words=words_for("en"), hub=hub)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    _add_mailbox(app, mailbox)
    _add_segment(app, segment)

    @app.get("/")
    def home() -> Response:
        return redirect(url_for("mails"))

    return app


@contextmanager
def serve(mailbox: Mailbox, segment: StandIn, *, hub: str, near: int) -> Iterator[str]:
    """Serve the pages from threads of this process, on a free port from `near` on; yield their address."""
    app = create_pages(mailbox, segment, hub=hub)
    server = make_server(ports.HOST, ports.first_free(near), app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="pages", daemon=True)
    thread.start()
    try:
        yield f"http://{ports.HOST}:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Leave the terminal to the tour."""


def _add_mailbox(app: Flask, mailbox: Mailbox) -> None:
    @app.get("/mails")
    def mails() -> Any:
        return render_template("mails.html", mails=mailbox.mails()[::-1]), HEADERS

    @app.get("/mails/<int:number>")
    def mail(number: int) -> Any:
        found = mailbox.mail(number) or abort(404)
        return render_template("mail.html", mail=found), HEADERS

    @app.get("/mails/<int:number>/html")
    def html(number: int) -> Any:
        found = mailbox.mail(number) or abort(404)
        return found.html.replace("<head>", _LINKS_OPEN_BESIDE, 1), FRAME_HEADERS


def _add_segment(app: Flask, segment: StandIn) -> None:
    @app.post("/v1/<endpoint>")
    def take(endpoint: str) -> Any:
        key = request.authorization.username if request.authorization else None
        answer, status = segment.take(endpoint, request.get_data(), key)
        return jsonify(answer), status

    @app.get("/synced")
    def synced() -> Any:
        events = segment.events()[::-1]
        raw = [json.dumps(event, indent=2, ensure_ascii=False) for event in events]
        return render_template("synced.html", rows=rows_of(events), raw=raw), HEADERS

    @app.get("/synced.json")
    def synced_json() -> Any:
        return jsonify(segment.events())


def rows_of(events: Sequence[Event]) -> list[SyncedRow]:
    """Return events as rows; what an event lacks is empty."""
    return [
        SyncedRow(
            person=str(event.get("userId") or event.get("anonymousId") or ""),
            rating=_traits(event).get("NPS_rating", ""),
            comment=_traits(event).get("NPS_comment", ""),
            date=_traits(event).get("NPS_date", ""),
            message_id=str(event.get("messageId", "")),
        )
        for event in events
    ]


def _traits(event: Event) -> dict[str, Any]:
    traits = event.get("traits")
    return traits if isinstance(traits, dict) else {}
