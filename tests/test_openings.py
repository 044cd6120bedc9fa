"""Openings of survey links: kept for people to see, never an answer, never in the way of a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from hub.admin.people import people
from hub.admin.people.person_export import export_person
from hub.pipeline.respond import answer
from hub.store import tables
from hub.store.openings import MOST
from hub.web.app import HubApp, create_app
from tests.lab import Lab, identify


@pytest.fixture
def asked(lab: Lab) -> Lab:
    """A hub that asked one customer."""
    lab.decide(identify())
    lab.deliver()
    return lab


@pytest.fixture
def app(asked: Lab) -> Iterator[HubApp]:
    made = create_app(asked.hub)
    yield made
    made.close()


def look(app: HubApp, lab: Lab, *queries: str) -> None:
    """Open the survey page with each of these queries, and wait until that was written down."""
    for query in queries:
        assert app.test_client().get(f"/s/{lab.token()}{query}").status_code == 200
    app.answering.openings.close()


def told(lab: Lab) -> list[str]:
    [story] = people.why(lab.hub, "u1")
    return [entry.sentence for entry in story.entries if entry.what == "opening"]


def test_program_that_opens_all_links_is_told_apart_and_answers_nothing(app: HubApp, asked: Lab) -> None:
    look(app, asked, *[f"?score={score}" for score in range(11)])
    assert told(asked) == ["A program opened 11 links of survey onboarding within a second: not counted."]
    assert asked.rows(tables.response) == []
    assert asked.rows(tables.outbox) == []


def test_person_who_opens_a_link_is_seen_with_it(app: HubApp, asked: Lab) -> None:
    look(app, asked, "?score=9", "", "?score=eleven")
    answer(asked.hub, asked.token(), 9, None)
    assert told(asked) == [
        "The link 9 of survey onboarding was opened.",
        "The page of survey onboarding was opened.",
        "The page of survey onboarding was opened.",
    ]


def test_page_of_thanks_a_head_and_unknown_links_are_no_openings(app: HubApp, asked: Lab) -> None:
    client = app.test_client()
    client.get(f"/s/{asked.token()}?thanks=1")
    client.head(f"/s/{asked.token()}?score=9")
    client.get("/s/nobody?score=9")
    look(app, asked)
    assert asked.rows(tables.opening) == []


def test_openings_of_one_mail_are_bounded(app: HubApp, asked: Lab) -> None:
    for _ in range(3):
        look(app, asked, *[f"?score={score}" for score in range(11)])
    assert len(asked.rows(tables.opening)) == MOST


def test_page_comes_although_its_opening_can_not_be_written(app: HubApp, asked: Lab) -> None:
    with asked.hub.store.write() as connection:
        connection.execute(text("DROP TABLE opening"))
    look(app, asked, "?score=9")
    with asked.hub.store.write() as connection:
        tables.opening.create(connection)
    look(app, asked, "?score=9")
    assert len(asked.rows(tables.opening)) == 1


def test_page_does_not_wait_for_a_database_that_others_write_to(app: HubApp, asked: Lab) -> None:
    with asked.hub.store.write() as connection:
        connection.execute(tables.opening.delete())
        page = app.test_client().get(f"/s/{asked.token()}?score=9")
        assert page.status_code == 200
    look(app, asked)
    assert len(asked.rows(tables.opening)) == 1


def test_openings_are_handed_out_and_erased_with_the_person(app: HubApp, asked: Lab) -> None:
    look(app, asked, "?score=9")
    [story] = people.why(asked.hub, "u1")
    [invitation] = json.loads(export_person(asked.hub, story.id))["invitations"]
    assert [one["score"] for one in invitation["openings"]] == [9]
    assert people.erase_id(asked.hub, story.id)["openings of links"] == 1
    assert asked.rows(tables.opening) == []


def test_opening_of_an_invitation_that_was_erased_meanwhile_is_not_kept(app: HubApp, asked: Lab) -> None:
    token = asked.token()
    asked.decide(identify("u2"))
    [story] = people.why(asked.hub, "u1")
    people.erase_id(asked.hub, story.id)
    app.answering.note_opening(token, 9)
    app.answering.openings.close()
    assert asked.rows(tables.opening) == []


def test_scan_lasting_longer_says_how_many_seconds(app: HubApp, asked: Lab) -> None:
    for score in range(4):
        look(app, asked, f"?score={score}")
        asked.clock.advance(timedelta(seconds=2))
    assert told(asked) == ["A program opened 4 links of survey onboarding within 6 seconds: not counted."]
