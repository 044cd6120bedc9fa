"""Accounts: who may log in, and what they may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, g, redirect, request, url_for

from hub.admin.access import accounts as admin
from hub.admin.access.accounts import Account, AccountRole
from hub.admin.trouble import NotThere, by_field
from hub.config import ConfigError
from hub.web import guard
from hub.web.backing import hub
from hub.web.console.forms import Choice, Field
from hub.web.console.frame import pages, show

ALLOWS = {
    AccountRole.VIEWER: "Viewer: looks at everything but secrets",
    AccountRole.EDITOR: "Editor: also changes surveys, the queue and who is never mailed",
    AccountRole.ADMIN: "Admin: also changes connections, accounts and tokens, and erases people",
}
SAID_OF_YOUR_OWN = "Your password is changed. Other browsers that you were logged in with have to log in again."
_PASSWORD_HELP = "12 characters or more; a few words are easy to remember."  # noqa: S105  no secret


@pages.get("/settings")
def settings() -> Any:
    """List the accounts."""
    return show("settings.html", accounts=admin.accounts(hub()), words=ALLOWS)


@pages.get("/settings/accounts/_new")
@guard.needs("admin")
def new_account() -> Any:
    """Ask for a new account."""
    return _new("", AccountRole.VIEWER, {})


@pages.post("/settings/accounts/_new")
@guard.needs("admin")
def add_account() -> Any:
    """Add an account."""
    name = request.form.get("name", "").strip()
    role = _role(AccountRole.VIEWER)
    try:
        account = admin.add(hub(), name, request.form.get("password", ""), role)
    except ConfigError as error:
        return _new(name, role, dict(by_field(error)))
    flash(f"{account.name} may log in, as {account.role}.")
    return redirect(url_for("console.settings"), 303)


@pages.get("/settings/accounts/<string:account_id>")
@guard.needs("admin")
def account_of(account_id: str) -> Any:
    """Show an account with what can be done to it."""
    return _one(_account(account_id), {})


@pages.post("/settings/accounts/<string:account_id>/role")
@guard.needs("admin")
def set_role(account_id: str) -> Any:
    """Change what somebody may do; their own sessions but this one end."""
    account = _account(account_id)
    keep = guard.session_secret() if account.id == g.account.id else None
    role = _role(account.role)
    return _changed(
        account, lambda: admin.set_role(hub(), account.name, role, keep=keep), f"{account.name} is {role} now."
    )


@pages.post("/settings/accounts/<string:account_id>/password")
@guard.needs("admin")
def reset_password(account_id: str) -> Any:
    """Give somebody another password; their sessions but this one end."""
    account = _account(account_id)
    is_own = account.id == g.account.id
    keep = guard.session_secret() if is_own else None
    password = request.form.get("password", "")
    of_another = f"{account.name} has a new password and has to log in again; tell it to them on a safe way."
    said = SAID_OF_YOUR_OWN if is_own else of_another
    return _changed(account, lambda: admin.set_password(hub(), account.name, password, keep=keep), said)


@pages.post("/settings/accounts/<string:account_id>/disable")
@guard.needs("admin")
def disable_account(account_id: str) -> Any:
    """Let somebody log in no more."""
    account = _account(account_id)
    return _changed(account, lambda: admin.disable(hub(), account.name), f"{account.name} may not log in any more.")


@pages.post("/settings/accounts/<string:account_id>/enable")
@guard.needs("admin")
def enable_account(account_id: str) -> Any:
    """Let somebody log in again."""
    account = _account(account_id)
    return _changed(account, lambda: admin.enable(hub(), account.name), f"{account.name} may log in again.")


@pages.post("/settings/accounts/<string:account_id>/remove")
@guard.needs("admin")
def remove_account(account_id: str) -> Any:
    """Remove an account, if its name was typed."""
    account = _account(account_id)
    if request.form.get("confirm", "").strip().casefold() != account.name:
        return _one(account, {"confirm": "This is not what stands above. Nobody was removed."})
    try:
        admin.remove(hub(), account.name)
    except ConfigError as error:
        return _one(account, {"confirm": by_field(error).get("", "")})
    flash(f"{account.name} is removed. What they did stays in the audit log.")
    return redirect(url_for("console.settings"), 303)


def _account(account_id: str) -> Account:
    found = next((one for one in admin.accounts(hub()) if one.id == account_id), None)
    if found is None:
        raise NotThere("There is no such account; it may have been removed")
    return found


def _changed(account: Account, change: Callable[[], object], said: str) -> Any:
    try:
        change()
    except ConfigError as error:
        return _one(account, dict(by_field(error)))
    flash(said)
    return redirect(url_for("console.account_of", account_id=account.id), 303)


def _role(otherwise: AccountRole) -> AccountRole:
    typed = request.form.get("role", "")
    return AccountRole(typed) if typed in list(AccountRole) else otherwise


def _role_field(role: AccountRole) -> Field:
    choices = [Choice(value=str(one), label=words) for one, words in ALLOWS.items()]
    return Field(name="role", label="Role", kind="select", value=str(role), choices=choices)


def password_field(name: str, label: str, problem: str, *, is_new: bool = True) -> Field:
    """Return a field for a password; what was typed is never shown again."""
    return Field(
        name=name,
        label=label,
        kind="secret",
        is_required=True,
        help=_PASSWORD_HELP if is_new else "",
        problem=problem,
        autocomplete="new-password" if is_new else "current-password",
    )


def _new(name: str, role: AccountRole, problems: dict[str, str]) -> Any:
    fields = [
        Field(
            name="name",
            label="Name",
            value=name,
            is_required=True,
            help="A mail address, or any word.",
            problem=problems.get("name", ""),
        ),
        _role_field(role),
        password_field("password", "Password", problems.get("password", "")),
    ]
    return show("account_new.html", 422 if problems else 200, fields=fields)


def _one(account: Account, problems: dict[str, str]) -> Any:
    return show(
        "account_of.html",
        422 if problems else 200,
        one=account,
        role=_role_field(account.role),
        password=password_field("password", "New password", problems.get("password", "")),
        other=problems.get("", ""),
        confirm_problem=problems.get("confirm", ""),
    )
