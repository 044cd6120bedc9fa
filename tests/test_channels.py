"""Channels as operators see and change them: pauses, order, swaps, while mails are on their way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.admin.configuration.connections import resume
from hub.admin.operations import channels as administering
from hub.admin.trouble import NotThere
from hub.pipeline.report import record_reports
from hub.plugin import ChannelPaused, DeliveryReport, NotSent, ReportKind, Sent
from hub.store.configuration import Role
from hub.store.tables import invitation
from tests.clock import NOW
from tests.lab import Lab, identify, survey_lines


def configured(*channels: str, rate: str = "") -> str:
    """Return a document with a survey that sends by these channels, in this order."""
    rated = f'rate = "{rate}"\n' if rate else ""
    tables = "".join(f'[channels.{name}]\nkind = "fake"\n{rated}' for name in sorted(channels))
    order = ", ".join(f'"{name}"' for name in channels)
    source = '[sources.product]\nkind = "fake"\n'
    survey = f'[surveys.onboarding]\nsources = ["product"]\nchannels = [{order}]\n'
    return source + tables + survey + survey_lines()


def refuse(message, point_of_no_return):
    raise ChannelPaused("The login was refused.")


@pytest.fixture
def failing(lab: Lab) -> Lab:
    """A hub whose only channel is paused."""
    lab.configure(configured("relay"))
    lab.office.behaviour["relay"] = refuse
    lab.decide(identify())
    lab.deliver()
    return lab


def test_channels_tell_how_they_do(failing):
    [relay] = administering.channels(failing.hub)
    assert (relay.name, relay.state, relay.failures) == ("relay", "paused", 1)
    assert relay.sentence == "The login was refused."
    assert relay.paused_until == NOW + timedelta(minutes=1)
    assert relay.surveys == ["onboarding (first)"]
    failing.clock.advance(timedelta(minutes=1))
    [relay] = administering.channels(failing.hub)
    assert relay.state == "on_trial"
    failing.office.behaviour.clear()
    failing.deliver()
    [relay] = administering.channels(failing.hub)
    assert (relay.state, relay.failures) == ("working", 0)


def test_address_for_reports_is_told_where_the_plugin_takes_any(lab):
    lab.configure(configured("relay", rate="600/minute"))
    [relay] = administering.channels(lab.hub)
    assert relay.reports_path == f"/channels/{relay.id}/events"
    assert relay.rate == "600/minute"


def test_mail_that_waits_for_a_channel_leaves_as_soon_as_it_is_resumed(failing):
    failing.office.behaviour.clear()
    assert failing.deliver() == 0
    assert resume(failing.hub, Role.CHANNEL, "relay")
    assert failing.deliver() == 1
    assert not resume(failing.hub, Role.CHANNEL, "relay")


def test_mail_that_every_channel_failed_leaves_as_soon_as_one_is_resumed(lab):
    lab.configure(configured("relay", "spare"))
    lab.office.behaviour.update(relay=refuse, spare=refuse)
    lab.decide(identify())
    lab.deliver()
    lab.office.behaviour.clear()
    assert lab.deliver() == 0
    assert resume(lab.hub, Role.CHANNEL, "relay")
    assert lab.deliver() == 1
    assert [name for name, _ in lab.office.mails] == ["relay"]


def test_resumed_channel_hurries_nothing_that_is_not_due_or_is_held_or_may_have_left(failing):
    failing.decide(*[identify(f"u{number}") for number in range(2, 5)])
    _, later, held, doubted = [row.id for row in failing.invitations()]
    tomorrow = {"due_at": NOW + timedelta(days=1), "next_attempt_at": NOW + timedelta(days=1)}
    for id, values in ((later, tomorrow), (held, {"state": "held"}), (doubted, {"state": "unknown"})):
        with failing.hub.store.write() as connection:
            connection.execute(invitation.update().where(invitation.c.id == id).values(**values))
    failing.office.behaviour.clear()
    assert resume(failing.hub, Role.CHANNEL, "relay")
    assert failing.deliver() == 1
    found = {row.id: row.state for row in failing.invitations()}
    assert [found[later], found[held], found[doubted]] == ["scheduled", "held", "unknown"]


def test_mail_that_waits_by_its_own_refusal_is_not_hurried_by_a_channel_that_works(lab):
    lab.configure(configured("relay"))
    lab.office.behaviour["relay"] = lambda message, point_of_no_return: NotSent(why="450 greylisted")
    lab.decide(identify())
    lab.deliver()
    lab.office.behaviour.clear()
    assert not resume(lab.hub, Role.CHANNEL, "relay")
    assert lab.deliver() == 0


def test_paused_channel_is_tried_at_once_when_its_settings_changed_and_only_then(failing):
    failing.configure(configured("relay"))
    assert administering.channels(failing.hub)[0].state == "paused"
    failing.office.behaviour.clear()
    failing.configure(configured("relay", rate="60/minute"))
    assert administering.channels(failing.hub)[0].state == "working"
    assert failing.deliver() == 1


def test_channel_that_does_not_exist_cannot_be_resumed(failing):
    with pytest.raises(NotThere, match="smtp"):
        resume(failing.hub, Role.CHANNEL, "smtp")


def test_reordering_channels_changes_who_sends_the_next_mail(lab):
    lab.configure(configured("relay", "spare"))
    lab.decide(identify("u1"))
    lab.deliver()
    lab.configure(configured("spare", "relay"))
    lab.decide(identify("u2"))
    lab.deliver()
    assert [name for name, _ in lab.office.mails] == ["relay", "spare"]


def test_provider_swapped_while_mails_are_in_flight_sends_each_of_them_once(lab):
    lab.configure(configured("relay"))

    def swap_meanwhile(message, point_of_no_return):
        point_of_no_return()
        if len(lab.office.mails) == 1:
            lab.configure(configured("other"))
        return Sent(provider_id="p-1")

    lab.office.behaviour["relay"] = swap_meanwhile
    lab.decide(*[identify(f"u{number}") for number in range(20)])
    lab.deliver()
    assert lab.office.addresses == sorted(f"u{number}@acme.example" for number in range(20))
    assert lab.states() == ["sent"] * 20


def test_mail_that_the_old_provider_did_not_send_goes_by_the_new_one(lab):
    lab.configure(configured("relay"))

    def swap_and_fail(message, point_of_no_return):
        lab.configure(configured("other"))
        return NotSent(why="421", channel_fault=True)

    lab.office.behaviour["relay"] = swap_and_fail
    lab.decide(identify())
    lab.deliver()
    lab.clock.advance(timedelta(hours=1))
    lab.deliver()
    assert [name for name, _ in lab.office.mails] == ["other"]


def test_late_bounce_of_the_old_provider_is_understood(lab):
    lab.configure(configured("relay"))
    relay = lab.id_of(Role.CHANNEL, "relay")
    lab.decide(identify())
    lab.deliver()
    lab.configure(configured("other"))
    [invitation] = lab.invitations()
    record_reports(lab.hub, relay, [DeliveryReport(message_id=invitation.id, kind=ReportKind.BOUNCED, at=NOW)])
    assert lab.states() == ["bounced"]
    lab.clock.advance(timedelta(weeks=30))
    lab.decide(identify())
    assert lab.reasons()[-1] == "suppressed"
