"""Bad sources: a good one beside them takes and reads on, and what they spoil is named and nothing more."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from werkzeug.test import Client

from hub.pipeline import read
from hub.store import intake, pauses, tables
from hub.store.configuration import Role
from hub.web.app import create_app
from tests.clock import seconds
from tests.lab import identify
from tests.zoo.keeper import Zoo

MINUTE = seconds(60)
BODY = b'[{"user_id": "ada", "traits": {"email": "ada@acme.example"}}]'


@pytest.fixture
def web(zoo: Zoo) -> Iterator[Client]:
    app = create_app(zoo.lab.hub)
    yield Client(app)
    app.close()


@pytest.mark.parametrize(
    "kind",
    [
        "raises_receiving",
        "exits_receiving",
        "answers_nothing",
        "accepts_text",
        "accepts_too_much",
        "replies_text",
    ],
)
def test_source_that_is_bad_at_receiving_is_503_and_stores_nothing(zoo, web, kind):
    zoo.let_in_source(kind)
    assert web.post("/sources/bad", data=BODY).status_code == 503
    assert web.post("/sources/good", data=BODY).status_code == 200
    assert intake.waiting(zoo.lab.hub.store)[0] == 1
    assert "A source failed to take a request" in zoo.said()


def test_source_that_does_not_come_back_from_receiving_holds_half_of_the_threads(zoo, web):
    zoo.let_in_source("hangs_receiving")
    for _ in range(8):
        threading.Thread(target=web.post, args=["/sources/bad"], kwargs={"data": BODY}, daemon=True).start()
    assert web.post("/sources/bad", data=BODY).status_code == 503
    assert web.post("/sources/good", data=BODY).status_code == 200
    assert "Source bad does not come back from receive" in zoo.said()


@pytest.mark.parametrize("kind", ["raises_reading", "exits_reading", "interrupts_reading"])
def test_what_a_source_read_before_it_raised_is_decided_and_the_rest_is_rejected(zoo, kind):
    zoo.let_in_source(kind)
    zoo.lab.receive(*[identify(f"u{number}") for number in range(4)], source="bad")
    zoo.identify("ada", source="good")
    zoo.lab.deliver()
    assert zoo.left("good") == ["ada", "u0", "u1"]
    assert rejected(zoo) == ["unreadable"]
    assert "could not read it" in zoo.said()
    assert intake.waiting(zoo.lab.hub.store)[0] == 0


def test_garbage_among_the_events_is_rejected_alone(zoo):
    zoo.let_in_source("reads_garbage")
    zoo.identify("u0", "u1", "u2", source="bad")
    zoo.lab.deliver()
    assert zoo.left("good") == ["u0", "u1", "u2"]
    assert rejected(zoo) == ["unreadable"] * 4
    notes = [row.note for row in zoo.lab.rows(tables.event) if row.note]
    assert "the source's plugin gave a NoneType for an event" in notes
    assert "the source's plugin gave an event that makes no sense: TypeError" in notes


def test_events_without_end_are_cut_off(zoo, monkeypatch):
    monkeypatch.setattr(read, "MOST_EVENTS", 50)
    zoo.let_in_source("never_ends")
    zoo.lab.receive(identify(), source="bad")
    zoo.identify("ada", source="good")
    assert len(zoo.lab.rows(tables.event)) == 52
    assert "A source gave more than 50 events for one body" in zoo.said()
    assert zoo.lab.reasons() == ["scheduled"]


def test_source_that_hangs_is_left_alone_and_the_body_is_set_aside_at_the_third_time(zoo, impatient):
    impatient("READ_WITHIN_S")
    zoo.let_in_source("hangs_reading")
    zoo.lab.receive(identify("before"), identify("stone"), identify("behind"), source="bad")
    zoo.lab.receive(identify("another"), source="bad")
    for minutes in (1, 2, 4):
        zoo.identify(f"at-{minutes}", source="good")
        assert "sources.bad is left alone until" in zoo.said()
        assert "its plugin did not come back from read within" in zoo.said()
        zoo.lab.clock.advance(minutes * MINUTE)
    zoo.lab.decide()
    zoo.lab.deliver()
    assert rejected(zoo) == ["poison"]
    assert zoo.left("good") == ["another", "at-1", "at-2", "at-4", "before"]
    assert "3 workers died while reading one of its bodies" in zoo.said()
    with zoo.lab.hub.store.read() as connection:
        assert pauses.failures(connection) == {}, "it works again"


def rejected(zoo: Zoo) -> list[str]:
    """Return the reasons of rejected events; all are the bad source's."""
    rows = [row for row in zoo.lab.rows(tables.event) if row.outcome == "rejected"]
    assert {row.source_id for row in rows} <= {zoo.lab.id_of(Role.SOURCE, "bad")}
    return [row.reason for row in rows]
