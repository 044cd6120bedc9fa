"""The tokens of the API: made, shown once, revoked."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin.access import tokens as admin
from hub.admin.access.tokens import Scope
from hub.admin.trouble import NotThere, by_field
from hub.config import ConfigError
from hub.web import guard
from hub.web.backing import hub
from hub.web.console.forms import Choice, Field
from hub.web.console.frame import pages, show

ALLOWS = {
    Scope.READ: "read: look at everything but secrets, people and answers included",
    Scope.WRITE: "write: change what happens to people: invitations, suppressions, imports, syncs",
    Scope.ADMIN: "admin: change the configuration, as good as a login on the machine",
}


@pages.get("/settings/tokens")
def tokens() -> Any:
    """List the tokens."""
    return _page("", [Scope.READ], {})


@pages.post("/settings/tokens")
@guard.needs("admin")
def add_token() -> Any:
    """Make a token and show it, this once: it goes into no cookie and no address."""
    name = request.form.get("name", "").strip()
    scopes = [scope for scope in Scope if scope in request.form.getlist("scopes")]
    if not scopes:
        return _page(name, scopes, {"scopes": "Choose one at least; none of them includes another."})
    try:
        secret = admin.add(hub(), name, scopes)
    except ConfigError as error:
        return _page(name, scopes, {"name": " ".join(by_field(error).values())})
    return _page("", [Scope.READ], {}, made=(name, secret))


@pages.post("/settings/tokens/<string:name>/revoke")
@guard.needs("admin")
def revoke_token(name: str) -> Any:
    """End a token."""
    try:
        admin.revoke(hub(), name)
        flash(f"The token {name} is revoked: whoever used it is refused from now on.")
    except NotThere as error:
        flash(f"{error.problems[0]}.", "attention")
    return redirect(url_for("console.tokens"), 303)


def _page(name: str, scopes: list[Scope], problems: dict[str, str], *, made: tuple[str, str] | None = None) -> Any:
    fields = [
        Field(
            name="name",
            label="Name",
            value=name,
            is_required=True,
            help="What uses it, such as reporting: lower-case letters, digits, - and _.",
            problem=problems.get("name", ""),
        ),
        Field(
            name="scopes",
            label="What it allows",
            kind="choices",
            value=[str(scope) for scope in scopes],
            choices=[Choice(value=str(scope), label=words) for scope, words in ALLOWS.items()],
            problem=problems.get("scopes", ""),
        ),
    ]
    status = 422 if problems else 200
    return show(
        "settings_tokens.html", status, tokens=admin.tokens(hub()), fields=fields, made=made, scopes=list(Scope)
    )
