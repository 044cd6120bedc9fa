"""What may stand in a configuration besides a plugin's own settings."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

from marshmallow import Schema, ValidationError, fields, validate, validates, validates_schema

from hub.admin.configuration.text_schemas import AppearanceSchema
from hub.domain.rates import read_rate
from hub.domain.settings import OnMissingCreatedAt, SurveyRules, rules_of
from hub.domain.windows import DAY_NAMES, WEEKDAYS
from hub.pipeline.sync import SETTLE_MINUTES
from hub.plugin import NoticeKind
from hub.store.configuration import Role

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_TIME_OF_DAY = r"([01]\d|2[0-3]):[0-5]\d"
_NOT_NEGATIVE = validate.Range(min=0, error="must be 0 or more")
_DEFAULTS = SurveyRules()
_LONGEST = 36_500
"""Of any unit: beyond some thousand years the calendar ends, and with it every decision."""
_MORE_THAN_NONE = validate.Range(min=0, min_inclusive=False, max=_LONGEST, error="must be more than 0, to {max:g}")
_NO_DAY = f"must be one of {', '.join(WEEKDAYS)}"


class _Number(fields.Float):
    """A number as TOML and JSON write it; text that looks like one is a mistake."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Switch(fields.Boolean):
    """True or false; neither "yes" nor 1."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def _number(default: float, text: str, label: str = "", *, highest: float = _LONGEST) -> fields.Float:
    """Return a field for a number; `label` is what a form calls it where the name says too little."""
    limits = [validate.Range(min=0, max=highest, error="must be 0 to {max:g}")]
    return _Number(load_default=default, validate=limits, metadata={"help": text, "label": label})


def _names(text: str) -> fields.List[str]:
    return fields.List(fields.String(), load_default=list, metadata={"help": text})


def _time_of_day(text: str, label: str) -> fields.String:
    time = validate.Regexp(rf"({_TIME_OF_DAY})?\Z", error="write a time of day such as 09:00")
    return fields.String(load_default="", validate=time, metadata={"help": text, "label": label, "input": "time"})


def _check_zone(name: str) -> None:
    if name != "UTC" and name not in available_timezones():
        raise ValidationError(f"there is no time zone {name!r}; write one such as Europe/Berlin")


def _is_plain(value: Any) -> None:
    if not isinstance(value, str | int | float | bool):
        raise ValidationError("must be text, a number, true or false")


class _ConnectedSchema(Schema):
    """Whom a survey's people, mails and answers come from and go to."""

    sources = _names("Names of the sources whose events it listens to.")
    channels = _names("Names of the channels it sends by, in the order of failover.")
    targets = _names("Names of the targets its answers are synced to.")
    enabled = Switch(load_default=False, metadata={"help": "Whether it asks anybody. A survey starts as a draft."})


class SurveySchema(AppearanceSchema, _ConnectedSchema):
    """A survey: where its people come from, how they are asked, where answers go, and the rules."""

    trigger_event = fields.String(
        load_default="",
        validate=validate.Length(max=200),
        metadata={
            "help": "Name of the `track` event that starts it. Default: every identify does, and no track.",
            "label": "Track event that starts it",
        },
    )
    trigger_properties = fields.Dict(
        keys=fields.String(),
        values=fields.Raw(validate=_is_plain),
        load_default=dict,
        metadata={
            "help": 'Which values properties of that event must have, by their names, such as `{"plan": "pro"}`.',
            "label": "With these properties",
        },
    )
    min_delay_days = _number(
        _DEFAULTS.min_delay_days, "Earliest age of a customer when asked, in days.", "Ask at the earliest"
    )
    max_delay_days = _number(
        _DEFAULTS.max_delay_days, "Greatest age of a customer when asked, in days; 0: no limit.", "Ask at the latest"
    )
    min_interval_weeks = _number(
        _DEFAULTS.min_interval_weeks,
        "Least time between two surveys of a person or mailbox, in weeks; 0: none.",
        "Ask again after",
    )
    on_missing_created_at = fields.Enum(
        OnMissingCreatedAt,
        by_value=True,
        load_default=OnMissingCreatedAt.IMMEDIATE,
        metadata={
            "help": "What to do without createdAt: ask at once, count from the first event seen, or skip.",
            "label": "Customers without createdAt",
            "labels": {"immediate": "Ask at once", "first_seen": "Count from their first event", "skip": "Do not ask"},
        },
    )
    max_event_age_hours = _number(
        _DEFAULTS.max_event_age_hours,
        "Older events (a replay, an import) start no survey; 0: no limit.",
        "Ignore events older than",
    )
    quiet_period_hours = _number(
        _DEFAULTS.quiet_period_hours, "Least time between mails of any two surveys; 0: none.", "Quiet after any survey"
    )
    holdout_percent = _number(
        _DEFAULTS.holdout_percent, "Share of people who are never asked, in percent.", "Never ask", highest=100
    )
    daily_limit = fields.Integer(
        strict=True,
        load_default=_DEFAULTS.daily_limit,
        validate=_NOT_NEGATIVE,
        metadata={"help": "Most invitations a UTC day; 0: no limit."},
    )
    send_grace_hours = _Number(
        load_default=_DEFAULTS.send_grace_hours,
        validate=_MORE_THAN_NONE,
        metadata={"help": "How late a mail may still go, when channels or workers were away."},
    )
    surge_brake = Switch(
        load_default=_DEFAULTS.surge_brake,
        metadata={"help": "Hold invitations when far more than usual fall due at once."},
    )

    reminders = fields.Integer(
        strict=True,
        load_default=_DEFAULTS.reminders,
        validate=validate.Range(min=0, max=2, error="must be 0, 1 or 2"),
        metadata={"help": "How often somebody who does not answer is reminded: 0, 1 or 2 times."},
    )
    reminder_after_days = _Number(
        load_default=_DEFAULTS.reminder_after_days,
        validate=_MORE_THAN_NONE,
        metadata={
            "help": "How long after a mail without an answer the reminder is due, in days.",
            "label": "Remind after",
        },
    )
    send_days = fields.List(
        fields.String(validate=validate.OneOf(WEEKDAYS, labels=DAY_NAMES, error=_NO_DAY)),
        load_default=list,
        error_messages={"null": "choose at least one day"},
        metadata={"help": "Days on which mails go out. Default: all.", "label": "Mails go out on"},
    )
    send_from = _time_of_day(
        "When mails begin to go out on such a day, as 09:00. Default: at midnight.", "Mails go out from"
    )
    send_until = _time_of_day(
        "Until when mails go out on such a day, as 17:30. Default: until midnight.", "Mails go out until"
    )
    send_timezone = fields.String(
        load_default=_DEFAULTS.send_timezone,
        metadata={
            "help": "The time zone of these days and hours, such as Europe/Berlin.",
            "label": "Time zone of these hours",
        },
    )
    send_in_customer_timezone = Switch(
        load_default=_DEFAULTS.send_in_customer_timezone,
        metadata={
            "help": "Go by the customer's own time zone instead, where it is known.",
            "label": "By the customer's clock",
        },
    )

    @validates("send_timezone")
    def check_zone(self, value: str, **_: Any) -> None:
        """Refuse a zone that nobody knows."""
        _check_zone(value)

    @validates_schema
    def check_rules(self, values: dict[str, Any], **_: Any) -> None:
        """Refuse settings that contradict each other."""
        problems = rules_of(values).problems()
        if problems:
            raise ValidationError({name: [why] for name, why in problems})


