"""One connection: its form, out of its plugin's schema; how it does, and what to paste where."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin import apply as applying
from hub.admin import channels as channels_admin
from hub.admin import connections as admin
from hub.admin.apply import Plan
from hub.admin.connections import SeenConnection
from hub.admin.credentials import made_secrets, reveal
from hub.admin.kinds import Kind, kind_of, settings_of
from hub.admin.schemas import NAME
from hub.admin.uses import uses
from hub.config import ConfigError
from hub.store.configuration import Role
from hub.web import guard
from hub.web.backing import hub
from hub.web.console import forms
from hub.web.console.connections import BADGES, ONE
from hub.web.console.forms import Field
from hub.web.console.frame import pages, show

_NEW = "/connections/new/<any(source, channel, target):role>/<kind>"
_PREFIX = "s."
"""Keeps the names of settings, which a stranger chose, apart from those of the page."""


@dataclass(frozen=True, kw_only=True)
class Problems:
    """What is wrong with a form: by setting, with the name, and with the whole."""

    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    others: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Form:
    """The fields of a connection: those everybody looks at, those that are folded away, and the hub's own."""

    own: Sequence[Field]
    rare: Sequence[Field]
    options: Sequence[Field]

    @property
    def is_folded_wrong(self) -> bool:
        """Whether something that is folded away needs to be seen."""
        return any(one.problem for one in (*self.rare, *self.options))


@pages.get(_NEW)
@guard.needs("admin")
def new_connection_of_kind(role: str, kind: str) -> Any:
    """The form of a kind, for a new connection."""
    offered = kind_of(hub(), Role(role), kind)
    return _new_page(offered, _free_name(offered), {}, Problems())


@pages.post(_NEW)
@guard.needs("admin")
def make_connection(role: str, kind: str) -> Any:
    """Make a connection."""
    offered = kind_of(hub(), Role(role), kind)
    name = request.form.get("name", "").strip()
    table = _read(offered, None)
    problems = _problems_of_new(offered, name, table)
    if problems is not None:
        return _new_page(offered, name, table, problems, status=422)
    made = admin.put(hub(), offered.role, name, table)
    is_back = any("back in use" in line for line in made.lines)
    flash(f"{name} is there{' again, with the secrets it had' if is_back else ''}. No survey uses it yet.")
    return _after(made, offered.role, name, has_new_secrets=bool(made.generated))


@pages.get(ONE)
def connection(role: str, name: str) -> Any:
    """How a connection does, who uses it, what to paste where, and its settings."""
    seen = admin.connection_of(hub(), Role(role), name)
    return _page(seen, seen.settings, Problems())


@pages.post(ONE)
@guard.needs("admin")
def save_connection(role: str, name: str) -> Any:
    """Save a connection's settings."""
    seen = admin.connection_of(hub(), Role(role), name)
    offered = kind_of(hub(), seen.role, seen.kind)
    table = _read(offered, seen.settings)
    renewed = forms.anew(settings_of(hub(), offered.role, offered.kind), request.form, prefix=_PREFIX)
    try:
        made = admin.put(hub(), seen.role, name, {**table, **{key: secrets.token_urlsafe(24) for key in renewed}})
    except ConfigError as error:
        return _page(seen, table, _problems_of(error, offered, name), status=422)
    flash(_said(made, f"{seen.role.plural}.{name}"))
    return _after(made, seen.role, name, has_new_secrets=bool(renewed or made.generated))


def _after(made: Plan, role: Role, name: str, *, has_new_secrets: bool) -> Any:
    for warning in made.warnings:
        flash(warning, "attention")
    keys = "shown" if has_new_secrets else None
    return redirect(url_for("console.connection", role=role, name=name, keys=keys), 303)


def _said(made: Plan, path: str) -> str:
    """Return what a plan changed, as a sentence."""
    changes = [line.removeprefix(f"~ {path}.").replace(" -> ", " → ") for line in made.lines]
    return f"Saved. {'; '.join(changes)}." if changes else "Nothing was different."


