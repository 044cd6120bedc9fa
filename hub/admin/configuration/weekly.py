"""The weekly report: who gets it and when, and what became of the last one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates, validates_schema
from sqlalchemy import Connection

from hub.admin import audit
from hub.admin.configuration.document import problems_of
from hub.admin.configuration.schemas import Switch
from hub.admin.names import connection_named
from hub.config import ConfigError
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.store import report_mails
from hub.store.configuration import Role, read_setting, write_setting
from hub.store.report_mails import SeenMail

CATCH_UP = timedelta(days=1)
"""How long after its time a report may still go out."""
WEEK = timedelta(days=7)
MOST_RECIPIENTS = 50
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
GIVEN_UP = "given_up"
"""Beside the states of a mail: it waited, and waits no more."""
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
    """The settings of the report, when it goes out next, and what became of the last one, by address.

    `troubles` are sentences for who has to do something.
    """

    settings: Mapping[str, Any]
    next_at: datetime | None
    last: Sequence[SeenMail]
    troubles: Sequence[str]


def report_settings(hub: Hub) -> SeenReport:
    """Return how the report is set, and how it went."""
    with hub.store.read() as connection:
        stored = read_setting(connection, _NAME) or {}
        settings = ReportSchema().load({name: value for name, value in stored.items() if name != "since"})
        last = _last(connection, hub.now())
        can_go = settings["enabled"] and not _is_without_channel(hub, settings)
        return SeenReport(
            settings=settings,
            next_at=_next_slot(connection, settings, hub.now()) if can_go else None,
            last=last,
            troubles=[*_troubles(hub, settings, last), *_missed(connection, stored, hub.now(), last)],
        )


def troubles(hub: Hub) -> Sequence[str]:
    """Return why the report does not go out, or did not, as sentences."""
    return report_settings(hub).troubles


def uses_channel(hub: Hub, name: str) -> bool:
    """Return whether the report goes out by the channel of this name."""
    with hub.store.read() as connection:
        stored = read_setting(connection, _NAME)
    return bool(stored and stored["enabled"] and stored["channel"] == name)


def put(hub: Hub, raw: Mapping[str, Any]) -> None:
    """Set the report. Raises ConfigError with every problem, as in `report.recipients.0: ...`."""
    schema = ReportSchema(unknown=RAISE)
    try:
        settings = schema.load(raw)
    except ValidationError as error:
        raise ConfigError(problems_of("report", error.messages, schema)) from None
    if settings["enabled"]:
        connection_named(hub.registry.current(), Role.CHANNEL, settings["channel"])

    def work(connection: Connection) -> None:
        now = hub.now()
        since = _since(read_setting(connection, _NAME), settings, now)
        write_setting(connection, _NAME, {**settings, "since": since})
        told = {name: settings[name] for name in ("enabled", "recipients", "channel")}
        audit.note(hub, connection, audit.Action.REPORT_CHANGED, "report", **told)

    hub.store.transact(work)


def _since(stored: Mapping[str, Any] | None, settings: Mapping[str, Any], now: datetime) -> str:
    """Return from when on the report goes out: a time that was past when it was set belongs to the next week."""
    if stored and stored["enabled"] and _slot(stored, now) == _slot(settings, now):
        return str(stored["since"])
    return now.isoformat()


# When, and how it went


@dataclass(frozen=True, kw_only=True)
class Due:
    """A report that has to be out by now: of the seven days until `slot`, to those who did not have that week's."""

    slot: datetime
    recipients: Sequence[str]
    channel: str


def due(connection: Connection, now: datetime) -> Due | None:
    """Return the report that may go out now, None outside the day after its time."""
    stored = read_setting(connection, _NAME)
    if not stored or not stored["enabled"]:
        return None
    slot = _slot(stored, now)
    if now - slot >= CATCH_UP or slot < datetime.fromisoformat(stored["since"]):
        return None
    return Due(slot=slot, recipients=_without_it(connection, slot, stored["recipients"]), channel=stored["channel"])


def _slot(settings: Mapping[str, Any], now: datetime) -> datetime:
    """Return the newest weekly moment that is not in the future."""
    zone = ZoneInfo(settings["timezone"])
    local = now.astimezone(zone)
    back = (local.weekday() - WEEKDAYS.index(settings["weekday"])) % len(WEEKDAYS)
    slot = datetime.combine(local.date() - timedelta(days=back), time(settings["hour"]), tzinfo=zone)
    return slot if slot <= local else slot - WEEK


def _next_slot(connection: Connection, settings: Mapping[str, Any], now: datetime) -> datetime:
    """Return the next weekly moment at which anybody gets a report."""
    slot = _slot(settings, now) + WEEK
    return slot if _without_it(connection, slot, settings["recipients"]) else slot + WEEK


def _without_it(connection: Connection, slot: datetime, recipients: Sequence[str]) -> list[str]:
    """Return who had no report of the same week, at another time that was set before."""
    had = report_mails.had_between(connection, slot - WEEK / 2, slot + WEEK / 2, but=slot)
    return [one for one in recipients if one not in had]


def _last(connection: Connection, now: datetime) -> list[SeenMail]:
    open_one = due(connection, now)

    def waits(one: SeenMail) -> bool:
        return open_one is not None and one.slot == open_one.slot and one.recipient in open_one.recipients

    return [
        replace(one, state=GIVEN_UP) if one.state == "pending" and not waits(one) else one
        for one in report_mails.latest(connection)
    ]


def _troubles(hub: Hub, settings: Mapping[str, Any], last: Sequence[SeenMail]) -> list[str]:
    if not settings["enabled"]:
        return []
    found = []
    if _is_without_channel(hub, settings):
        found.append(f"The weekly report cannot go out: its channel {settings['channel']} is out of use.")
    lost = [one for one in last if one.state == GIVEN_UP and one.recipient in settings["recipients"]]
    if lost and hub.now() - lost[0].slot >= CATCH_UP:
        day = lost[0].slot.astimezone(ZoneInfo(settings["timezone"]))
        why = next((f": {one.note.rstrip('.')}" for one in lost if one.note), "")
        what = f"The weekly report of {day:%-d %B}"
        who = "1 address" if len(lost) == 1 else f"{len(lost)} addresses"
        found.append(f"{what} could not be sent to {who} within a day, and was given up{why}.")
    return found


def _missed(
    connection: Connection, stored: Mapping[str, Any], now: datetime, last: Sequence[SeenMail]
) -> Iterator[str]:
    """Yield a sentence where nobody ever began to send the newest report."""
    if not stored or not stored["enabled"]:
        return
    slot = _slot(stored, now)
    is_over = now - slot >= CATCH_UP and slot >= datetime.fromisoformat(stored["since"])
    is_begun = bool(last) and last[0].slot >= slot
    if is_over and not is_begun and _without_it(connection, slot, stored["recipients"]):
        yield f"The weekly report of {slot:%-d %B} was not sent: no worker was there within a day of its time."


def _is_without_channel(hub: Hub, settings: Mapping[str, Any]) -> bool:
    return hub.registry.current().named(Role.CHANNEL, settings["channel"]) is None
