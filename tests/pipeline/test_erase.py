"""Erasing: nothing of a person is left in any table, and they are never mailed again."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from sqlalchemy import inspect, text

from hub.admin.operations.doctor import examine
from hub.admin.people import people
from hub.pipeline.forget import forget_due
from hub.pipeline.respond import answer
from hub.plugin import Done, NotSent
from hub.store import tables
from hub.store.configuration import raise_revision
from hub.work.schedule import due_jobs
from tests.clock import seconds
from tests.lab import SETUP, Lab, identify, survey_lines

CANARIES = ("canary-user", "canary-anonymous", "canary@acme.example", "canary-name", "canary-comment", "canary-why")


@pytest.fixture
def known(lab: Lab) -> Lab:
    """A hub that knows one person by every means, and another one."""
    lab.configure(SETUP + survey_lines() + '[listeners.ops]\nkind = "fake"\n')
    lab.office.behaviour["relay"] = lambda message, depart: NotSent(why=f"canary-why {message.to}")
    event = {"user_id": "canary-user", "anonymous_id": "canary-anonymous"}
    lab.decide({**event, "traits": {"email": "canary@acme.example", "name": "canary-name"}})
    lab.deliver()
    lab.office.behaviour.clear()
    lab.clock.advance(seconds(600))
    lab.decide(identify("u2"))
    lab.deliver()
    answer(lab.hub, lab.token(), 3, "canary-comment")
    return lab


def everything(lab: Lab) -> str:
    """Return the text of every row of every table."""
    rows = []
    for engine in {lab.hub.store.hub, lab.hub.store.intake}:
        with engine.connect() as connection:
            for name in inspect(connection).get_table_names():
                rows += [tuple(row) for row in connection.execute(text(f'SELECT * FROM "{name}"'))]
    return " ".join(str(bytes(cell) if isinstance(cell, memoryview) else cell) for row in rows for cell in row)


def test_canaries_are_there_before(known):
    assert [canary for canary in CANARIES if canary not in everything(known)] == []


@pytest.mark.parametrize("who", ["canary-user", "canary-anonymous", " Canary@ACME.example "])
def test_nothing_of_an_erased_person_is_left_in_any_table(known, who):
    counts = people.erase(known.hub, who)
    assert counts["people"] == 1
    assert [canary for canary in CANARIES if canary in everything(known)] == []


def test_delete_event_erases(known):
    known.decide({"type": "delete", "user_id": "canary-user", "payload": {"userId": "canary-user"}})
    known.forget()
    assert [canary for canary in CANARIES if canary in everything(known)] == []


def test_delete_event_erases_what_was_said_before_it_in_the_same_body(lab):
    lab.decide(identify("canary-user", name="canary-name"), {"type": "delete", "user_id": "canary-user"})
    lab.forget()
    assert [canary for canary in CANARIES if canary in everything(lab)] == []


def test_who_comes_back_behind_a_delete_in_the_same_body_is_not_asked(lab):
    lab.decide(identify(), {"type": "delete", "user_id": "u1"}, identify())
    assert lab.reasons() == ["scheduled", "suppressed"]
    assert lab.invitations() == []


def test_copy_of_a_delete_event_erases_nobody_again(lab):
    lab.decide({"type": "delete", "user_id": "u1", "message_id": "gone"})
    lab.decide({"type": "delete", "user_id": "u1", "message_id": "gone"}, identify())
    lab.decide({"type": "delete", "user_id": "u1", "message_id": "gone"})
    assert len(lab.rows(tables.person)) == 1


def test_echo_of_what_was_synced_about_an_erased_person_is_still_known(known):
    known.sync()
    [update] = known.crm.updates
    people.erase(known.hub, "canary-user")
    known.decide({"user_id": "canary-user", "message_id": update.message_id, "traits": {"plan": "gold"}})
    assert known.events()[update.message_id] == ("ignored", "echo")


def test_other_people_stay(known):
    people.erase(known.hub, "canary-user")
    assert [row.mailbox for row in known.rows(tables.person)] == ["u2@acme.example"]
    assert known.states() == ["sent"]


def test_erased_person_is_never_asked_again(known):
    people.erase(known.hub, "canary-user")
    known.decide(
        {"user_id": "canary-user", "traits": {"email": "new@acme.example"}},
        {"user_id": "u3", "traits": {"email": "canary@acme.example"}},
        {"anonymous_id": "canary-anonymous", "traits": {"email": "third@acme.example"}},
    )
    assert known.reasons()[-3:] == ["suppressed"] * 3


def test_copies_of_an_erased_persons_events_are_known_again(lab):
    event = {**identify(), "message_id": "m7"}
    lab.decide(event)
    people.erase(lab.hub, "u1")
    lab.decide(event)
    [row] = lab.rows(tables.event)
    assert (row.message_id, row.person_id, row.payload) == ("m7", None, None)


def test_unsubscribed_mailbox_stays_suppressed_when_its_person_is_erased(known):
    known.decide(identify("u2"))
    people.erase(known.hub, "u2")
    assert json.dumps([row.mailbox for row in known.rows(tables.suppression)]).count("u2") == 0


def test_providers_are_told(known):
    people.erase(known.hub, "canary-user")
    [person] = known.office.erased
    assert (person.user_id, person.anonymous_ids, person.email) == (
        "canary-user",
        ("canary-anonymous",),
        "canary@acme.example",
    )


def test_nobody_is_erased_by_a_name_that_nobody_has(known):
    assert people.erase(known.hub, "stranger") is None


def test_connection_that_fails_to_forget_is_asked_until_it_has(known):
    known.office.is_out_of_reach = True
    people.erase(known.hub, "canary-user")
    assert known.office.erased == []
    assert people.still_to_forget(known.hub) == ["channels.relay"]
    assert "channels.relay (1)" in " ".join(finding.sentence for finding in examine(known.hub))
    known.office.is_out_of_reach = False
    assert due_jobs(known.hub) == []
    known.clock.advance(timedelta(minutes=10))
    assert due_jobs(known.hub) == ["forget"]
    assert known.forget() == 1
    assert [person.user_id for person in known.office.erased] == ["canary-user"]
    assert [canary for canary in CANARIES if canary in everything(known)] == []
    assert people.still_to_forget(known.hub) == []


def test_nothing_is_decided_later_because_connections_are_slow_to_forget(lab):
    lab.decide(*[identify(f"u{number}") for number in range(3)])
    until = time.monotonic() + 2

    def take_until_then(person: object) -> None:
        while time.monotonic() <= until:
            time.sleep(0.05)

    lab.office.forgets = take_until_then
    lab.decide(*[{"type": "delete", "user_id": f"u{number}"} for number in range(3)])
    assert lab.office.erased == []
    assert due_jobs(lab.hub) == ["forget"]
    forget_due(lab.hub, until=until)
    assert len(lab.office.erased) == 1
    assert due_jobs(lab.hub) == ["forget"]
    lab.forget()
    assert len(lab.office.erased) == 3
    assert people.still_to_forget(lab.hub) == []


def test_others_decide_while_a_connection_forgets(known):
    decided = []

    def look(person: object) -> None:
        with known.hub.store.alone("decide") as mine:
            decided.append(mine is not None)

    known.office.forgets = look
    people.erase(known.hub, "canary-user")
    assert decided == [True]


def test_person_is_forgotten_once_by_two_workers(known):
    known.decide({"type": "delete", "user_id": "canary-user"})

    def forget_too(person: object) -> None:
        known.office.forgets = lambda person: None
        known.forget()

    known.office.forgets = forget_too
    known.forget()
    assert len(known.office.erased) == 1


def test_person_erased_amid_a_push_is_forgotten_behind_it(known):
    def erase_then_take(updates):
        people.erase(known.hub, "canary-user")
        return [Done() for _ in updates]

    known.crm.answer = erase_then_take
    known.sync()
    assert len(known.crm.kept) == 1
    assert people.still_to_forget(known.hub) == ["targets.crm"]
    known.clock.advance(seconds(5))
    assert "forget" in due_jobs(known.hub)
    known.forget()
    assert known.crm.kept == []
    assert people.still_to_forget(known.hub) == []


def test_connection_without_its_plugin_forgets_once_it_is_back(known):
    known.change(tables.connection, kind="gone")
    with known.hub.store.write() as connection:
        raise_revision(connection)
    people.erase(known.hub, "canary-user")
    everybody = {"sources.product", "channels.relay", "targets.crm", "listeners.ops"}
    assert set(people.still_to_forget(known.hub)) == everybody
    known.change(tables.connection, kind="fake")
    with known.hub.store.write() as connection:
        raise_revision(connection)
    known.clock.advance(timedelta(minutes=10))
    known.forget()
    assert [person.user_id for person in known.office.erased] == ["canary-user"]
    assert people.still_to_forget(known.hub) == []
