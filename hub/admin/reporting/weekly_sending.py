"""The weekly report is sent: once a week to everybody, or one beside at once."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from hub import stopping
from hub.admin import audit
from hub.admin.configuration import weekly
from hub.admin.configuration.weekly import Due
from hub.admin.names import connection_named
from hub.admin.operations.trials import TestMail, hand_over, send_message
from hub.admin.reporting.weekly_content import report_to
from hub.config import ConfigError
from hub.mail.addresses import check_address
from hub.pipeline.hub import Hub
from hub.plugin import NotSent, Outcome, SurveyChannel
from hub.store import holds, pauses, report_mails
from hub.store.configuration import Role

log = logging.getLogger(__name__)


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
    due = weekly.due(connection, hub.now())
    return due is not None and report_mails.is_any_open(connection, due.slot, due.recipients, hub.now())


def send_due(hub: Hub, *, until: float) -> int:
    """Send the report of this week to those who did not get it yet; return to how many.

    None is begun once the monotonic clock passes `until`: the others are found again. What was past the point of no
    return when a worker died is in doubt, and is not sent again.
    """
    with hub.store.alone("report") as mine:
        if mine is None:
            return 0
        due = hub.store.transact(lambda connection: _begin(hub, connection))
        if due is None:
            return 0
        with hub.store.read() as connection:
            waiting = report_mails.waiting(connection, due.slot, hub.now())
        sent = 0
        for recipient in waiting:
            if stopping.is_time_up(until):
                break
            sent += recipient in due.recipients and _send(hub, due, recipient)
        return sent


def _begin(hub: Hub, connection: Connection) -> Due | None:
    due = weekly.due(connection, hub.now())
    if due is not None:
        is_held = holds.current(connection) is not None
        report_mails.begin(connection, due.slot, due.recipients, may_have_left=is_held, now=hub.now())
    return due


def _send(hub: Hub, due: Due, recipient: str) -> bool:
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
