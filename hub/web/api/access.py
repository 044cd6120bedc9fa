"""Who may do what: a bearer token and its scopes."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import Forbidden, Unauthorized

from hub.admin import audit
from hub.admin.access import tokens
from hub.admin.access.tokens import Scope
from hub.pipeline.hub import Hub
from hub.web.refusals import Refusals

_unknown = Refusals()
_lacking = Refusals()


def authorise(hub: Hub, scope: Scope) -> None:
    """Return when the request's token allows this; else raise 401 or 403."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    token = tokens.holder(hub, secret.strip()) if scheme.lower() == "bearer" and secret.strip() else None
    if token is None:
        _unknown.count("the token for the API was missing or unknown")
        raise Unauthorized("Send `Authorization: Bearer TOKEN` with a token that `hub token add` made.")
    if scope not in token.scopes:
        _lacking.count("the token for the API lacks a scope")
        raise Forbidden(f"The token {token.name!r} lacks the scope {scope.value!r}.")
    audit.act_as(f"api:{token.name}")
