"""A browser without a screen: pages of the console as somebody who is logged in gets them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from werkzeug.test import Client, TestResponse

from hub.admin import accounts, sessions
from hub.admin.accounts import AccountRole
from hub.pipeline.hub import Hub
from hub.web.app import create_app

PASSWORD = "four yellow teapots"


class Page:
    """Gets pages and sends forms as somebody who is logged in."""

    def __init__(self, client: Client, cookie_name: str, name: str, secret: str) -> None:
        self._client = client
        self.name = name
        self.secret = secret
        self._cookie = f"{cookie_name}={secret}"

    def get(self, path: str, *, headers: dict[str, str] | None = None, **query: str) -> TestResponse:
        """Return what a GET answers."""
        sent = {"Cookie": self._cookie, **(headers or {})}
        return self._client.get(path, query_string=query or None, headers=sent)

    def text(self, path: str, **query: str) -> str:
        """Return what a person reads on a page."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return readable(answer.text)

    def post(self, path: str, **form: Any) -> TestResponse:
        """Return what a form is answered with, or the page that it leads to."""
        headers = {"Cookie": self._cookie, "Sec-Fetch-Site": "same-origin"}
        answer = self._client.post(path, data=form, headers=headers)
        if answer.status_code != 303:
            return answer
        said = [one.partition(";")[0] for one in answer.headers.getlist("Set-Cookie")]
        return self.get(answer.location, headers={"Cookie": "; ".join([self._cookie, *said])})

    def link(self, path: str, words: str) -> str:
        """Return where a link of a page leads to."""
        found = re.search(rf'href="([^"]+)"[^>]*>{re.escape(words)}<', self.get(path).text)
        assert found is not None
        return html.unescape(found[1])


def readable(page: str) -> str:
    """Return a page without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.replace("<wbr>", ""))).split())


def opened(hub: Hub, role: AccountRole = AccountRole.ADMIN) -> Iterator[Page]:
    """Yield the console of a hub as somebody of this role gets it."""
    name = f"{role}@acme.example"
    account = accounts.add(hub, name, PASSWORD, role)
    app = create_app(hub)
    cookie_name = "__Host-hub" if hub.settings.base_url.startswith("https://") else "hub"
    yield Page(Client(app, use_cookies=False), cookie_name, name, sessions.begin(hub, account))
    app.close()
