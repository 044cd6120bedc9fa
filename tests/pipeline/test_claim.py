"""Claiming: what is due is checked once more, all together, and then in hand for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event

from hub.pipeline import claim
from hub.store import tables
from hub.store.leases import CLAIM_LEASE
from tests.clock import days, seconds
from tests.lab import Lab, identify

MANY = 40


@contextmanager
def statements(lab: Lab) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    seen: list[str] = []

    def see(connection, cursor, statement, *rest) -> None:
        seen.append(statement)

    event.listen(lab.hub.store.hub, "before_cursor_execute", see)
    yield seen
    event.remove(lab.hub.store.hub, "before_cursor_execute", see)


def claim_up_to(lab: Lab, size: int, name: str) -> list[str]:
    """Return the people whose invitations are in hand now."""
    batch = claim.claim(lab.hub, lab.hub.registry.current(), size=size, name=name)
    assert isinstance(batch, claim.Batch)
    return [batch.people[one.person_id].first_id for one in batch.claimed]


def test_first_ones_of_a_day_go_when_its_limit_was_lowered_since(lab):
    for number in range(5):
        lab.decide(identify(f"u{number}"))
        lab.clock.advance(seconds(1))
    lab.set(daily_limit=3)
    lab.deliver()
    assert {message.to for _, message in lab.office.mails} == {f"u{number}@acme.example" for number in range(3)}
    assert [row.reason for row in lab.invitations()] == [None, None, None, "quota", "quota"]


def test_what_left_counts_before_what_waits_whenever_it_fell_due(lab):
    for number in range(3):
        lab.decide(identify(f"u{number}"))
        lab.clock.advance(seconds(1))
    last = lab.invitations()[-1]
    with lab.hub.store.write() as connection:
        connection.execute(tables.invitation.update().where(tables.invitation.c.id == last.id).values(state="sent"))
    lab.set(daily_limit=2)
    lab.deliver()
    assert lab.states() == ["sent", "cancelled", "sent"]


def test_each_day_and_survey_has_a_limit_of_its_own(lab):
    for number in range(4):
        lab.decide(identify(f"u{number}"))
        if number == 1:
            lab.clock.advance(days(1))
    lab.set(daily_limit=1, send_grace_hours=48)
    lab.deliver()
    assert lab.states().count("sent") == 2
    assert {row.due_at.date() for row in lab.invitations() if row.state == "sent"} == {
        row.due_at.date() for row in lab.invitations()
    }


def test_one_claimed_by_another_worker_counts_as_waiting(lab):
    for number in range(3):
        lab.decide(identify(f"u{number}"))
        lab.clock.advance(seconds(1))
    lab.set(daily_limit=2)
    assert claim_up_to(lab, 1, "first") == ["u0"]
    assert claim_up_to(lab, 5, "second") == ["u1"]


def test_limit_a_day_costs_no_statement_for_each_invitation(lab):
    lab.decide(*[identify(f"u{number}") for number in range(MANY)])
    lab.set(daily_limit=MANY)
    with statements(lab) as of_two:
        assert len(claim_up_to(lab, 2, "first")) == 2
    with statements(lab) as of_many:
        assert len(claim_up_to(lab, MANY, "second")) == MANY - 2
    assert len(of_many) == len(of_two)


@pytest.mark.parametrize("slow_s", [0, 95])
def test_claim_is_held_from_when_the_checks_are_done(lab, slow_s):
    lab.decide(identify())

    def take_time(connection, cursor, statement, *rest) -> None:
        if "FROM suppression" in statement:
            lab.clock.advance(timedelta(seconds=slow_s))

    event.listen(lab.hub.store.hub, "before_cursor_execute", take_time)
    began_at = lab.clock()
    claim_up_to(lab, 1, "first")
    assert lab.clock() - began_at == timedelta(seconds=slow_s)
    assert lab.invitations()[0].lease_until == lab.clock() + CLAIM_LEASE
