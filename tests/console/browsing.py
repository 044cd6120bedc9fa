"""A visitor of the console, in this process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hub.admin import accounts, sessions
from hub.admin.accounts import AccountRole
from hub.pipeline.hub import Hub
from hub.web.app import create_app

PASSWORD = "a long enough password"


@dataclass(kw_only=True)
class Visitor:
    """Opens pages and presses buttons as somebody who is logged in."""

    client: FlaskClient

    def get(self, path: str, **query: Any) -> TestResponse:
        """Return a page."""
        return self.client.get(path, query_string=query or None)

    def post(self, path: str, **form: Any) -> TestResponse:
        """Press a button; return the page that it leads to."""
        return self.client.post(path, data=form, follow_redirects=True)

    def next_of(self, page: TestResponse) -> str:
        """Return where the next page of a list is."""
        found = re.search(r'href="([^"]+)" rel="next"', page.text)
        assert found is not None
        return unescape(found[1])


def visitor_of(hub: Hub, role: str = "admin") -> Visitor:
    """Return somebody who is logged in with this role; their name is that of the role."""
    account = accounts.add(hub, role, PASSWORD, AccountRole(role))
    client = create_app(hub).test_client()
    client.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    is_secure = hub.settings.base_url.startswith("https://")
    client.environ_base["wsgi.url_scheme"] = "https" if is_secure else "http"
    client.set_cookie("__Host-hub" if is_secure else "hub", sessions.begin(hub, account), secure=is_secure)
    return Visitor(client=client)
