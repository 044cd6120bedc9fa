"""The form of a connection: what was typed as the table that `hub.admin` reads, and its problems beside the fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask import request

from hub.admin.configuration import planning
from hub.admin.configuration.kinds import Kind, settings_of
from hub.admin.configuration.schemas import NAME
from hub.config import ConfigError
from hub.web.backing import hub
from hub.web.console import forms
from hub.web.console.forms import Field

_PREFIX = "s."
"""Keeps the names of settings, which a stranger chose, apart from those of the page."""


@dataclass(frozen=True, kw_only=True)
class Problems:
    """What is wrong with a form: by setting, with the name, with the address of a test mail, and with the whole."""

    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    to: str = ""
    others: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Form:
    """The fields of a connection, its plugin's and the hub's: those everybody looks at, and those folded away."""

    own: Sequence[Field]
    rare: Sequence[Field]

    @property
    def is_folded_wrong(self) -> bool:
        """Whether something that is folded away needs to be seen."""
        return any(one.problem for one in self.rare)


def read_table(offered: Kind, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the table that was typed; `before` is the stored one, None for a new connection."""
    schemas = settings_of(hub(), offered.role, offered.kind)
    typed = forms.read(schemas, request.form, is_new=before is None, prefix=_PREFIX)
    return {"kind": offered.kind, **forms.without_defaults(typed, schemas, before or {})}


def renewed_secrets(offered: Kind) -> dict[str, str]:
    """Return new values for the secrets of the hub's making that somebody wants to change."""
    schemas = settings_of(hub(), offered.role, offered.kind)
    return {key: one.make() for key, one in forms.anew(schemas, request.form, prefix=_PREFIX).items()}


def form_of(offered: Kind, values: Mapping[str, Any], problems: Problems, *, is_new: bool) -> Form:
    """Return the fields of a kind with the values of a table and what is wrong with them."""
    own, options = (
        forms.fields_of(schema, values, problems.settings, is_new=is_new, prefix=_PREFIX)
        for schema in settings_of(hub(), offered.role, offered.kind)
    )
    return Form(
        own=[one for one in (*own, *options) if not one.is_rare],
        rare=[one for one in (*own, *options) if one.is_rare],
    )


def problems_of_new(offered: Kind, name: str, table: Mapping[str, Any]) -> Problems | None:
    """Return what keeps a connection from being made, or None."""
    wrong = _wrong_name(offered, name)
    checked = free_name(offered) if wrong else name
    try:
        planning.plan_change(hub(), {offered.role.plural: {checked: table}})
    except ConfigError as error:
        return replace(problems_of(error, offered, checked), name=wrong)
    return Problems(name=wrong) if wrong else None


def _wrong_name(offered: Kind, name: str) -> str:
    if not NAME.fullmatch(name):
        return "A name has lower-case letters, digits, - and _, 63 characters at most."
    is_taken = hub().registry.current().named(offered.role, name) is not None
    return f"There is a {offered.role} of this name already." if is_taken else ""


def problems_of(error: ConfigError, offered: Kind, name: str) -> Problems:
    """Return what `hub.admin` refused, where it belongs."""
    schemas = settings_of(hub(), offered.role, offered.kind)
    known = [one.data_key or key for schema in schemas for key, one in schema.fields.items()]
    settings, others = forms.by_field(error.problems, f"{offered.role.plural}.{name}", known)
    return Problems(settings=settings, others=others)


def free_name(offered: Kind) -> str:
    """Return a name for a new connection that none has yet."""
    taken = {one.stored.name for one in hub().registry.current().live(offered.role)}
    plain = offered.kind.replace("_", "-")
    names = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
