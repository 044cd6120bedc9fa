"""Who uses the console: the session of the request's cookie, what its account may do, and that the request is theirs.

A request that changes something has to come from a page of this hub. Browsers say so themselves (`Sec-Fetch-Site`, else
`Origin`); for those that do not there is a field in every form.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import abort, after_this_request, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response

from hub.admin import audit
from hub.admin.access import sessions
from hub.admin.access.accounts import Account, AccountRole
from hub.pipeline.hub import Hub
from hub.store.sessions import LONGEST
from hub.store.types import is_storable
from hub.web.backing import hub as current_hub
from hub.web.refusals import Refusals

FIELD = "csrf"
"""The form's field for browsers that do not say where a request comes from; `X-CSRF` as a header."""
OPEN = frozenset({"login", "log_in", "log_out", "setup", "set_up", "assets"})
"""The views of the console that are there for everybody."""
LARGEST_FORM, LARGEST_FORM_OF_A_STRANGER = 1_000_000, 16_384
"""Bytes."""
_SAFE = {"GET", "HEAD", "OPTIONS"}
_FOREIGN = "This came from another page than one of this hub. Reload the page you were on, and send it again."

View = TypeVar("View", bound=Callable[..., Any])
_refusals = Refusals()


def let_in(hub: Hub) -> Response | None:
    """Find out who sends the request, and turn away whoever may not: for `before_request` of all pages that need it.

    `g.account` is then who is logged in, or None at the pages for everybody; the audit log knows who acts. Raises
    Forbidden for a change that comes from a page of somebody else.
    """
    g.secret = request.cookies.get(_cookie_name(hub))
    g.account = sessions.account_of(hub, g.secret) if g.secret else None
    audit.act_as(g.account.name if g.account else audit.STRANGER)
    request.max_content_length = _largest()
    if not all(is_storable(str(value)) for value in (request.view_args or {}).values()):
        abort(404, "Check the address: it holds characters that nothing here is called by.")
    if not _is_looking() and not _is_from_here(hub):
        _refusals.count("a change came from a page of somebody else")
        abort(403, _FOREIGN)
    is_open = str(request.endpoint).rpartition(".")[2] in OPEN
    return None if g.account or is_open else _to_login()


def _largest() -> int:
    """Return how many bytes the sender may send: a view's own limit holds for those who may use it."""
    if g.account is None:
        return LARGEST_FORM_OF_A_STRANGER
    view = current_app.view_functions.get(str(request.endpoint))
    role = getattr(view, "role", None)
    return int(getattr(view, "largest", LARGEST_FORM)) if role and may(role) else LARGEST_FORM


def may(role: str) -> bool:
    """Return whether whoever sends the request may do what takes this role."""
    account: Account | None = g.get("account")
    return account is not None and account.role.includes(AccountRole(role))


def needs(role: str, *, largest: int = LARGEST_FORM) -> Callable[[View], View]:
    """Let only those into a view whose role includes this one. Raises Forbidden for the others.

    `largest` is how many bytes the view takes.
    """
    needed = AccountRole(role)

    def add(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not may(needed):
                abort(403, f"This takes the role {needed}. An admin can give it to you.")
            return view(*args, **kwargs)

        guarded.role = needed  # type: ignore[attr-defined]
        guarded.largest = largest  # type: ignore[attr-defined]
        return cast("View", guarded)

    return add


def csrf_token() -> str:
    """Return what the field `csrf` of a form holds; a browser without a cookie gets one for it to belong to."""
    if not g.get("secret"):
        g.secret = secret = secrets.token_urlsafe(32)
        after_this_request(lambda response: _with_cookie(response, secret, max_age=None))
    return current_hub().keys.voucher_for(g.secret)


def session_secret() -> str | None:
    """Return the secret of the request's session: what `keep` and `current` mean in `hub.admin`."""
    return g.secret if g.account is not None else None


def start_session(response: Response, secret: str) -> Response:
    """Give the browser the secret of its session."""
    return _with_cookie(response, secret, max_age=int(LONGEST.total_seconds()))


def end_session(response: Response) -> Response:
    """Take the secret from the browser."""
    return _with_cookie(response, "", max_age=0)


def own_path(wanted: str | None) -> str:
    """Return a path that a person wanted to go to, if it is one of this hub, else the first page."""
    wanted = wanted or "/"
    is_own = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if is_own else "/"


def _is_looking() -> bool:
    return request.method in _SAFE


def _is_from_here(hub: Hub) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin", "null")
    if origin != "null":  # which is also what a browser says that was told to keep addresses to itself
        here = [hub.settings.base_url, f"https://{request.host}"]
        if not _is_https(hub):
            here.append(request.host_url)
        return origin.lower() in map(_origin_of, here)
    said = request.headers.get("X-CSRF") or request.form.get(FIELD, "")
    return bool(g.secret) and hub.keys.vouches(g.secret, said)


def _origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _to_login() -> Response:
    """Return the way to the login and back to the page; a change is not made by itself afterwards."""
    is_part = "HX-Request" in request.headers
    if is_part:
        seen = request.headers.get("HX-Current-URL", "")
    else:
        seen = request.full_path if _is_looking() else request.headers.get("Referer", "")
    try:
        parts = urlsplit(seen)
    except ValueError:
        parts = urlsplit("")
    asked = {"next": own_path(urlunsplit(("", "", parts.path, parts.query, "")))}
    asked |= {} if is_part or _is_looking() else {"unsaved": "1"}
    address = f"{url_for('.login')}?{urlencode(asked)}"
    return Response(status=401, headers={"HX-Redirect": address}) if is_part else redirect(address, code=303)


def _with_cookie(response: Response, value: str, *, max_age: int | None) -> Response:
    hub = current_hub()
    is_secure = _is_https(hub)
    response.set_cookie(
        _cookie_name(hub), value, max_age=max_age, path="/", secure=is_secure, httponly=True, samesite="Lax"
    )
    return response


def _cookie_name(hub: Hub) -> str:
    return "__Host-hub" if _is_https(hub) else "hub"


def _is_https(hub: Hub) -> bool:
    return hub.settings.base_url.startswith("https://")