# The form


def _read(offered: Kind, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the table that was typed; `before` is the stored one, None for a new connection."""
    schemas = settings_of(hub(), offered.role, offered.kind)
    typed = forms.read(schemas, request.form, is_new=before is None, prefix=_PREFIX)
    return {"kind": offered.kind, **forms.without_defaults(typed, schemas, before or {})}


def _form(offered: Kind, values: Mapping[str, Any], problems: Problems, *, is_new: bool) -> Form:
    own, options = (
        forms.fields_of(schema, values, problems.settings, is_new=is_new, prefix=_PREFIX)
        for schema in settings_of(hub(), offered.role, offered.kind)
    )
    return Form(
        own=[one for one in own if not one.is_rare],
        rare=[one for one in own if one.is_rare],
        options=options,
    )


def _problems_of_new(offered: Kind, name: str, table: Mapping[str, Any]) -> Problems | None:
    """Return what keeps a connection from being made, or None."""
    wrong = _wrong_name(offered, name)
    checked = _free_name(offered) if wrong else name
    try:
        applying.plan_change(hub(), {offered.role.plural: {checked: table}})
    except ConfigError as error:
        return replace(_problems_of(error, offered, checked), name=wrong)
    return Problems(name=wrong) if wrong else None


def _wrong_name(offered: Kind, name: str) -> str:
    if not NAME.fullmatch(name):
        return "A name has lower-case letters, digits, - and _, 63 characters at most."
    is_taken = hub().registry.current().named(offered.role, name) is not None
    return f"There is a {offered.role} of this name already." if is_taken else ""


def _problems_of(error: ConfigError, offered: Kind, name: str) -> Problems:
    schemas = settings_of(hub(), offered.role, offered.kind)
    known = [one.data_key or key for schema in schemas for key, one in schema.fields.items()]
    settings, others = forms.by_field(error.problems, f"{offered.role.plural}.{name}", known)
    return Problems(settings=settings, others=others)


def _free_name(offered: Kind) -> str:
    taken = {one.stored.name for one in hub().registry.current().live(offered.role)}
    plain = offered.kind.replace("_", "-")
    names = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


# Pages


def _new_page(offered: Kind, name: str, values: Mapping[str, Any], problems: Problems, status: int = 200) -> Any:
    named = Field(
        name="name",
        label="Name",
        value=name,
        is_required=True,
        help="Lower-case letters, digits, - and _. Surveys refer to it; your customers never see it.",
        problem=problems.name,
    )
    form = _form(offered, values, problems, is_new=True)
    return show("connection_make.html", status, kind=offered, named=named, form=form, others=problems.others)


def _page(seen: SeenConnection, values: Mapping[str, Any], problems: Problems, status: int = 200) -> Any:
    offered: Kind | None = None
    form: Form | None = None
    others = [*problems.others]
    try:
        offered = kind_of(hub(), seen.role, seen.kind)
        form = _form(offered, values, problems, is_new=False)
    except ConfigError as error:
        others += error.problems
    return show(
        "connection.html",
        status,
        seen=seen,
        kind=offered,
        form=form,
        others=others,
        uses=uses(hub().registry.current(), seen.id),
        badges=BADGES,
        reports_path=_reports_path(seen),
        made=made_secrets(hub(), seen.role, seen.name),
        keys=_keys(seen),
        base_url=hub().settings.base_url,
        is_local=hub().settings.is_local,
    )


def _reports_path(seen: SeenConnection) -> str | None:
    """Return where a channel's provider sends its reports."""
    if seen.role is not Role.CHANNEL:
        return None
    return next((one.reports_path for one in channels_admin.channels(hub()) if one.id == seen.id), None)


def _keys(seen: SeenConnection) -> Mapping[str, str]:
    """Return the secrets of the hub's making, for those who may see them and want to."""
    if not (guard.may("admin") and request.args.get("keys") == "shown"):
        return {}
    return reveal(hub(), seen.role, seen.name)