class SourceOptions(Schema):
    """What the hub itself wants to know of a source."""

    namespace = fields.String(
        load_default="",
        validate=validate.Length(max=63),
        metadata={
            "help": "Set it where sources number their users independently; ids only meet within a namespace.",
            "rare": True,
        },
    )


class ChannelOptions(Schema):
    """What the hub itself wants to know of a channel."""

    rate = fields.String(
        load_default="",
        metadata={
            "help": "Most messages in a span of time, such as 14/second, 600/minute or 10000/day. Default: any.",
            "rare": True,
        },
    )

    @validates("rate")
    def check_rate(self, value: str, **_: Any) -> None:
        """Refuse what is no rate."""
        try:
            read_rate(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class TargetOptions(Schema):
    """What the hub itself wants to know of a target."""

    namespace = fields.String(
        load_default="",
        validate=validate.Length(max=63),
        metadata={
            "help": "Whose ids the target knows: the namespace of the sources whose people it is told about.",
            "rare": True,
        },
    )
    sync = fields.String(
        load_default="daily",
        validate=validate.OneOf(["daily", "soon"], labels=["daily: at a time of day", "soon: as they come"]),
        metadata={
            "help": "When answers go out: `daily`, at sync_at, or `soon`, each once it has settled.",
            "label": "Answers go out",
            "rare": True,
        },
    )
    settle_minutes = _Number(
        load_default=SETTLE_MINUTES,
        validate=validate.Range(min=0, max=1_440, error="must be 0 to {max:g}"),
        metadata={
            "help": "With `soon`: how long an answer rests, so that a score and the comment that follows go out once.",
            "label": "Let an answer rest for",
            "rare": True,
        },
    )
    sync_at = fields.String(
        load_default="03:00",
        validate=validate.Regexp(_TIME_OF_DAY + r"\Z", error="write a time of day such as 03:00"),
        metadata={"help": "When the daily sync starts, HH:MM.", "label": "Time of the daily sync", "rare": True},
    )
    sync_timezone = fields.String(
        load_default="UTC",
        metadata={
            "help": "The time zone of sync_at, such as Europe/Berlin.",
            "label": "Time zone of the daily sync",
            "rare": True,
        },
    )

    @validates("sync_timezone")
    def check_zone(self, value: str, **_: Any) -> None:
        """Refuse a zone that nobody knows."""
        _check_zone(value)


_EVENTS = [str(kind) for kind in NoticeKind if kind is not NoticeKind.TEST]
_EVENTS_UNLESS_TOLD = [kind for kind in _EVENTS if kind != NoticeKind.ANSWERED]


class ListenerOptions(Schema):
    """What the hub itself wants to know of a listener."""

    events = fields.List(
        fields.String(
            validate=validate.OneOf(
                _EVENTS,
                labels=[
                    "A customer answers",
                    "A detractor answers",
                    "A mail bounces",
                    "A channel is paused",
                    "The surge brake begins to hold",
                ],
            )
        ),
        load_default=lambda: [*_EVENTS_UNLESS_TOLD],
        validate=validate.Length(min=1, error="choose at least one"),
        metadata={"help": "What it hears of.", "label": "Tell it when"},
    )
    surveys = fields.List(
        fields.String(),
        load_default=list,
        metadata={"help": "Names of the surveys it hears of. Default: all.", "label": "Only of these surveys"},
    )
    namespace = fields.String(
        load_default="",
        validate=validate.Length(max=63),
        metadata={
            "help": "Whose ids it is told: the namespace of the sources that its surveys listen to.",
            "rare": True,
        },
    )


OPTIONS: dict[Role, type[Schema]] = {
    Role.SOURCE: SourceOptions,
    Role.CHANNEL: ChannelOptions,
    Role.TARGET: TargetOptions,
    Role.LISTENER: ListenerOptions,
}
