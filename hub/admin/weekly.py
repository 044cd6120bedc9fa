"""The weekly report: who gets it and when, and how it is sent, at most once a week to everybody."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates, validates_schema
from sqlalchemy import Connection

from hub.admin import audit
from hub.admin.document import problems_of
from hub.admin.names import connection_named
from hub.admin.schemas import Switch
from hub.admin.trials import TestMail, hand_over, send_message
from hub.admin.weekly_content import report_to
from hub.config import ConfigError
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.plugin import NotSent, Outcome, SurveyChannel
from hub.store import holds, pauses, report_mails
from hub.store.configuration import Role, read_setting, write_setting

log = logging.getLogger(__name__)

CATCH_UP = timedelta(days=1)
"""How long after its time a report may still go out."""
MOST_RECIPIENTS = 50
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAME = "weekly_report"


def _address(value: str) -> None:
    if check_address(value) is None:
        raise ValidationError(f"{value[:100]!r} is no address that can be mailed")


class ReportSchema(Schema):
    """Who gets the weekly report, when, and how."""

    enabled = Switch(load_default=False, metadata={"help": "Whether it is sent.", "label": "Send it every week"})
    recipients = fields.List(
        fields.String(validate=_address),
        load_default=list,
        validate=validate.Length(max=MOST_RECIPIENTS),
        metadata={"help": f"Addresses, {MOST_RECIPIENTS} at most."},
    )
    channel = fields.String(load_default="", metadata={"help": "The mail channel it goes out by."})
    weekday = fields.String(
        load_default="monday",
        validate=validate.OneOf(WEEKDAYS, labels=[day.capitalize() for day in WEEKDAYS]),
        metadata={"help": "The day it is sent on."},
    )
    hour = fields.Integer(
        strict=True,
        load_default=8,
        validate=validate.Range(min=0, max=23, error="must be 0 to 23"),
        metadata={"help": "The hour of that day, 0 to 23.", "unit": "o'clock"},
    )
    timezone = fields.String(
        load_default="UTC",
        metadata={"help": "The time zone of both, such as Europe/Berlin.", "label": "Time zone"},
    )

    @validates("timezone")
    def check_zone(self, value: str, **_: Any) -> None:
        """Refuse a zone that nobody knows."""
        if value != "UTC" and value not in available_timezones():
            raise ValidationError(f"there is no time zone {value!r}; write one such as Europe/Berlin")

    @validates_schema
    def check_whole(self, values: dict[str, Any], **_: Any) -> None:
        """Refuse to send to nobody, or by nothing."""
        needed = {"recipients": "write at least one address", "channel": "choose a channel"}
        missing = {name: [why] for name, why in needed.items() if values["enabled"] and not values[name]}
        if missing:
            raise ValidationError(missing)


@dataclass(frozen=True, kw_only=True)
class SeenReport:
    """The settings of the report, when it goes out next, and what became of the last one, by address."""

    settings: Mapping[str, Any]
    next_at: datetime | None
    last: Sequence[report_mails.SeenMail]


def report_settings(hub: Hub) -> SeenReport:
    """Return how the report is set, and how it went."""
    with hub.store.read() as connection:
        stored = read_setting(connection, _NAME) or {}
        last = report_mails.latest(connection)
    settings = ReportSchema().load({name: value for name, value in stored.items() if name != "since"})
    next_at = _slot(settings, hub.now(), ahead=True) if settings["enabled"] else None
    return SeenReport(settings=settings, next_at=next_at, last=last)


def put(hub: Hub, raw: Mapping[str, Any]) -> None:
    """Set the report. Raises ConfigError with every problem, as in `report.recipients.0: ...`."""
    schema = ReportSchema(unknown=RAISE)
    try:
        settings = schema.load(raw)
    except ValidationError as error:
        raise ConfigError(problems_of("report", error.messages, schema)) from None
    if settings["channel"]:
        connection_named(hub.registry.current(), Role.CHANNEL, settings["channel"])

    def work(connection: Connection) -> None:
        write_setting(connection, _NAME, {**settings, "since": hub.now().isoformat()})
        told = {name: settings[name] for name in ("enabled", "recipients", "channel")}
        audit.note(hub, connection, audit.Action.REPORT_CHANGED, "report", **told)

    hub.store.transact(work)


def send_now(hub: Hub, to: str, channel: str) -> TestMail:
    """Send one report to one address, beside the weekly ones.

    Raises NotThere for an unknown channel, and ConfigError for an address that cannot be mailed.
    """
    address = check_address(to)
    if address is None:
        raise ConfigError([f"to: {to!r} is no address that can be mailed"])
    stored = connection_named(hub.registry.current(), Role.CHANNEL, channel).stored
    sent = send_message(hub, stored, lambda _: report_to(hub, address, until=hub.now()), what="report")
    audit.note_alone(hub, audit.Action.REPORT_SENT, "report", to=address, channel=channel, outcome=sent.outcome)
    return sent


# Every week


def is_due(hub: Hub, connection: Connection) -> bool:
    """Return whether a report has to be sent, or its sending to be looked after, right now."""
    due = _due(connection, hub.now())
    return due is not None and report_mails.is_any_open(connection, due.slot, due.recipients, hub.now())


def send_due(hub: Hub) -> int:
    """Send the report of this week to those who did not get it yet; return to how many.

    What was past the point of no return when a worker died is in doubt, and is not sent again.
    """
    with hub.store.alone("report") as mine:
        if mine is None:
            return 0
        due = hub.store.transact(lambda connection: _begin(hub, connection))
        if due is None:
            return 0
        with hub.store.read() as connection:
            waiting = report_mails.waiting(connection, due.slot, hub.now())
        return sum(_send(hub, due, recipient) for recipient in waiting if recipient in due.recipients)


@dataclass(frozen=True, kw_only=True)
class _Due:
    slot: datetime
    recipients: Sequence[str]
    channel: str


def _due(connection: Connection, now: datetime) -> _Due | None:
    stored = read_setting(connection, _NAME)
    if not stored or not stored["enabled"]:
        return None
    slot = _slot(stored, now)
    if now - slot >= CATCH_UP or slot < datetime.fromisoformat(stored["since"]):
        return None
    return _Due(slot=slot, recipients=stored["recipients"], channel=stored["channel"])


def _slot(settings: Mapping[str, Any], now: datetime, *, ahead: bool = False) -> datetime:
    """Return the newest weekly moment that is not in the future, or the one after it."""
    zone = ZoneInfo(settings["timezone"])
    local = now.astimezone(zone)
    back = (local.weekday() - WEEKDAYS.index(settings["weekday"])) % len(WEEKDAYS)
    slot = datetime.combine(local.date() - timedelta(days=back), time(settings["hour"]), tzinfo=zone)
    slot = slot if slot <= local else slot - timedelta(days=7)
    return slot + timedelta(days=7) if ahead else slot


def _begin(hub: Hub, connection: Connection) -> _Due | None:
    due = _due(connection, hub.now())
    if due is not None:
        is_held = holds.current(connection) is not None
        report_mails.begin(connection, due.slot, due.recipients, may_have_left=is_held, now=hub.now())
    return due


def _send(hub: Hub, due: _Due, recipient: str) -> bool:
    """Send one report; return whether the mail system took it."""
    channel = hub.registry.current().named(Role.CHANNEL, due.channel)
    with hub.store.read() as connection:
        paused = pauses.paused(connection, hub.now())
    outcome: Outcome
    if channel is None or not isinstance(channel.provider, SurveyChannel) or channel.id in paused:
        outcome = NotSent(why=f"channels.{due.channel} cannot be used right now")
    else:
        try:
            message = report_to(hub, recipient, until=due.slot)
        except Exception as error:
            log.exception("The weekly report could not be made")
            outcome = NotSent(why=f"the report could not be made: {type(error).__name__}")
        else:
            outcome = hand_over(
                channel.provider,
                channel.id,
                message,
                may_go=lambda: hub.store.transact(
                    lambda connection: report_mails.depart(connection, due.slot, recipient)
                ),
            )
    hub.store.transact(
        lambda connection: report_mails.conclude(connection, due.slot, recipient, outcome, now=hub.now())
    )
    return report_mails.STATES[type(outcome)] == "sent"
