"""Suppressions, one by one and in bulk."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from hub.admin.people import people
from hub.store import tables
from tests.api.client import Api
from tests.lab import Lab, identify


def imported(api: Api, body: bytes, media: str = "text/csv", **query: str) -> TestResponse:
    """Import suppressions."""
    return api("POST", "/suppressions/import", body=body, headers={"Content-Type": media}, **query)


def test_suppressed_address_is_not_mailed_until_it_is_removed(lab: Lab, api: Api) -> None:
    added = api("POST", "/suppressions", body={"email": " U1@Acme.example ", "reason": "hard_bounced", "note": "550"})
    assert (added.status_code, added.json["email"], added.json["note"]) == (201, "u1@acme.example", "550")
    assert lab.decide(identify("u1"))[-1].reason == "suppressed"
    assert api("DELETE", f"/suppressions/{added.json['id']}").status_code == 204
    assert lab.decide(identify("u1"))[-1].reason == "scheduled"
    assert api("DELETE", f"/suppressions/{added.json['id']}").status_code == 404


def test_bounce_reported_between_deciding_and_sending_stops_the_mail(lab: Lab, api: Api) -> None:
    lab.decide(identify("u1"))
    api("POST", "/suppressions", body={"email": "u1@acme.example", "reason": "complained"})
    assert lab.deliver() == 0
    assert lab.states() == ["cancelled"]


def test_what_is_suppressed_stays_as_it_is(lab: Lab, api: Api) -> None:
    first = api("POST", "/suppressions", body={"email": "a@acme.example", "reason": "unsubscribed"}).json
    lab.clock.advance(timedelta(days=1))
    assert api("POST", "/suppressions", body={"email": "A@acme.example", "reason": "complained"}).json == first
    assert len(api.all("/suppressions")) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "nobody", "reason": "complained"}, "email"),
        ({"email": "a@acme.example\x00", "reason": "complained"}, "email"),
        ({"email": "a@acme.example", "reason": "erased"}, "reason"),
        ({"email": "a@acme.example"}, "reason"),
        ({"email": "a@acme.example", "reason": "complained", "note": "x" * 501}, "note"),
    ],
)
def test_wrong_suppression_is_refused_by_its_field(still_api: Api, body: dict[str, Any], field: str) -> None:
    answer = still_api("POST", "/suppressions", body=body)
    assert answer.status_code == 422
    assert list(answer.json["fields"]) == [field]


def test_erased_person_stays_suppressed(lab: Lab, api: Api) -> None:
    lab.decide(identify("u1"))
    people.erase(lab.hub, "u1")
    found = api.all("/suppressions", reason="erased")
    assert {(one["subject"], one["email"]) for one in found} == {("mailbox", None), ("user", None)}
    (mailbox,) = api.all("/suppressions", email="u1@acme.example")
    answer = api("DELETE", f"/suppressions/{mailbox['id']}")
    assert answer.status_code == 409
    assert "erased" in answer.json["message"]
    assert imported(api, b"email,reason\nu1@acme.example,unsubscribed\n").json["known"] == 1
    assert api("GET", "/suppressions/export").text == "email,reason,note,created_at\r\n"


def test_list_is_filtered(lab: Lab, api: Api) -> None:
    for number, reason in enumerate(["unsubscribed", "hard_bounced", "complained", "hard_bounced"]):
        api("POST", "/suppressions", body={"email": f"p{number}@acme.example", "reason": reason})
        lab.clock.advance(timedelta(days=1))
    emails = [one["email"][:2] for one in api.all("/suppressions", limit=1)]
    assert emails == ["p3", "p2", "p1", "p0"]
    assert [one["email"][:2] for one in api.all("/suppressions", reason="hard_bounced")] == ["p3", "p1"]
    window = {"since": "2026-03-12T09:30:00Z", "until": "2026-03-13T09:30:00Z"}
    assert [one["email"][:2] for one in api.all("/suppressions", **window)] == ["p1"]


# In bulk


def test_bad_lines_are_reported_by_their_number_and_the_others_taken(lab: Lab, api: Api) -> None:
    body = (
        b"\xef\xbb\xbfreason,email,note\r\n"
        b"hard_bounced,a@acme.example,550 no such user\r\n"
        b"erased,b@acme.example,\r\n"
        b'unsubscribed,c@acme.example,"two\r\nlines"\r\n'
        b"unsubscribed,nobody,\r\n"
        b"unsubscribed,d@acme.example\r\n"
        b"\r\n"
        b"complained,\xff@acme.example,\r\n"
        b"complained,A@acme.example,\r\n"
    )
    answer = imported(api, body).json
    assert (answer["added"], answer["known"], answer["refused"]) == (2, 1, 4)
    assert [(one["line"], one["why"].split(":")[0]) for one in answer["problems"]] == [
        (3, "reason"),
        (6, "email"),
        (7, "has 2 cells; the header has 3"),
        (9, "email"),
    ]
    rows = {row.mailbox: (row.reason, row.note) for row in lab.rows(tables.suppression)}
    assert rows == {
        "a@acme.example": ("hard_bounced", "550 no such user"),
        "c@acme.example": ("unsubscribed", "two\r\nlines"),
    }


def test_reason_may_stand_in_the_query(lab: Lab, api: Api) -> None:
    answer = imported(api, b"email\na@acme.example\nb@acme.example\n", reason="hard_bounced")
    assert answer.json["added"] == 2
    assert {row.reason for row in lab.rows(tables.suppression)} == {"hard_bounced"}
    assert imported(api, b"email\nc@acme.example\n").json["problems"][0]["why"].startswith("reason: is missing")


@pytest.mark.parametrize("media", ["application/json", "application/x-ndjson"])
def test_json_is_taken_as_an_array_or_in_lines(api: Api, media: str) -> None:
    items = [
        {"email": "a@acme.example", "reason": "complained"},
        7,
        {"email": ["b@acme.example"], "reason": {}},
        {"email": "c@acme.example", "reason": "complained", "created_at": "2025-01-01"},
    ]
    lines = "\n".join(json.dumps(item) for item in items)
    answer = imported(api, (json.dumps(items) if media == "application/json" else lines).encode(), media)
    assert (answer.json["added"], [one["line"] for one in answer.json["problems"]]) == (2, [2, 3])


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"", "text/csv"),
        (b"address\na@acme.example\n", "text/csv"),
        (b"email,email\n", "text/csv"),
        (b"{}", "application/json"),
        (b"[", "application/json"),
        (b"[" * 100_000, "application/json"),
    ],
)
def test_file_that_is_none_is_refused_whole(still_api: Api, body: bytes, media: str) -> None:
    assert imported(still_api, body, media).status_code == 422


@pytest.mark.parametrize("written", ["csv", "json"])
def test_export_is_what_import_takes(lab: Lab, api: Api, written: str) -> None:
    body = b'email,reason,note\n=1+1@acme.example,complained,"a ""b"", c"\n' + b"".join(
        b"p%d@acme.example,unsubscribed,\n" % number for number in range(1_500)
    )
    imported(api, body)
    lab.clock.advance(timedelta(days=1))
    before = lab.rows(tables.suppression, "key")
    exported = api("GET", "/suppressions/export", format=written)
    content = exported.data
    with lab.hub.store.write() as connection:
        connection.execute(tables.suppression.delete())
    media = {"csv": "text/csv", "json": "application/json"}[written]
    assert exported.mimetype == media
    assert imported(api, content, media).json["added"] == 1_501
    assert lab.rows(tables.suppression, "key") == before


def test_export_of_nothing_is_still_a_document(still_api: Api) -> None:
    assert still_api("GET", "/suppressions/export", format="json").json == []
    assert list(csv.reader(io.StringIO(still_api("GET", "/suppressions/export").text))) == [
        ["email", "reason", "note", "created_at"]
    ]


@pytest.mark.parametrize(
    "note", ["=1+1", " +1", "-1", "@x", "\tx", "\rx", "\n=1", "'=1", "''- 1", "'", "it's = 1", "5'"]
)
def test_note_is_no_formula_in_the_export_and_the_same_again_after_its_import(lab: Lab, api: Api, note: str) -> None:
    api("POST", "/suppressions", body={"email": "=a@acme.example", "reason": "complained", "note": note})
    before = lab.rows(tables.suppression)
    exported = api("GET", "/suppressions/export")
    for cell in list(csv.reader(io.StringIO(exported.text, newline="")))[1]:
        assert not cell.strip(" \n").startswith(("=", "+", "-", "@", "\t", "\r"))
    with lab.hub.store.write() as connection:
        connection.execute(tables.suppression.delete())
    assert imported(api, exported.data).json["added"] == 1
    assert lab.rows(tables.suppression) == before


def test_apostrophe_of_a_note_in_json_stays(lab: Lab, api: Api) -> None:
    item = {"email": "a@acme.example", "reason": "complained", "note": "'=1"}
    imported(api, json.dumps([item]).encode(), "application/json")
    assert [row.note for row in lab.rows(tables.suppression)] == ["'=1"]
