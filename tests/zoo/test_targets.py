"""Bad targets, and connections that are bad at forgetting: answers wait or are parked, the good ones get theirs."""

from __future__ import annotations

import pytest

from hub.admin.people import people
from hub.store import tables
from hub.store.configuration import Role


@pytest.mark.parametrize(
    ("kind", "states", "words"),
    [
        ("exits_pushing", ["pending", "pending"], "its plugin raised SystemExit in push"),
        ("empties_pushing", ["pending", "pending"], "gave a wrong number of results"),
        ("never_ends_pushing", ["pending", "pending"], "gave a wrong number of results"),
        ("asks_for_nonsense", ["pending", "pending"], "targets.bad is left alone until"),
        ("parks_nonsense", ["parked", "parked"], "2 answers refused by a target for good"),
        ("hangs_pushing", ["pending", "pending"], "its plugin did not come back from push within"),
    ],
)
def test_bad_target_harms_itself_alone(zoo, impatient, kind, states, words):
    impatient("DONE_WITHIN_S")
    zoo.let_in_target(kind)
    zoo.answers_of("ada", "bob")
    zoo.lab.sync()
    assert zoo.left("synced") == ["ada", "bob"]
    assert zoo.outbox_states("good") == ["done", "done"]
    assert zoo.outbox_states("bad") == states
    assert words in zoo.said()
    assert zoo.broken() == []


def test_target_that_hangs_with_a_single_answer_is_left_alone_too(zoo, impatient):
    impatient("DONE_WITHIN_S")
    zoo.let_in_target("hangs_pushing")
    zoo.answers_of("ada")
    zoo.lab.sync()
    assert "targets.bad is left alone until 11 Mar 09:31 UTC" in zoo.said()


@pytest.mark.parametrize(
    ("kind", "words"),
    [("exits_forgetting", "channels.bad could not forget a person"), ("never_forgets", "did not come back from erase")],
)
def test_connection_that_is_bad_at_forgetting_is_asked_again_and_the_person_is_gone(zoo, impatient, kind, words):
    impatient("FORGOTTEN_WITHIN_S")
    zoo.let_in_channel(kind)
    zoo.identify("ada", "bob")
    zoo.lab.deliver()
    for user in ("ada", "bob"):
        people.erase(zoo.lab.hub, user)
    assert zoo.lab.rows(tables.person) == []
    assert {row.connection_id for row in zoo.lab.rows(tables.forgetting)} == {zoo.lab.id_of(Role.CHANNEL, "bad")}
    assert words in zoo.said()
    assert "These still have to forget people, and are asked again: channels.bad (2)" in zoo.said()
