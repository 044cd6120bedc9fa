"""The point of no return, leases and late outcomes: what happens when somebody else was faster."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from hub.admin.people import people
from hub.domain.reasons import Stop
from hub.domain.states import State
from hub.pipeline import claim as claiming
from hub.plugin import NotSent, Rejected, Sent, Unknown
from hub.store import departures, leases, outcomes, suppressions, tables
from hub.store.claims import Claimed
from hub.store.outcomes import Concluded
from hub.store.types import new_id
from tests.clock import days
from tests.lab import Lab, identify

INTERVAL = timedelta(weeks=26)


def claim(lab: Lab) -> list[Claimed]:
    """Take what is due in hand, as a worker does."""
    batch = claiming.claim(lab.hub, lab.hub.registry.current(), size=200, name=f"w.{new_id()}")
    return [] if batch is None else list(batch.claimed)


def depart(lab: Lab, *claimed: Claimed) -> set[str]:
    """Pass the point of no return with claims, under the interval of 26 weeks."""
    intervals = {one.survey_id: INTERVAL for one in claimed}
    return lab.hub.store.transact(lambda connection: departures.depart(connection, claimed, intervals, lab.clock()))


def conclude(lab: Lab, claimed: Claimed, outcome: Any) -> None:
    """Record an outcome."""
    conclude_all(lab, (claimed, outcome))


def conclude_all(lab: Lab, *known: tuple[Claimed, Any]) -> None:
    """Record outcomes in one transaction."""
    batch = [Concluded(claimed=one, outcome=outcome, channels=[one.channel_id]) for one, outcome in known]
    lab.hub.store.transact(lambda connection: outcomes.conclude(connection, batch, lab.clock()))


def claim_all_at_once(lab: Lab, *events: dict[str, Any]) -> list[Claimed]:
    """Claim invitations that checks before the point of no return would have kept apart."""
    claimed = []
    for index, event in enumerate(events):
        lab.decide({**event, "traits": {"email": f"apart{index}@acme.example"}})
    mailboxes = {event["user_id"]: event["traits"]["email"] for event in events}
    for one in claim(lab):
        with lab.hub.store.write() as connection:
            user = next(r.value for r in lab.rows(tables.identity) if r.person_id == one.person_id)
            table = tables.invitation
            connection.execute(table.update().where(table.c.id == one.id).values(mailbox=mailboxes[user]))
        claimed.append(replace(one, mailbox=mailboxes[user]))
    return claimed


@pytest.fixture
def claimed(lab: Lab) -> Claimed:
    """An invitation in hand."""
    lab.decide(identify())
    [one] = claim(lab)
    return one


def test_claimed_invitation_may_go(lab, claimed):
    assert depart(lab, claimed) == {claimed.id}
    assert lab.states() == ["sending"]


def test_claim_gives_the_same_invitation_to_nobody_else(lab, claimed):
    assert claim(lab) == []


def test_nothing_departs_under_a_claim_that_was_lost(lab, claimed):
    stolen = replace(claimed, claim=secrets.token_hex(12))
    assert depart(lab, stolen) == set()
    assert lab.states() == ["claimed"]


def test_nothing_departs_twice(lab, claimed):
    depart(lab, claimed)
    assert depart(lab, claimed) == set()
    assert lab.states() == ["sending"]


def test_mailbox_that_unsubscribed_after_the_claim_is_spared(lab, claimed):
    lab.hub.store.transact(
        lambda connection: suppressions.suppress(connection, claimed.mailbox, Stop.UNSUBSCRIBED, now=lab.clock())
    )
    assert depart(lab, claimed) == set()
    assert [(row.state, row.reason) for row in lab.invitations()] == [("cancelled", "suppressed")]


def test_person_erased_after_the_claim_is_spared(lab, claimed):
    people.erase(lab.hub, "u1")
    assert depart(lab, claimed) == set()


def test_mailbox_of_an_erased_person_is_spared_for_everybody_who_shares_it(lab):
    [_, other] = claim_all_at_once(
        lab,
        {"user_id": "u1", "traits": {"email": "family@acme.example"}},
        {"user_id": "u2", "traits": {"email": "family@acme.example"}},
    )
    people.erase(lab.hub, "u1")
    assert depart(lab, other) == set()


def test_outcome_about_an_erased_person_leaves_no_trace(lab, claimed):
    depart(lab, claimed)
    people.erase(lab.hub, "u1")
    conclude(lab, claimed, NotSent(why="<u1@acme.example> is unknown"))
    assert lab.rows(tables.attempt) == []


def test_of_two_people_with_one_mailbox_in_a_batch_one_is_asked(lab):
    both = claim_all_at_once(
        lab,
        {"user_id": "u1", "traits": {"email": "family@acme.example"}},
        {"user_id": "u2", "traits": {"email": "family@acme.example"}},
    )
    assert len(depart(lab, *both)) == 1
    assert sorted(lab.states()) == ["cancelled", "sending"]


@pytest.mark.parametrize("attempt", range(5))
def test_of_two_people_with_one_mailbox_sent_at_once_by_two_workers_one_is_asked(lab, attempt):
    both = claim_all_at_once(
        lab,
        {"user_id": "u1", "traits": {"email": "family@acme.example"}},
        {"user_id": "u2", "traits": {"email": "family@acme.example"}},
    )
    barrier = Barrier(2)

    def work(one: Claimed) -> set[str]:
        barrier.wait()
        return depart(lab, one)

    with ThreadPoolExecutor(2) as pool:
        gone = list(pool.map(work, both))
    assert sorted(len(ids) for ids in gone) == [0, 1]


def test_mailbox_that_bounced_may_be_followed_by_another_mailbox_of_the_person(lab):
    [first, second] = claim_all_at_once(lab, identify("u1"), identify("u2"))
    depart(lab, first)
    table = tables.invitation
    with lab.hub.store.write() as connection:
        connection.execute(table.update().where(table.c.id == first.id).values(state=State.BOUNCED))
        connection.execute(table.update().where(table.c.id == second.id).values(person_id=first.person_id))
    assert depart(lab, replace(second, person_id=first.person_id)) == {second.id}


def test_outcomes_recorded_together_are_each_their_own(lab):
    lab.decide(*[identify(f"u{number}") for number in range(6)])
    batch = claim(lab)
    depart(lab, *batch)
    taken_over = replace(batch[5], claim="somebody else's")
    told = [
        Sent(provider_id="p1"),
        Sent(provider_id="p2", detail="2.0.0 Ok"),
        Rejected(why="5.7.1", no_mailbox=True),
        Unknown(why="cut off"),
        NotSent(why="4.2.0"),
        Rejected(why="5.1.1", no_mailbox=True),
    ]
    conclude_all(lab, *zip([*batch[:5], taken_over], told, strict=True))
    rows = {row.id: row for row in lab.invitations()}
    assert [(rows[one.id].state, rows[one.id].provider_id, rows[one.id].note) for one in batch] == [
        ("sent", "p1", None),
        ("sent", "p2", None),
        ("rejected", None, "5.7.1"),
        ("unknown", None, "cut off"),
        ("queued", None, "4.2.0"),
        ("sending", None, None),
    ]
    attempts = {row.invitation_id: (row.outcome, row.detail) for row in lab.rows(tables.attempt)}
    assert [attempts[one.id] for one in batch] == [
        ("sent", ""),
        ("sent", "2.0.0 Ok"),
        ("rejected", "5.7.1"),
        ("unknown", "cut off"),
        ("not_sent", "4.2.0"),
        ("rejected", "5.1.1"),
    ]
    assert [row.mailbox for row in lab.rows(tables.suppression)] == [batch[2].mailbox]


def test_claim_whose_worker_is_gone_is_put_back(lab, claimed):
    lab.clock.advance(leases.CLAIM_LEASE)
    assert lab.sweep() == (0, 0)
    lab.clock.advance(timedelta(microseconds=1))
    assert lab.sweep() == (1, 0)
    assert depart(lab, claimed) == set()
    assert lab.deliver() == 1


def test_departed_mail_whose_worker_is_gone_is_unknown_and_counts_as_sent(lab, claimed):
    depart(lab, claimed)
    lab.clock.advance(leases.SENDING_LEASE + timedelta(microseconds=1))
    assert lab.sweep() == (0, 1)
    lab.decide(identify())
    assert lab.deliver() == 0
    assert lab.reasons()[-1] == "throttled"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Sent(), "sent"),
        (Rejected(why="5.7.1"), "rejected"),
        (NotSent(why="4.0.0"), "unknown"),
        (Unknown(why="cut off"), "unknown"),
    ],
)
def test_late_outcome_settles_an_unknown_mail_and_never_sends_it_again(lab, claimed, outcome, state):
    depart(lab, claimed)
    lab.clock.advance(days(1))
    lab.sweep()
    conclude(lab, claimed, outcome)
    assert lab.states() == [state]
    assert lab.deliver() == 0


def test_late_outcome_of_the_first_claimant_leaves_the_second_alone(lab, claimed):
    lab.clock.advance(days(1))
    lab.sweep()
    [second] = claim(lab)
    conclude(lab, claimed, Rejected(why="late"))
    assert lab.states() == ["claimed"]
    assert depart(lab, second) == {second.id}


def test_of_two_mails_on_their_way_to_one_person_neither_is_forgotten(lab):
    """An anonymousId that turns out to be a customer while both have a mail between dot and reply."""
    lab.decide({"anonymous_id": "a1", "traits": {"email": "a@acme.example"}}, identify("u1"))
    both = claim(lab)
    assert depart(lab, *both) == {one.id for one in both}
    lab.decide({"user_id": "u1", "anonymous_id": "a1", "traits": {}})
    assert lab.states() == ["sending", "sending"]
    for one in both:
        conclude(lab, one, Sent())
    assert lab.states() == ["sent", "sent"]


def test_mail_that_did_not_leave_gives_way_to_one_that_waits(lab):
    lab.decide({"anonymous_id": "a1", "traits": {"email": "a@acme.example"}}, identify("u1"))
    both = claim(lab)
    depart(lab, *both)
    lab.decide({"user_id": "u1", "anonymous_id": "a1", "traits": {}})
    for one in both:
        conclude(lab, one, NotSent(why="busy"))
    assert sorted(lab.states()) == ["cancelled", "queued"]
