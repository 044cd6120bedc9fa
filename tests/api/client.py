"""A client of the API, in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from werkzeug.test import Client, TestResponse

from hub.admin.access import tokens
from hub.admin.access.tokens import Scope
from hub.pipeline.hub import Hub
from hub.web.app import HubApp

PREFIX = "/api/v1"


@dataclass(kw_only=True)
class Api:
    """Sends requests with a token that allows everything, unless told otherwise."""

    hub: Hub
    app: HubApp
    token: str

    def __call__(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> TestResponse:
        """Return the answer to a request; `body` is JSON unless it is bytes."""
        secret = self.token if token is None else token
        sent = {"Authorization": f"Bearer {secret}"} if secret else {}
        if body is not None and not isinstance(body, bytes):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        address = path if path.startswith("/api") else PREFIX + path
        return Client(self.app).open(
            address, method=method, data=body, headers={**sent, **(headers or {})}, query_string=query
        )

    def get(self, path: str, **query: Any) -> Any:
        """Return what a GET answers."""
        answer = self("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json

    def all(self, path: str, **query: Any) -> list[Any]:
        """Return the items of all pages of a list."""
        page = self.get(path, **query)
        items = list(page["items"])
        while page["next_cursor"]:
            page = self.get(path, **query, cursor=page["next_cursor"])
            items += page["items"]
        return items

    def token_for(self, *scopes: Scope) -> str:
        """Return a new token."""
        return tokens.add(self.hub, f"t-{'-'.join(sorted(scopes)) or 'none'}", scopes)
