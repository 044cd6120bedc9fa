"""The invariants of `hub doctor`: each holds on a hub at work, and each is seen when it is broken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from hub.admin.operations.doctor import examine
from hub.domain.states import State
from hub.pipeline import respond
from hub.store import tables
from tests.lab import Lab, identify


def broken(lab: Lab) -> dict[str, str]:
    return {one.name: one.sentence for one in examine(lab.hub) if not one.ok and not one.is_note}


@pytest.fixture
def at_work(lab: Lab) -> Lab:
    """A hub that asked two people and got an answer of each."""
    lab.decide(identify("ada"), identify("bob"))
    lab.deliver()
    for index in range(2):
        respond.answer(lab.hub, lab.token(index), 9, "fine")
    lab.sync()
    return lab


def mail_two_to_one_mailbox(lab: Lab) -> None:
    lab.change(tables.invitation, mailbox="ada@acme.example")


def leave_a_claim_behind(lab: Lab) -> None:
    lab.change(tables.invitation, state=State.CLAIMED, lease_until=lab.clock())
    lab.clock.advance(timedelta(minutes=4))


def leave_a_departure_behind(lab: Lab) -> None:
    lab.change(tables.invitation, state=State.SENDING, lease_until=lab.clock())
    lab.clock.advance(timedelta(minutes=7))


def leave_an_answer_behind(lab: Lab) -> None:
    lab.change(tables.outbox, state="leased", lease_until=lab.clock())
    lab.clock.advance(timedelta(minutes=11))


def overtake_the_newest_answer(lab: Lab) -> None:
    lab.change(tables.outbox, state="superseded")


def forget_decisions(lab: Lab) -> None:
    with lab.hub.store.write() as connection:
        connection.execute(tables.decision.delete())


def leave_a_body_undecided(lab: Lab) -> None:
    lab.receive(identify("eve"))
    lab.clock.advance(timedelta(minutes=11))


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (mail_two_to_one_mailbox, {"nobody was mailed twice within the interval": "1 mail that came too soon."}),
        (leave_a_claim_behind, {"nothing stays in hand beyond twice its lease": "2 rows still in hand."}),
        (leave_a_departure_behind, {"nothing stays in hand beyond twice its lease": "2 rows still in hand."}),
        (leave_an_answer_behind, {"nothing stays in hand beyond twice its lease": "2 rows still in hand."}),
        (
            overtake_the_newest_answer,
            {"the newest answer of everybody is synced or waits": "2 newest answers that would never be synced."},
        ),
        (
            forget_decisions,
            {
                "every event has its decision": "2 events without a decision.",
                "every invitation comes from a decision": "2 invitations without one.",
            },
        ),
        (
            leave_a_body_undecided,
            {"accepted events are decided soon": "1 body waits since 11 Mar 09:30 UTC."},
        ),
    ],
)
def test_a_broken_invariant_is_told(at_work: Lab, break_it: Callable[[Lab], None], said: dict[str, str]) -> None:
    assert broken(at_work) == {}
    break_it(at_work)
    assert broken(at_work) == said
