"""A browser without a screen: pages of the console as somebody who is logged in gets them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from werkzeug.test import Client, TestResponse

from hub.web.app import HubApp

_ELSEWHERE = {
    "account": "/account",
    "connections": "/connections",
    "log_in": "/login",
    "log_out": "/logout",
    "person": "/people/<person_id>",
    "survey": "/surveys/<name>",
}


class Page:
    """Gets pages and sends forms."""

    def __init__(self, app: HubApp) -> None:
        self._client = Client(app)

    def get(self, path: str, *, headers: dict[str, str] | None = None, **query: str) -> TestResponse:
        """Return what a GET answers."""
        return self._client.get(path, query_string=query or None, headers=headers)

    def text(self, path: str, **query: str) -> str:
        """Return what a person reads on a page."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return readable(answer.text)

    def post(self, path: str, *, follow: bool = True, **form: Any) -> TestResponse:
        """Return the page that a form leads to."""
        return self._client.post(path, data=form, follow_redirects=follow)

    def link(self, path: str, words: str) -> str:
        """Return where a link of a page leads to."""
        found = re.search(rf'href="([^"]+)"[^>]*>{re.escape(words)}<', self.get(path).text)
        assert found is not None
        return html.unescape(found[1])


def readable(page: str) -> str:
    """Return a page without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def opened(app: HubApp, role: str = "admin") -> Iterator[Page]:
    """Yield the pages of an application as somebody of this role gets them."""
    app.secret_key = "x"
    for name, rule in _ELSEWHERE.items():
        if f"console.{name}" not in app.view_functions:
            app.add_url_rule(rule, f"console.{name}", lambda **_: "")
    yield Page(app)
    app.intake.close()
