"""A survey's settings (docs/rules.md, "Settings of a survey")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
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

    @property
    def min_delay(self) -> timedelta:
        """Earliest age of a customer when asked."""
        return timedelta(days=self.min_delay_days)

    @property
    def max_delay(self) -> timedelta:
        """Greatest age of a customer when asked; zero: no upper limit."""
        return timedelta(days=self.max_delay_days)

    @property
    def min_interval(self) -> timedelta:
        """Least time between two surveys of a person or mailbox; zero: none."""
        return timedelta(weeks=self.min_interval_weeks)

    @property
    def max_event_age(self) -> timedelta:
        """Greatest age of an event that may start a survey; zero: no limit."""
        return timedelta(hours=self.max_event_age_hours)

    @property
    def quiet_period(self) -> timedelta:
        """Least time between mails of any two surveys to a person; zero: none."""
        return timedelta(hours=self.quiet_period_hours)

    @property
    def send_grace(self) -> timedelta:
        """How late after its due time a mail may still go."""
        return timedelta(hours=self.send_grace_hours)

    def problems(self) -> list[tuple[str, str]]:
        """Return (setting, what is wrong) of settings that contradict each other."""
        if 0 < self.max_delay_days < self.min_delay_days:
            return [
                (
                    "max_delay_days",
                    f"max_delay_days ({self.max_delay_days:g}) is less than min_delay_days ({self.min_delay_days:g}), "
                    "so nobody could ever be asked; raise it, or set 0 for no maximum",
                )
            ]
        return []


def rules_of(settings: Mapping[str, Any]) -> SurveyRules:
    """Return the rules of a survey as stored: unknown settings are other people's, missing ones get their default."""
    known = {field.name: settings[field.name] for field in fields(SurveyRules) if field.name in settings}
    if "on_missing_created_at" in known:
        known["on_missing_created_at"] = OnMissingCreatedAt(known["on_missing_created_at"])
    return SurveyRules(**known)
