"""Responses in the console."""

from __future__ import annotations

import codecs
import io
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from hub.admin.audit import Action, entries
from hub.admin.audit import Wanted as Logged
from hub.admin.configuration import surveys, text_edits
from hub.admin.configuration.text_edits import Edit
from hub.admin.paging import Slice
from hub.admin.responses import responses as answers
from hub.admin.responses import responses_export
from hub.pipeline.respond import answer
from hub.store import tables
from tests.console.answers import give, read_csv
from tests.console.browsing import visitor_of
from tests.lab import SETUP, Lab, identify, survey_lines


def test_answers_are_listed_newest_first_with_band_and_person(lab: Lab) -> None:
    lab.decide(identify("ada", firstName="Ada"), identify("bob", firstName="Bob"))
    lab.deliver()
    for place, (score, comment) in enumerate([(3, "<b>slow</b>"), (10, "")]):
        answer(lab.hub, lab.token(place), score, comment or None)
        lab.clock.advance(timedelta(minutes=1))
    page = visitor_of(lab.hub).get("/responses").text
    assert page.index("promoter") < page.index("detractor")
    assert "&lt;b&gt;slow&lt;/b&gt;" in page
    assert (">Ada</a>" in page, ">Bob</a>" in page) == (True, True)


def test_answer_leads_to_what_was_answered_while_its_survey_is_in_use(lab: Lab) -> None:
    lab.decide(identify("ada"))
    lab.deliver()
    answer(lab.hub, lab.token(), 9, None)
    visitor = visitor_of(lab.hub)
    shown = visitor.get("/responses").text
    [address] = re.findall(r'English, <a href="([^"]+)">version 1</a>', shown)
    assert visitor.get(unescape(address)).status_code == 200
    for link in (r'href="(/people/[^"]+)"', r'href="(/responses/[0-9a-f]+)"'):
        [page] = re.findall(link, shown)
        assert f'href="{address}"' in visitor.get(page).text
    surveys.retire(lab.hub, "onboarding")
    assert "English, version 1" in visitor.get("/responses").text


def test_answers_are_those_of_the_survey_that_is_asked_for(lab: Lab) -> None:
    lab.configure(SETUP + survey_lines() + '[surveys.second]\nsources = ["product"]\n' + survey_lines())
    lab.decide(identify("ada"))
    lab.deliver()
    answer(lab.hub, lab.token(lab.states().index("sent")), 9, "the only one")
    visitor = visitor_of(lab.hub)
    shown = [visitor.get("/responses", survey=name).text.count("the only one") for name in ("onboarding", "second")]
    assert sorted(shown) == [0, 1]


def test_survey_that_is_not_there_is_said_to_be_missing(lab: Lab) -> None:
    page = visitor_of(lab.hub).get("/responses", survey="onbording")
    assert page.status_code == 404
    assert "did you mean onboarding?" in page.text


def test_hub_without_answers_points_to_the_queue(lab: Lab) -> None:
    assert "No answers yet" in visitor_of(lab.hub).get("/responses").text


def comments(page: Any) -> list[str]:
    """Return the comments that a page lists."""
    return re.findall(r'<span class="said" dir="auto">([^<]*)</span>', page.text)


def test_answers_are_filtered_by_score_band_comment_language_and_day(lab: Lab) -> None:
    start = lab.clock() - timedelta(days=3)
    give(lab, [3], at=start, comment="three")
    give(lab, [6], at=start + timedelta(days=1), comment="six", language="de")
    give(lab, [9], at=start + timedelta(days=2), comment="nine")
    give(lab, [9], at=start + timedelta(days=2, hours=1))
    visitor = visitor_of(lab.hub)
    day = (start + timedelta(days=1)).date().isoformat()
    found = {
        name: comments(visitor.get("/responses", **query))
        for name, query in {
            "band": {"score": "detractor"},
            "score": {"score": "6"},
            "language": {"among": "language=de"},
            "comment": {"comment": "yes"},
            "day": {"from": day, "to": day},
            "both": {"score": "detractor", "said": "THR"},
        }.items()
    }
    assert found == {
        "band": ["six", "three"],
        "score": ["six"],
        "language": ["six"],
        "comment": ["nine", "six", "three"],
        "day": ["six"],
        "both": ["three"],
    }
    assert visitor.get("/responses", comment="no").text.count('<span class="soft">no comment</span>') == 1


