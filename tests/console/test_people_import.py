"""People imported in the console: as the API imports them, with what is wrong beside the field or by its line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, stream_encode_multipart

from hub.admin.audit import Action
from hub.store import intake, tables
from hub.web.app import HubApp
from hub.web.console.files import LARGEST_FILE
from tests.console.browsing import Visitor, readable, visitor_of
from tests.lab import SETUP, Lab

CSV = b"userId,email,plan\nu1,u1@acme.example,pro\nu2,u2@acme.example,\n"
OTHER_SOURCE = '[sources.shop]\nkind = "fake"\n'


@pytest.fixture
def editor(lab: Lab) -> Iterator[Visitor]:
    with visitor_of(lab.hub, "editor", name="grace") as editor:
        yield editor


def brought(
    visitor: Visitor, content: bytes, name: str = "people.csv", *, length: int | None = None, **form: str
) -> TestResponse:
    """Import a file; `length` is what is announced."""
    fields = {"source": "product", "file": FileStorage(io.BytesIO(content), name), **form}
    # In memory, since the file that a test client would write to is never closed.
    sent, size, boundary = stream_encode_multipart(fields, use_tempfile=False)
    return visitor.client.post(
        "/people/import",
        data=sent.read(),
        content_type=f"multipart/form-data; boundary={boundary}",
        environ_overrides={"CONTENT_LENGTH": str(length or size)},
    )


def waiting(lab: Lab) -> int:
    """Return how many bodies wait to be decided."""
    return intake.waiting(lab.hub.store)[0]


def test_form_says_which_columns_are_understood(editor: Visitor) -> None:
    text = editor.text(editor.link("/people", "Import people"))
    for said in ("userId , anonymousId", "email", "createdAt", "timestamp", "docs/api.md", "64 MB at most"):
        assert said in text


def test_file_is_imported_as_events_of_its_source(lab: Lab, editor: Visitor) -> None:
    text = readable(brought(editor, CSV).text)
    assert "2 rows taken for product; 0 lines not taken." in text
    assert "Not taken" not in text
    assert sorted(decision.reason for decision in lab.decide()) == ["scheduled", "scheduled"]
    payloads = [json.loads(event.payload) for event in lab.rows(tables.event)]
    assert {one["userId"]: one["traits"].get("plan") for one in payloads} == {"u1": "pro", "u2": None}
    assert "u1" in editor.text("/events")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("people.jsonl", b'{"userId": "u1"}\n{"plan": "pro"}\n'),
        ("PEOPLE.NDJSON", b'{"userId": "u1"}\n{"plan": "pro"}'),
        ("people.json", b'[{"userId": "u1"}, {"plan": "pro"}]'),
        ("people", b"plan,userId\n,u1\n"),
        ("people.csv", b"\xef\xbb\xbfuserId,plan\r\nu1,\r\n"),
    ],
)
def test_file_is_read_by_the_ending_of_its_name(lab: Lab, editor: Visitor, name: str, content: bytes) -> None:
    assert "1 row taken for product" in readable(brought(editor, content, name).text)
    lab.decide()
    assert [json.loads(event.payload)["userId"] for event in lab.rows(tables.event)] == ["u1"]


def test_rows_that_were_not_taken_are_told_by_their_line(lab: Lab, editor: Visitor) -> None:
    text = readable(brought(editor, b'userId,email\nu1,\n,a@acme.example\nu2\nu\xff,\nu3,"cut o').text)
    assert "1 row taken for product; 4 lines not taken." in text
    assert "3 has neither userId nor anonymousId" in text
    assert "4 has 1 cells; the header has 2" in text
    assert "5 userId: has to be text" in text
    assert "6 is no CSV" in text
    assert len(lab.decide()) == 1


def test_of_many_bad_rows_the_first_are_shown(editor: Visitor) -> None:
    page = brought(editor, b"userId,plan\n" + b",pro\n" * 1_200).text
    assert "0 rows taken for product; 1,200 lines not taken." in readable(page)
    assert "These are the first 100." in page
    assert page.count("has neither userId nor anonymousId") == 100


def test_the_same_file_again_is_a_copy_unless_the_batch_has_a_new_name(lab: Lab, editor: Visitor) -> None:
    for batch, events in (("", 2), ("", 2), ("again", 4)):
        brought(editor, CSV, batch=batch)
        lab.decide()
        assert len(lab.rows(tables.event)) == events


def test_import_is_in_the_audit_log_under_the_name_of_who_made_it(lab: Lab, editor: Visitor) -> None:
    brought(editor, CSV + b",,\n")
    [entry] = [row for row in lab.rows(tables.audit) if row.action == Action.PEOPLE_IMPORTED]
    assert (entry.who, entry.subject) == ("grace", "sources.product")
    assert entry.detail == {"accepted": 2, "refused": 1}


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (CSV, "", "Choose a file."),
        (b"", "people.csv", "The file is empty."),
        (b"", "people.json", "The file is empty."),
        (b"\n\n", "people.csv", "The first line has to name every column, each once."),
        (b"name,plan\nada,pro\n", "people.csv", "among them userId or anonymousId."),
        ("userId,größe\nu1,\n".encode("utf-16"), "people.csv", "The first line has to name"),
        (bytes(range(256)) * 100, "people.png", "The first line"),
        (bytes(range(256)) * 100, "people.json", "The body is no valid JSON."),
        (b'[{"userId": "u1"}, {"user', "people.json", "The body is no valid JSON."),
        (b'{"userId": "u1"}', "people.json", "The body has to be a JSON array of objects."),
        (b"[" + b" " * 10_000_000 + b"]", "people.json", "A JSON array may have 10 MB"),
        (b"[" + b"0," * 100_000 + b"0]", "people.json", "A JSON array may have 100,000 items"),
    ],
)
def test_file_that_is_none_is_said_so_beside_its_field(
    lab: Lab, editor: Visitor, content: bytes, name: str, said: str
) -> None:
    answer = brought(editor, content, name, batch="spring")
    assert answer.status_code == 422
    assert said in answer.text.partition('id="file-problem">')[2].partition("</p>")[0]
    assert 'value="spring"' in answer.text
    assert waiting(lab) == 0


@pytest.mark.parametrize("content", [bytes(range(256)) * 100, b"\x00" * 700_000, b"{" * 2_000_000, CSV])
def test_lines_that_are_no_json_are_told_and_nothing_is_taken(lab: Lab, editor: Visitor, content: bytes) -> None:
    answer = brought(editor, content, "people.jsonl")
    assert (answer.status_code, waiting(lab)) == (200, 0)
    assert "0 rows taken for product" in readable(answer.text)


def test_file_beyond_the_limit_is_said_so_beside_its_field(lab: Lab, editor: Visitor) -> None:
    answer = brought(editor, CSV, length=LARGEST_FILE + 1)
    assert answer.status_code == 422
    assert 'id="file-problem">A file may have 64 MB' in answer.text
    assert "Choose a source" not in answer.text
    assert waiting(lab) == 0


def test_everything_that_is_wrong_is_said_at_once(lab: Lab, editor: Visitor) -> None:
    lab.configure(SETUP + OTHER_SOURCE)
    answer = editor.post("/people/import", batch="b" * 101)
    assert answer.status_code == 422
    for said in ("Choose a source.", "Choose a file.", "Longer than maximum length 100."):
        assert said in answer.text


@pytest.mark.parametrize("source", ["", "gone", "\x00"])
def test_source_that_is_none_is_said_so_beside_its_field(lab: Lab, editor: Visitor, source: str) -> None:
    lab.configure(SETUP + OTHER_SOURCE)
    answer = brought(editor, CSV, source=source)
    assert answer.status_code == 422
    assert 'id="field-source-problem">Choose a source.' in answer.text
    assert waiting(lab) == 0


def test_one_of_several_sources_is_chosen(lab: Lab, editor: Visitor) -> None:
    lab.configure(SETUP + OTHER_SOURCE)
    assert '<option value="" selected>Choose one' in editor.get("/people/import").text
    assert "2 rows taken for shop" in readable(brought(editor, CSV, source="shop").text)


def test_hub_that_is_full_says_when_to_try_again(editor: Visitor) -> None:
    app = editor.client.application
    assert isinstance(app, HubApp)
    app.intake.close()
    answer = brought(editor, CSV)
    assert answer.status_code == 503
    assert "Import it again shortly" in answer.text


def test_viewer_is_offered_no_import(lab: Lab) -> None:
    with visitor_of(lab.hub, "viewer") as viewer:
        assert "Import people" not in viewer.get("/people").text
        assert viewer.get("/people/import").status_code == 403
        assert brought(viewer, CSV).status_code == 403
    assert waiting(lab) == 0
