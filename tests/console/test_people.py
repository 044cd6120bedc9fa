"""People in the console: found, told about, unsubscribed, taken out, erased with a receipt."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from hub.pipeline.respond import answer
from hub.store import tables
from tests.console.browsing import Visitor, visitor_of
from tests.lab import SETUP, Lab, identify, survey_lines

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def visitor(lab: Lab) -> Iterator[Visitor]:
    with visitor_of(lab.hub) as visitor:
        yield visitor


@pytest.fixture
def ada(lab: Lab) -> str:
    """The id of somebody who was asked and answered."""
    lab.decide({**identify("ada", firstName="Ada", plan="pro"), "anonymous_id": "a-1"})
    lab.deliver()
    answer(lab.hub, lab.token(), 9, "quick")
    lab.sync()
    return str(lab.rows(tables.person)[0].id)


def test_people_are_listed_with_what_tells_them_apart(lab: Lab, visitor: Visitor, ada: str) -> None:
    lab.decide({"anonymous_id": "stranger"})
    page = visitor.get("/people")
    assert page.text.index("stranger") < page.text.index(f"/people/{ada}")
    assert '<td data-label="Address">ada@<wbr>acme.example</td>' in page.text
    assert "none known" in page.text


def test_traits_of_a_person_are_told_and_long_ones_cut(lab: Lab, visitor: Visitor) -> None:
    odd = {"note": HOSTILE, "odd": "\ud800", "bio": "long " * 100}
    lab.decide(identify("ada", plan="pro", seats=3, tags=["a", "b"], **odd, createdAt="2026-03-01T09:30:00.123456Z"))
    page = visitor.get(f"/people/{lab.rows(tables.person)[0].id}").text
    told = dict(re.findall(r"<code>(\w+)</code> <bdi>([^<]*)</bdi>", page))
    assert (told["plan"], told["seats"], told["odd"]) == ("pro", "3", "\\ud800")
    assert told["tags"] == "[&#34;a&#34;,&#34;b&#34;]"
    assert told["note"].startswith("&lt;script")
    assert ">1 Mar 2026, 09:30 UTC</time></bdi>" in page
    assert (len(told["bio"]), "email" in told) == (201, False)


@pytest.mark.parametrize("who", ["ada", "a-1", "ADA@acme.example", "  ada "])
def test_search_that_finds_one_goes_straight_there(visitor: Visitor, ada: str, who: str) -> None:
    assert visitor.get("/people", who=who).location == f"/people/{ada}"


def test_search_that_finds_nobody_says_what_it_searches(visitor: Visitor, ada: str) -> None:
    page = visitor.get("/people", who="ad")
    assert "Nobody is known by this" in page.text
    assert 'value="ad"' in page.text


def test_search_takes_any_text(visitor: Visitor, ada: str) -> None:
    for who in ("\x00", "\U0001f600", HOSTILE, "x" * 5_000):
        page = visitor.get("/people", who=who)
        assert page.status_code == 200
        assert HOSTILE not in page.text


def test_hub_without_people_says_how_to_get_some(visitor: Visitor) -> None:
    assert "Nobody is known yet" in visitor.get("/people").text


def test_people_are_turned_a_page_at_a_time(lab: Lab, visitor: Visitor) -> None:
    lab.decide(*[identify(f"u{number:02}") for number in range(60)])
    first = visitor.get("/people")
    second = visitor.get(visitor.next_of(first))
    found = [re.findall(r"<td[^>]*>(u\d\d)@", page.text) for page in (first, second)]
    assert [len(one) for one in found] == [50, 10]
    assert len({*found[0], *found[1]}) == 60


def test_story_is_told_newest_first_with_reasons_and_facts(lab: Lab, ada: str) -> None:
    lab.clock.advance(timedelta(days=9))
    lab.decide(identify("ada"))
    told = visitor_of(lab.hub).get(f"/people/{ada}").text
    order = ["Possible again from", "Answered survey onboarding with 9, and wrote: quick", "Will be asked."]
    places = [told.index(sentence, told.index("What happened")) for sentence in order]
    assert places == sorted(places)
    told = told.partition("What happened")[2]
    assert 'Possible again from <time datetime="2026-09-09T09:30:00+00:00"' in told
    assert '<p class="soft small">Last asked <time datetime="2026-03-11T09:30:00+00:00"' in told
    assert "; at most once in 26 weeks.</p>" in told
    assert "the mail system took it." in told
    assert "Sync to targets.crm: taken." in told


def test_decisions_stand_with_their_event_and_its_payload(lab: Lab, visitor: Visitor) -> None:
    lab.configure(SETUP + survey_lines() + '[surveys.second]\nsources = ["product"]\n' + survey_lines())
    lab.decide(identify("ada"))
    [person] = lab.rows(tables.person)
    [event] = lab.rows(tables.event)
    told = visitor.get(f"/people/{person.id}").text.partition("What happened")[2]
    assert told.count("<li") == 1
    assert ("Survey onboarding: " in told, "Survey second: " in told) == (True, True)
    assert f'hx-get="/events/{event.id}"' in told


def test_next_decision_is_told_beforehand(lab: Lab, visitor: Visitor, ada: str) -> None:
    ahead = visitor.get(f"/people/{ada}").text.partition("If an event came now")[2].partition("What happened")[0]
    assert "last asked less than the minimum interval ago" in ahead
    assert "throttled" in ahead


def test_long_story_is_turned_a_page_at_a_time(lab: Lab, visitor: Visitor) -> None:
    for number in range(60):
        lab.receive({"type": "page", "user_id": "ada", "message_id": f"m{number}"})
    lab.decide()
    [person] = lab.rows(tables.person)
    first = visitor.get(f"/people/{person.id}")
    second = visitor.get(visitor.next_of(first))
    assert [page.text.count("it was only kept") for page in (first, second)] == [50, 10]
    assert visitor.get(f"/people/{person.id}", cursor="x").status_code == 422


@pytest.mark.parametrize("path", ["/people/nobody", "/people/%00", "/people/nobody/export", "/people/%00/receipt"])
def test_person_who_is_not_there_is_said_to_be_missing(visitor: Visitor, path: str) -> None:
    page = visitor.get(path)
    assert page.status_code == 404
    assert "There is no" in page.text


def test_unsubscribed_person_is_never_asked_again_until_taken_back(lab: Lab, visitor: Visitor) -> None:
    lab.decide(identify("ada"))
    [person] = lab.rows(tables.person)
    page = visitor.post(f"/people/{person.id}/unsubscribe")
    assert "ada@acme.example is never mailed again." in page.text
    assert "Never mailed again: the address unsubscribed." in page.text
    assert "never mailed" in visitor.get("/people").text
    lab.deliver()
    assert lab.office.addresses == []
    assert "ada@acme.example may be mailed again" in visitor.post(f"/people/{person.id}/allow").text
    assert lab.rows(tables.suppression) == []


def test_person_without_address_cannot_be_unsubscribed(lab: Lab, visitor: Visitor) -> None:
    lab.decide({"user_id": "ada"})
    [person] = lab.rows(tables.person)
    assert "Unsubscribe" not in visitor.get(f"/people/{person.id}").text
    assert "No address is known" in visitor.post(f"/people/{person.id}/unsubscribe").text
    assert visitor.post(f"/people/{person.id}/allow").status_code == 200


def test_whoever_is_not_stopped_needs_no_taking_back(visitor: Visitor, ada: str) -> None:
    assert "There is no such suppression." in visitor.post(f"/people/{ada}/allow").text


def test_export_holds_everything_with_payloads(visitor: Visitor, ada: str) -> None:
    file = visitor.get(f"/people/{ada}/export")
    assert file.headers["Content-Disposition"] == f'attachment; filename="person-{ada}.json"'
    held = json.loads(file.data)
    assert held["traits"]["plan"]["value"] == "pro"
    assert held["events"][0]["payload"]["traits"]["firstName"] == "Ada"
    assert held["events"][0]["decisions"][0]["survey"] == "onboarding"
    assert held["invitations"][0]["attempts"][0]["outcome"] == "sent"
    assert [one["comment"] for one in held["answers"][0]["versions"]] == ["quick"]
    assert held["syncs"][0]["target"] == "crm"
    assert [entry["what"] for entry in held["entries"]] == ["event", "decision", "mail", "answer", "sync"]
    assert held["exported_at"] == "2026-03-11T09:30:00Z"


def test_export_is_json_whatever_the_events_held(lab: Lab, visitor: Visitor) -> None:
    lab.receive_body(b'[{"message_id": "m", "user_id": "ada", "traits": {"name": "\\ud800 \xc5\xbd", "n": NaN}}]')
    lab.decide()
    [person] = lab.rows(tables.person)
    held = json.loads(visitor.get(f"/people/{person.id}/export").data, parse_constant=pytest.fail)
    assert held["traits"]["name"]["value"] == "\ud800 \u017d"
    assert visitor.get(f"/people/{person.id}").status_code == 200
    assert visitor.get("/people").status_code == 200


def test_erasing_asks_for_the_address_first(lab: Lab, visitor: Visitor, ada: str) -> None:
    asked = visitor.get(f"/people/{ada}/erase")
    assert "<code>ada@acme.example</code>" in asked.text
    assert "channels.relay, targets.crm are asked to forget them" in asked.text
    refused = visitor.post(f"/people/{ada}/erase", confirm="ada")
    assert refused.status_code == 422
    assert "Nobody was erased." in refused.text
    assert len(lab.rows(tables.person)) == 1


def test_erased_person_leaves_a_receipt_that_names_nobody(lab: Lab, visitor: Visitor, ada: str) -> None:
    receipt = visitor.post(f"/people/{ada}/erase", confirm=" ADA@acme.example")
    shown = " ".join(receipt.text.split())
    for noun in ("Events", "Invitations", "Answers", "Answer versions", "Delivery attempts", "Sync entries", "People"):
        assert f'<dt>{noun}</dt><dd class="number">1</dd>' in shown
    assert '<dt>Ids</dt><dd class="number">2</dd>' in shown
    assert "has nothing left to forget" in shown
    assert "acme.example" not in shown.replace("ada@acme.example</strong>", "")
    assert lab.rows(tables.person) == []
    assert visitor.get(f"/people/{ada}").status_code == 404
    assert visitor.get(f"/people/{ada}/receipt").status_code == 200
    assert visitor_of(lab.hub, "viewer").get(f"/people/{ada}/receipt").status_code == 200


def test_receipt_says_who_still_has_to_forget(lab: Lab, visitor: Visitor, ada: str) -> None:
    lab.office.is_out_of_reach = True
    receipt = visitor.post(f"/people/{ada}/erase", confirm="ada@acme.example")
    assert "still has to forget somebody" in receipt.text


def test_erasing_leaves_others_who_share_the_address(lab: Lab, visitor: Visitor) -> None:
    lab.decide(identify("ada"), {"user_id": "bob", "traits": {"email": "ada@acme.example"}})
    bob = next(row.person_id for row in lab.rows(tables.identity) if row.value == "bob")
    visitor.post(f"/people/{bob}/erase", confirm="ada@acme.example")
    assert [row.value for row in lab.rows(tables.identity)] == ["ada"]


def test_hostile_names_are_shown_as_text(lab: Lab, visitor: Visitor) -> None:
    lab.decide({"user_id": HOSTILE, "traits": {"name": HOSTILE, "email": HOSTILE}})
    [person] = lab.rows(tables.person)
    for path in ("/people", f"/people/{person.id}", f"/people/{person.id}/erase"):
        page = visitor.get(path)
        assert page.status_code == 200
        assert HOSTILE not in page.text
        assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize(("role", "unsubscribes"), [("viewer", 403), ("editor", 200)])
def test_roles_do_what_is_theirs(lab: Lab, ada: str, role: str, unsubscribes: int) -> None:
    visitor = visitor_of(lab.hub, role)
    page = visitor.get(f"/people/{ada}").text
    assert ("/unsubscribe" in page, "/erase" in page) == (role == "editor", False)
    assert visitor.post(f"/people/{ada}/unsubscribe").status_code == unsubscribes
    assert visitor.get(f"/people/{ada}/erase").status_code == 403
    assert visitor.post(f"/people/{ada}/erase", confirm="ada@acme.example").status_code == 403
    assert len(lab.rows(tables.person)) == 1