def test_answers_are_filtered_by_a_rating(lab: Lab) -> None:
    text_edits.save(lab.hub, "onboarding", Edit(language="en", texts={}, look={"ratings": ["support"]}))
    give(lab, [9], comment="slow", ratings={"support": 1})
    give(lab, [9], comment="quick", ratings={"support": 5, "value": 1})
    visitor = visitor_of(lab.hub)
    page = visitor.get("/responses", rated="support=1")
    assert comments(page) == ["slow"]
    assert '<option value="support=1" selected>support: 1 of 5</option>' in page.text
    assert comments(visitor.get("/responses", rated="value=1")) == ["quick"]
    assert len(visitor.get("/responses/export.json", rated="support=5").json) == 1
    page = visitor.get("/responses", rated="support=6")
    assert (page.status_code, "rated: is written as a name and a number" in page.text) == (422, True)


def test_filters_are_folded_away_until_one_is_used(lab: Lab) -> None:
    give(lab, [9])
    visitor = visitor_of(lab.hub)
    folded = [
        '<details class="more span"><summary>More filters' in visitor.get("/responses", **query).text
        for query in ({}, {"score": "9"}, {"comment": "no"}, {"from": "2026-01-01"})
    ]
    assert folded == [True, True, False, False]


def test_days_in_the_wrong_order_are_said_to_be(lab: Lab) -> None:
    page = visitor_of(lab.hub).get("/responses", **{"from": "2026-03-02", "to": "2026-03-01"})
    assert page.status_code == 422
    assert "to: lies before from; no day could lie between" in page.text


def test_each_answer_is_opened_from_where_it_is_listed(lab: Lab) -> None:
    lab.decide(identify("ada", firstName="Ada"))
    lab.deliver()
    answer(lab.hub, lab.token(), 9, "good")
    visitor = visitor_of(lab.hub)
    for page in (visitor.get("/responses").text, visitor.get("/").text):
        [address] = re.findall(r'href="(/responses/[0-9a-f]+)">(?:(?!</a>).)*the answer of Ada<', page)
        assert visitor.get(address).status_code == 200


