"""The rules of a survey as a form: which stand together, how they are shown and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from hub.admin.configuration.schemas import SurveySchema
from hub.admin.configuration.text_schemas import AppearanceSchema
from hub.domain.windows import WEEKDAYS
from hub.store.configuration import OF_SURVEYS
from hub.web.console import forms
from hub.web.console.forms import Field

FIRST = ("min_delay_days", "max_delay_days", "min_interval_weeks")
"""The settings that everybody looks at; the others are folded away."""
GROUPS = {
    "Which events start it": ("trigger_event", "trigger_properties", "on_missing_created_at", "max_event_age_hours"),
    "Reminders": ("reminders", "reminder_after_days"),
    "Days and hours of mails": ("send_days", "send_from", "send_until", "send_timezone", "send_in_customer_timezone"),
    "Limits": ("quiet_period_hours", "holdout_percent", "daily_limit", "send_grace_hours", "surge_brake"),
}
"""The others, by what they are about."""
CONNECTED = tuple(role.plural for role in OF_SURVEYS)
TEXTS = tuple(AppearanceSchema().fields)
"""What has a page of its own, and stays as it is when the settings are saved."""
APART = (*CONNECTED, *TEXTS, "enabled")
"""What of a survey's table is no rule, or has a page of its own."""
_RULES = SurveySchema(exclude=APART)
DEFAULTS: Mapping[str, Any] = _RULES.dump(_RULES.load({}))
"""The raw rules of a survey of which nothing was typed."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Settings about one thing. It is open where one of them is wrong or says something else than the default."""

    title: str
    fields: Sequence[Field]
    is_open: bool


def typed_rules() -> dict[str, Any]:
    """Return the raw rules that a form stands for. It shows all days where every day is meant: none is a mistake."""
    raw = forms.read([SurveySchema(exclude=APART)], request.form, is_new=False)
    days = raw.get("send_days")
    if isinstance(days, list):
        raw["send_days"] = None if not days else [] if set(days) == set(WEEKDAYS) else days
    return raw


def shown_rules(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return raw rules as a form shows them."""
    days = raw.get("send_days", [])
    return {**raw, "send_days": [] if days is None else days or list(WEEKDAYS)}


def groups_of(fields: Sequence[Field]) -> list[Group]:
    """Return the fields of the rules, without those that everybody looks at, in their groups."""
    by_name = {one.name: one for one in fields}
    untouched = forms.fields_of(SurveySchema(exclude=APART), shown_rules({}), {}, is_new=False)
    default = {one.name: one.value for one in untouched}
    groups = []
    for title, names in GROUPS.items():
        own = [by_name[name] for name in names]
        is_open = any(one.problem or one.value != default[one.name] for one in own)
        groups.append(Group(title=title, fields=own, is_open=is_open))
    return groups
