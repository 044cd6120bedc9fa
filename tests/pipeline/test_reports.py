"""What providers report later: states, suppressions, and what never changes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from hub.pipeline import respond
from hub.pipeline.report import CHUNK, record_reports
from hub.plugin import DeliveryReport, NotSent, Rejected, ReportKind, Sent, Unknown
from hub.store import tables
from hub.store.configuration import Role
from tests.clock import days
from tests.lab import SETUP, Lab, identify, survey_lines

SPARE = '[channels.spare]\nkind = "fake"\n'
TWO_CHANNELS = SPARE + SETUP.replace('["relay"]', '["relay", "spare"]') + survey_lines()


@pytest.fixture
def sent(lab: Lab) -> Lab:
    """A hub that mailed one customer."""
    lab.decide(identify())
    lab.deliver()
    return lab


def report(lab: Lab, kind: str, *, permanent: bool = True, channel: str = "relay", at: datetime | None = None) -> int:
    [invitation] = lab.invitations()
    said = DeliveryReport(
        message_id=invitation.id, kind=ReportKind(kind), at=at or lab.clock(), detail="said so", permanent=permanent
    )
    return record_reports(lab.hub, lab.id_of(Role.CHANNEL, channel), [said])


def suppressed(lab: Lab) -> list[str]:
    return [row.reason for row in lab.rows(tables.suppression)]


@pytest.mark.parametrize(
    ("kind", "state", "stops"),
    [
        ("delivered", "sent", []),
        ("deferred", "sent", []),
        ("dropped", "rejected", []),
        ("bounced", "bounced", ["hard_bounced"]),
        ("complained", "complained", ["complained"]),
        ("unsubscribed", "sent", ["unsubscribed"]),
    ],
)
def test_report_settles_the_invitation_and_who_is_mailed_again(sent, kind, state, stops):
    assert report(sent, kind) == 1
    assert sent.states() == [state]
    assert suppressed(sent) == stops


def test_bounce_that_says_nothing_about_the_mailbox_does_not_suppress_it(sent):
    report(sent, "bounced", permanent=False)
    assert (sent.states(), suppressed(sent)) == (["bounced"], [])


def test_dropped_mail_does_not_count_as_sent(sent):
    report(sent, "dropped")
    sent.clock.advance(days(8))
    sent.decide(identify())
    assert sent.reasons() == ["scheduled", "scheduled"]


@pytest.mark.parametrize(
    ("kind", "state"),
    [("delivered", "sent"), ("dropped", "rejected"), ("bounced", "bounced"), ("complained", "complained")],
)
def test_unknown_is_settled_by_a_report(lab, kind, state):
    lab.office.behaviour["relay"] = departing_with(Unknown(why="cut off"))
    lab.decide(identify())
    lab.deliver()
    report(lab, kind)
    assert lab.states() == [state]


def departing_with(outcome: object):
    def send(message, point_of_no_return):
        point_of_no_return()
        return outcome

    return send


@pytest.mark.parametrize("late", [Sent(), NotSent(why="timeout"), Rejected(why="no"), Unknown(why="cut off")])
@pytest.mark.parametrize(("kind", "state"), [("delivered", "sent"), ("bounced", "bounced")])
def test_report_before_our_own_record_is_not_undone_by_it(lab, kind, state, late):
    def send(message, point_of_no_return):
        point_of_no_return()
        report(lab, kind)
        return late

    lab.office.behaviour["relay"] = send
    lab.decide(identify())
    lab.deliver()
    assert lab.states() == [state]
    lab.clock.advance(days(1))
    assert lab.deliver() == 0


def test_mail_that_arrived_after_all_is_not_sent_again(lab):
    lab.office.behaviour["relay"] = departing_with(NotSent(why="timeout"))
    lab.decide(identify())
    lab.deliver()
    assert lab.states() == ["queued"]
    report(lab, "delivered")
    lab.clock.advance(days(1))
    assert lab.deliver() == 0
    assert lab.states() == ["sent"]


def test_same_report_twice_is_told_once(sent):
    report(sent, "delivered")
    report(sent, "delivered")
    assert sorted(row.outcome for row in sent.rows(tables.attempt)) == ["delivered", "sent"]


def test_complaint_counts_also_after_a_bounce_and_a_delivery_does_not(sent):
    report(sent, "bounced")
    report(sent, "delivered")
    assert sent.states() == ["bounced"]
    report(sent, "complained")
    assert sent.states() == ["complained"]


def test_report_of_a_channel_that_did_not_send_the_mail_moves_nothing(lab):
    lab.configure(TWO_CHANNELS)
    lab.office.behaviour["relay"] = departing_with(NotSent(why="login", channel_fault=True))
    lab.decide(identify())
    lab.deliver()
    report(lab, "bounced", permanent=False, channel="relay")
    assert lab.states() == ["sent"]


def test_late_bounce_of_a_channel_taken_out_of_use_is_understood(sent):
    relay = sent.id_of(Role.CHANNEL, "relay")
    sent.configure(SETUP.replace("relay", "other") + survey_lines())
    [invitation] = sent.invitations()
    said = DeliveryReport(message_id=invitation.id, kind=ReportKind.BOUNCED, at=sent.clock())
    assert record_reports(sent.hub, relay, [said]) == 1
    assert (sent.states(), suppressed(sent)) == (["bounced"], ["hard_bounced"])


def test_unknown_messages_are_passed_over_and_many_are_taken_in_pieces(lab):
    lab.decide(*[identify(f"u{number}") for number in range(CHUNK + 1)])
    lab.deliver()
    said = [
        DeliveryReport(message_id=row.id, kind=ReportKind.DELIVERED, at=lab.clock()) for row in lab.invitations()
    ] + [DeliveryReport(message_id="0" * 28, kind=ReportKind.BOUNCED, at=lab.clock())]
    assert record_reports(lab.hub, lab.id_of(Role.CHANNEL, "relay"), said) == CHUNK + 1


def test_time_of_a_report_stays_between_scheduling_and_now(lab):
    lab.office.behaviour["relay"] = departing_with(NotSent(why="timeout"))
    lab.decide(identify())
    lab.deliver()
    report(lab, "delivered", at=lab.clock() - timedelta(days=900))
    [invitation] = lab.invitations()
    assert invitation.sent_at == invitation.scheduled_at


def test_answer_wins_over_a_late_outcome_of_the_channel(lab):
    def send(message, point_of_no_return):
        point_of_no_return()
        respond.answer(lab.hub, lab.token(), 9, None)
        return Rejected(why="550 after all")

    lab.office.behaviour["relay"] = send
    lab.decide(identify())
    lab.deliver()
    assert lab.states() == ["sent"]