def test_search_looks_back_so_far_and_says_how_to_look_further(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LOOKED_THROUGH", 4)
    monkeypatch.setattr(answers, "AT_FIRST", 1)
    give(lab, [9], comment="Straße gesperrt", at=lab.clock() - timedelta(days=1))
    give(lab, [9] * 5, comment="nothing")
    visitor = visitor_of(lab.hub)
    page = visitor.get("/responses", said="STRASSE")
    assert "There is none since" in page.text
    assert comments(page) == []
    page = visitor.client.get(visitor.next_of(page))
    assert comments(page) == ["Straße gesperrt"]
    assert "Look further back" not in page.text


def test_pages_of_a_search_follow_each_other_without_a_gap(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "AT_FIRST", 7)
    give(lab, [9] * 30, comment="found")
    wanted, cursor, seen = answers.Wanted(said="found"), None, []
    while True:
        page = answers.responses(lab.hub, wanted, Slice(limit=4, cursor=cursor))
        seen += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(set(seen)) == len(seen) == 30


def test_tag_is_put_on_found_by_and_taken_off(lab: Lab) -> None:
    [id, _] = give(lab, [3, 9], comment="slow")
    visitor = visitor_of(lab.hub, "editor")
    assert ">two words</a>" in visitor.post(f"/responses/{id}/tags", tag=" Two   WORDS ").text
    assert comments(visitor.get("/responses", tag="two words")) == ["slow"]
    assert comments(visitor.get("/responses", tag="other")) == []
    page = visitor.post(f"/responses/{id}/tags", tag="x" * 41)
    assert "40 characters at most" in page.text
    assert ">two words</a>" not in visitor.post(f"/responses/{id}/tags/remove", tag="two words").text
    log = [(entry.action, entry.subject) for entry in entries(lab.hub, Logged(subject=id), Slice()).items]
    assert log == [("response.untagged", id), ("response.tagged", id)]


def test_viewer_reads_tags_and_puts_none_on(lab: Lab) -> None:
    [id] = give(lab, [3])
    visitor = visitor_of(lab.hub, "viewer")
    assert visitor.post(f"/responses/{id}/tags", tag="slow").status_code == 403
    assert "Put it on" not in visitor.get(f"/responses/{id}").text


def test_answer_has_a_page_with_its_history_and_its_way_to_the_targets(lab: Lab) -> None:
    lab.decide(identify("ada", firstName="Ada"))
    lab.deliver()
    answer(lab.hub, lab.token(), 3, "slow")
    lab.sync()
    answer(lab.hub, lab.token(), 9, "quick now")
    [given] = lab.rows(tables.response)
    page = visitor_of(lab.hub).get(f"/responses/{given.id}").text
    assert [text in page for text in ("slow", "quick now", ">Ada</a>", ">crm<")] == [True] * 4
    assert [text in page for text in ("taken", "waits for the next sync")] == [True] * 2
    assert visitor_of(lab.hub, "viewer").get("/responses/gone").status_code == 404


HOSTILE = [
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "<script>alert(1)</script>",
    "\u202egnp.exe",
    'one, "two"\r\nthree',
    "x" * 1_000_000,
]


def test_hostile_comments_harm_no_page_and_no_export(lab: Lab) -> None:
    for number, comment in enumerate(HOSTILE):
        give(lab, [number], comment=comment, at=lab.clock() + timedelta(minutes=number))
    visitor = visitor_of(lab.hub)
    page = visitor.get("/responses")
    assert "<script>alert" not in page.text
    assert len(page.data) < 100_000
    assert len(visitor.get("/", period="all").data) < 100_000
    rows = read_csv(io.StringIO(visitor.get("/responses/export.csv").text))
    assert [row["comment"] for row in rows[::-1]] == [f"'{HOSTILE[0]}", f"'{HOSTILE[1]}", *HOSTILE[2:]]
    found = visitor.get("/responses/export.json").json
    assert [row["comment"] for row in found[::-1]] == HOSTILE


def test_csv_is_read_by_a_spreadsheet_as_utf_8_and_says_who_answered_what(lab: Lab) -> None:
    look = {"ratings": ["support", "value"]}
    text_edits.save(lab.hub, "onboarding", Edit(language="en", texts={}, look={"ratings": ["old", "support"]}))
    lab.decide(identify("bob", name="=Bob"))
    lab.deliver()
    of_bob = next(row for row in lab.invitations() if row.texts_version == 2)
    answer(lab.hub, lab.hub.keys.token_of(of_bob.id), 9, "größer 🎉", {"old": 3, "support": 5})
    text_edits.save(lab.hub, "onboarding", Edit(language="en", texts={}, look=look))
    exported = visitor_of(lab.hub).get("/responses/export.csv")
    assert exported.data.startswith(codecs.BOM_UTF8)
    [row] = read_csv(io.StringIO(exported.data.decode("utf-8-sig")))
    [given] = lab.rows(tables.response)
    assert (row["comment"], row["name"]) == ("größer 🎉", "'=Bob")
    assert row["link"] == f"{lab.hub.settings.base_url}/responses/{given.id}"
    assert (row["version"], row["texts_version"]) == ("1", "2")
    assert (row["ratings"], row["rating_support"], row["rating_value"]) == ("old=3", "5", "")
    [one] = visitor_of(lab.hub, "viewer").get("/responses/export.json").json
    assert (one["ratings"], one["texts_version"]) == ({"old": 3, "support": 5}, 2)


def test_export_holds_what_is_filtered_and_is_written_down(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses_export, "AT_ONCE", 3)
    give(lab, [3, 9] * 5, comment="ten")
    give(lab, [9], comment="other")
    visitor = visitor_of(lab.hub, "viewer")
    rows = read_csv(io.StringIO(visitor.get("/responses/export.csv", score="9", said="ten").text))
    assert [(row["score"], row["comment"]) for row in rows] == [("9", "ten")] * 5
    [entry] = entries(lab.hub, Logged(action=Action.EXPORTED), Slice()).items
    assert (entry.who, entry.detail) == ("viewer", {"score": "9"})
    assert visitor.get("/responses/export.json", score="0", among="language=de", person="ada@example.com").json == []
    assert entries(lab.hub, Logged(action=Action.EXPORTED), Slice()).items[0].detail == {
        "score": "0",
        "segment": "language",
    }
    assert visitor.get("/responses/export.xml").status_code == 404
    assert visitor.get("/responses/export.csv", survey="gone").status_code == 404
