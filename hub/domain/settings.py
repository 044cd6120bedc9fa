"""A survey's settings (docs/rules.md, "Settings")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import cached_property
from typing import Any

from hub.domain.windows import WEEKDAYS, SendWindow, zone_named


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
    reminders: int = 0
    """How often somebody who does not answer is reminded."""
    reminder_after_days: float = 7
    send_days: Sequence[str] = ()
    """Days on which mails go out, as in `WEEKDAYS`; none stands for all of them."""
    send_from: str = ""
    send_until: str = ""
    """Hours between which mails go out, "HH:MM"; "" is midnight."""
    send_timezone: str = "UTC"
    send_in_customer_timezone: bool = True

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

    @cached_property
    def reminder_after(self) -> timedelta:
        """How long after a mail without an answer the reminder is due."""
        return timedelta(days=self.reminder_after_days)

    @cached_property
    def send_window(self) -> SendWindow | None:
        """When mails go out; None: always."""
        if not (self.send_days or self.send_from or self.send_until):
            return None
        return SendWindow(
            days=frozenset(WEEKDAYS.index(day) for day in self.send_days or WEEKDAYS),
            opens=_since_midnight(self.send_from or "00:00"),
            closes=_since_midnight(self.send_until or "24:00"),
        )

    def zone_of(self, timezone: str | None) -> tzinfo:
        """Return the zone whose clocks the window goes by for a customer whose device named `timezone`."""
        theirs = zone_named(timezone) if timezone and self.send_in_customer_timezone else None
        return theirs or zone_named(self.send_timezone) or UTC

    def opens_at(self, moment: datetime, timezone: str | None) -> datetime:
        """Return the first moment at or after `moment` at which a mail may go to such a customer."""
        return moment if self.send_window is None else self.send_window.next(moment, self.zone_of(timezone))

    def is_started_by(self, event_type: str, name: str | None, properties: Mapping[str, Any]) -> bool:
        """Return whether an event of this type, name and properties starts the survey (rule 2)."""
        if not self.trigger_event:
            return event_type == "identify"
        if event_type != "track" or name != self.trigger_event:
            return False
        return all(_is_same(properties.get(key), value) for key, value in self.trigger_properties.items())

    def problems(self) -> list[tuple[str, str]]:
        """Return (setting, what is wrong) of settings that contradict each other."""
        found = []
        if 0 < self.max_delay_days < self.min_delay_days:
            why = (
                f"must not be less than min_delay_days ({self.min_delay_days:g}), "
                "so nobody could ever be asked; raise it, or set 0 for no maximum"
            )
            found.append(("max_delay_days", why))
        if self.trigger_properties and not self.trigger_event:
            found.append(("trigger_properties", "needs a trigger_event, whose properties they are"))
        if self.send_window is not None and self.send_window.opens >= self.send_window.closes:
            why = (
                f"must be later than send_from ({self.send_from or '00:00'}), or no mail could ever go out; "
                "hours over midnight cannot be said, so leave one of the two empty"
            )
            found.append(("send_until", why))
        return found


def _since_midnight(time_of_day: str) -> timedelta:
    hours, minutes = time_of_day.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _is_same(found: Any, wanted: Any) -> bool:
    """Return whether two JSON values are equal; true is not 1."""
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def rules_of(settings: Mapping[str, Any]) -> SurveyRules:
    """Return the rules of a survey as stored: unknown settings are other people's, missing ones get their default."""
    known = {one.name: settings[one.name] for one in fields(SurveyRules) if one.name in settings}
    if "on_missing_created_at" in known:
        known["on_missing_created_at"] = OnMissingCreatedAt(known["on_missing_created_at"])
    return SurveyRules(**known)
