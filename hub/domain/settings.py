"""A survey's settings (docs/rules.md, "Settings of a survey")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any


class OnMissingCreatedAt(StrEnum):
    """What to do for a customer without createdAt."""

    IMMEDIATE = "immediate"
    FIRST_SEEN = "first_seen"
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True)
class SurveyRules:
    """The settings that rules read. Durations are in the unit of their name, decimals >= 0; 0 switches a limit off."""

    min_delay_days: float = 0
    max_delay_days: float = 0
    min_interval_weeks: float = 26
    on_missing_created_at: OnMissingCreatedAt = OnMissingCreatedAt.IMMEDIATE
    max_event_age_hours: float = 48
    quiet_period_hours: float = 0
    holdout_percent: float = 0
    daily_limit: int = 0
    send_grace_hours: float = 72
    surge_brake: bool = True
    trigger_event: str = ""
    """Name of the `track` event that starts this survey; "": every identify does."""
    trigger_properties: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """What that event's properties have to be."""

    @cached_property
    def min_delay(self) -> timedelta:
        """Earliest age of a customer when asked."""
        return timedelta(days=self.min_delay_days)

    @cached_property
    def max_delay(self) -> timedelta:
        """Greatest age of a customer when asked; zero: no upper limit."""
        return timedelta(days=self.max_delay_days)

    @cached_property
    def min_interval(self) -> timedelta:
        """Least time between two surveys of a person or mailbox; zero: none."""
        return timedelta(weeks=self.min_interval_weeks)

    @cached_property
    def max_event_age(self) -> timedelta:
        """Greatest age of an event that may start a survey; zero: no limit."""
        return timedelta(hours=self.max_event_age_hours)

    @cached_property
    def quiet_period(self) -> timedelta:
        """Least time between mails of any two surveys to a person; zero: none."""
        return timedelta(hours=self.quiet_period_hours)

    @cached_property
    def send_grace(self) -> timedelta:
        """How late after its due time a mail may still go."""
        return timedelta(hours=self.send_grace_hours)

    def is_started_by(self, event_type: str, name: str | None, properties: Mapping[str, Any]) -> bool:
        """Return whether an event of this type, name and properties starts the survey (rule 2)."""
        if not self.trigger_event:
            return event_type == "identify"
        if event_type != "track" or name != self.trigger_event:
            return False
        return all(_is_same(properties.get(key), value) for key, value in self.trigger_properties.items())

    def problems(self) -> list[tuple[str, str]]:
        """Return (setting, what is wrong) of settings that contradict each other."""
        if 0 < self.max_delay_days < self.min_delay_days:
            return [
                (
                    "max_delay_days",
                    f"must not be less than min_delay_days ({self.min_delay_days:g}), "
                    "so nobody could ever be asked; raise it, or set 0 for no maximum",
                )
            ]
        if self.trigger_properties and not self.trigger_event:
            return [("trigger_properties", "needs a trigger_event, whose properties they are")]
        return []


def _is_same(found: Any, wanted: Any) -> bool:
    """Return whether two JSON values are equal; true is not 1."""
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def rules_of(settings: Mapping[str, Any]) -> SurveyRules:
    """Return the rules of a survey as stored: unknown settings are other people's, missing ones get their default."""
    known = {one.name: settings[one.name] for one in fields(SurveyRules) if one.name in settings}
    if "on_missing_created_at" in known:
        known["on_missing_created_at"] = OnMissingCreatedAt(known["on_missing_created_at"])
    return SurveyRules(**known)
