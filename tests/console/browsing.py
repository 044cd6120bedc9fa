"""A visitor of the console, in this process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from types import TracebackType
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hub.admin.access import accounts, sessions
from hub.admin.access.accounts import AccountRole
from hub.pipeline.hub import Hub
from hub.web.app import HubApp, create_app

PASSWORD = "a long enough password"


@dataclass(kw_only=True)
class Visitor:
    """Opens pages and presses buttons as somebody who is logged in; in a `with` the application is closed after it."""

    client: FlaskClient
    name: str = ""
    secret: str = ""

    def __enter__(self) -> Visitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        app = self.client.application
        assert isinstance(app, HubApp)
        app.close()

    def get(self, path: str, *, headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
        """Return a page."""
        return self.client.get(path, query_string=query or None, headers=headers)

    def text(self, path: str, **query: Any) -> str:
        """Return what a person reads on a page."""
        page = self.get(path, **query)
        assert page.status_code == 200, page.text
        return readable(page.text)

    def post(self, path: str, **form: Any) -> TestResponse:
        """Press a button; return the page that it leads to."""
        return self.client.post(path, data=form, follow_redirects=True)

    def link(self, path: str, words: str) -> str:
        """Return where a link of a page leads to."""
        found = re.search(rf'href="([^"]+)"[^>]*>{re.escape(words)}<', self.get(path).text)
        assert found is not None
        return unescape(found[1])

    def next_of(self, page: TestResponse) -> str:
        """Return where the next page of a list is."""
        found = re.search(r'href="([^"]+)" rel="next"', page.text)
        assert found is not None
        return unescape(found[1])


def readable(page: str) -> str:
    """Return a page without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.replace("<wbr>", ""))).split())


def visitor_of(hub: Hub, role: str = "admin", *, name: str = "") -> Visitor:
    """Return somebody who is logged in with this role; without a name of their own theirs is that of the role."""
    account = accounts.add(hub, name or role, PASSWORD, AccountRole(role))
    client = create_app(hub).test_client()
    client.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    is_secure = hub.settings.base_url.startswith("https://")
    client.environ_base["wsgi.url_scheme"] = "https" if is_secure else "http"
    secret = sessions.begin(hub, account)
    client.set_cookie("__Host-hub" if is_secure else "hub", secret, secure=is_secure)
    return Visitor(client=client, name=account.name, secret=secret)
