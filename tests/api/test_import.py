"""Bringing people in: the same rules and the same durable path as an event that a source took."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from hub.pipeline import respond
from hub.pipeline.imported import HINT
from hub.store import intake, tables
from tests.api.client import PREFIX, Api
from tests.lab import Lab, identify


def brought(
    api: Api, body: bytes | str, media: str = "text/csv", source: str = "product", **query: str
) -> TestResponse:
    """Bring people in."""
    sent = body if isinstance(body, bytes) else body.encode()
    return api("POST", "/people/import", body=sent, headers={"Content-Type": media}, source=source, **query)


CSV = "userId,email,createdAt,plan\nu1,u1@acme.example,2026-03-10,pro\nu2,u2@acme.example,,\n"


def test_every_row_becomes_an_identify_under_the_survey_rules(lab: Lab, api: Api) -> None:
    lab.set(min_delay_days=3, on_missing_created_at="skip")
    answer = brought(api, CSV)
    assert (answer.status_code, answer.json) == (202, {"accepted": 2, "refused": 0, "problems": []})
    assert {decision.reason: decision.due_at for decision in lab.decide()} == {
        "scheduled": lab.clock.moment.replace(day=13, hour=0, minute=0),
        "no_created_at": None,
    }
    events = lab.rows(tables.event, "message_id")
    assert {event.type for event in events} == {"identify"}
    payloads = [json.loads(event.payload) for event in events]
    assert {payload["userId"]: payload["traits"].get("plan") for payload in payloads} == {"u1": "pro", "u2": None}


def test_rows_wait_in_the_log_of_their_source_until_a_worker_decides(lab: Lab, api: Api) -> None:
    brought(api, CSV)
    assert intake.waiting(lab.hub.store)[0] == 1
    assert lab.rows(tables.event) == []
    lab.decide()
    assert intake.waiting(lab.hub.store)[0] == 0


def test_the_same_import_twice_is_a_duplicate_also_on_another_day(lab: Lab, api: Api) -> None:
    brought(api, CSV)
    lab.decide()
    lab.clock.advance(timedelta(days=1))
    brought(api, CSV.replace("\n", "\r\n"))
    lab.decide()
    assert len(lab.rows(tables.event)) == 2
    brought(api, CSV, batch="once more")
    lab.decide()
    assert len(lab.rows(tables.event)) == 4


def test_imported_and_received_events_are_decided_together_as_one_person(lab: Lab, api: Api) -> None:
    brought(api, "userId,email\nu1,new@acme.example\n")
    lab.receive(identify("u1"))
    assert sorted(decision.reason for decision in lab.decide()) == ["already_scheduled", "scheduled"]
    assert len(api.all("/people")) == 1


@pytest.mark.parametrize("media", ["application/json", "application/x-ndjson"])
def test_json_keeps_the_types_of_traits(lab: Lab, api: Api, media: str) -> None:
    rows = [
        {"userId": 7, "email": "u7@acme.example", "createdAt": 1_773_000_000, "tags": ["a", {"b": None}], "none": None},
        {"anonymousId": "x"},
    ]
    text = json.dumps(rows) if media == "application/json" else "\n".join(json.dumps(row) for row in rows)
    assert brought(api, text, media).json["accepted"] == 2
    lab.decide()
    assert {person["user_ids"][0] if person["user_ids"] else None for person in api.all("/people")} == {"7", None}
    payloads = [json.loads(event.payload) for event in lab.rows(tables.event)]
    assert {"email": "u7@acme.example", "createdAt": 1_773_000_000, "tags": ["a", {"b": None}]} in [
        payload["traits"] for payload in payloads
    ]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"email": "a@acme.example"}, "has neither userId nor anonymousId"),
        ({"userId": "", "anonymousId": None}, "has neither userId nor anonymousId"),
        ({"userId": True}, "userId: has to be text of 500 characters at most, or a number"),
        ({"userId": ["u1"]}, "userId: has to be text of 500 characters at most, or a number"),
        ({"anonymousId": "x" * 501}, "anonymousId: has to be text of 500 characters at most, or a number"),
        ({"userId": "a\x00"}, "userId: has to be text of 500 characters at most, or a number"),
        ({"userId": "a\ud800"}, "userId: has to be text of 500 characters at most, or a number"),
        ({"userId": "u1", "timestamp": "yesterday"}, "timestamp: has to be a time such as 2026-03-01T09:30:00Z"),
        ({"userId": "u1", "deep": json.loads("[" * 60 + "]" * 60)}, "a trait is nested deeper than 50 levels"),
        ("u1", "is no JSON object"),
    ],
)
def test_bad_row_is_refused_by_its_line_and_the_others_are_taken(lab: Lab, api: Api, row: Any, why: str) -> None:
    lines = [{"userId": "first"}, row, {"userId": "last"}]
    answer = brought(api, "\n".join(json.dumps(line) for line in lines), "application/x-ndjson").json
    assert answer == {"accepted": 2, "refused": 1, "problems": [{"line": 2, "why": why}]}
    lab.decide()
    assert len(lab.rows(tables.event)) == 2


def test_half_a_surrogate_pair_in_a_name_breaks_no_export(lab: Lab, api: Api) -> None:
    row = json.dumps({"userId": "u4", "email": "u4@acme.example", "name": "Ada \ud83d", "plan": "\ude00"})
    assert brought(api, row, "application/x-ndjson").json["accepted"] == 1
    lab.decide()
    lab.deliver()
    respond.answer(lab.hub, lab.token(), 9, "")
    for form in ("json", "csv"):
        exported = api("GET", "/responses/export", format=form)
        assert (exported.status_code, "Ada \ufffd" in exported.text) == (200, True)


def test_row_as_of_an_earlier_time_updates_less_and_starts_no_survey(lab: Lab, api: Api) -> None:
    lab.decide(identify("u1", plan="pro"))
    brought(api, "userId,plan,city,timestamp\nu1,free,Rome,2026-01-01T00:00:00Z\n")
    assert lab.decide()[-1].reason == "stale_event"
    (person,) = lab.rows(tables.person)
    assert (person.profile["plan"][0], person.profile["city"][0]) == ("pro", "Rome")


def test_large_file_is_stored_in_bodies_of_a_size_that_a_decider_takes(lab: Lab, api: Api) -> None:
    rows = "".join(f"u{number},u{number}@acme.example\n" for number in range(1_200))
    assert brought(api, "userId,email\n" + rows).json["accepted"] == 1_200
    assert intake.waiting(lab.hub.store)[0] == 3
    lab.decide()
    assert len(lab.invitations()) == 1_200


def test_unknown_source_and_unknown_columns_are_refused_whole(api: Api) -> None:
    assert brought(api, CSV, source="unheard-of").status_code == 404
    answer = brought(api, "id,email\n1,a@acme.example\n")
    assert answer.status_code == 422
    assert "userId or anonymousId" in answer.json["message"]
    assert api("POST", "/people/import", body=b"", headers={"Content-Type": "text/csv"}).json["fields"].keys() == {
        "source"
    }


def test_while_nothing_can_be_stored_nothing_is_accepted(lab: Lab, api: Api) -> None:
    api.app.close()
    answer = brought(api, CSV)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert intake.waiting(lab.hub.store)[0] == 0


def test_source_is_not_asked_to_read_what_is_imported(lab: Lab, api: Api) -> None:
    brought(api, "userId,raise\nu1,a bug of the source\n")
    lab.decide()
    assert lab.reasons() == ["no_email"]
    assert HINT.startswith("hub:")


# Uploads that break off


def broken_off(api: Api, path: str, media: str, sent: bytes, length: int | None) -> tuple[int, str]:
    """Send what the hub's server hands on of an upload: its bytes, and then an end that says nothing."""
    announced = {"HTTP_TRANSFER_ENCODING": "chunked"} if length is None else {"CONTENT_LENGTH": str(length)}
    answer = Client(api.app).open(
        PREFIX + path,
        method="POST",
        headers={"Authorization": f"Bearer {api.token}", "Content-Type": media},
        input_stream=io.BytesIO(sent),
        environ_overrides={"wsgi.input_terminated": True, **announced},
    )
    return answer.status_code, answer.json.get("message", "")


@pytest.mark.parametrize(
    ("path", "media", "sent"),
    [
        ("/people/import?source=product", "text/csv", b"email,userId\nnew@acme.example,123"),
        ("/people/import?source=product", "text/csv", b'userId,plan\nu1,"two\n'),
        ("/people/import?source=product", "text/csv", b"userId,pl"),
        ("/people/import?source=product", "application/x-ndjson", b'{"userId": "u1"}'),
        ("/people/import?source=product", "application/json", b'[{"userId": "u1"}]'),
        ("/suppressions/import?reason=complained", "text/csv", b"email\na@acme.example"),
    ],
)
def test_of_an_upload_that_ends_before_its_length_nothing_is_taken(
    lab: Lab, api: Api, path: str, media: str, sent: bytes
) -> None:
    status, message = broken_off(api, path, media, sent, len(sent) + 4)
    assert (status, message) == (
        400,
        "The upload ended before all of it was here; nothing of it was taken. Send it again.",
    )
    assert (intake.waiting(lab.hub.store)[0], lab.rows(tables.suppression)) == (0, [])


def test_what_came_before_an_upload_broke_off_is_told(lab: Lab, api: Api) -> None:
    sent = b"userId\n" + b"".join(b"u%d\n" % number for number in range(700)) + b"u7"
    path = "/people/import?source=product"
    status, message = broken_off(api, path, "text/csv", sent, 5000)
    assert (status, "its first 500 rows were read" in message) == (400, True)
    assert brought(api, sent + b"00\n").json["accepted"] == 701
    lab.decide()
    assert len({event.person_id for event in lab.rows(tables.event)}) == 701


@pytest.mark.parametrize(("end", "status"), [(b"\n", 202), (b"", 400)])
def test_without_a_length_the_last_line_has_to_be_ended(api: Api, end: bytes, status: int) -> None:
    body = b"email,userId\nnew@acme.example,123" + end
    path = "/people/import?source=product"
    answer = broken_off(api, path, "text/csv", body, None)
    assert answer[0] == status


def test_chunked_cell_whose_quotes_never_end_is_refused(lab: Lab, api: Api) -> None:
    body = b'userId,plan\nu1,"two\n'
    path = "/people/import?source=product"
    assert broken_off(api, path, "text/csv", body, None)[0] == 202
    assert intake.waiting(lab.hub.store)[0] == 0


# What is too much


LONG = "x" * 100_000


@pytest.mark.parametrize(
    ("media", "rows"),
    [
        ("text/csv", "userId,a,b,c,d,e,f\n{first},,,,,,\nu2," + ",".join([LONG] * 6) + "\n{last},,,,,,\n"),
        ("text/csv", "userId,a,b,c,d,e,f\n{first},,,,,,\nu2," + ",".join([f'"\n{LONG}"'] * 6) + "\n{last},,,,,,\n"),
        (
            "application/x-ndjson",
            '{{"userId":"{first}"}}\n{{"userId":"u2","a":"' + LONG * 6 + '"}}\n{{"userId":"{last}"}}',
        ),
        ("application/json", '[{{"userId":"{first}"}},{{"userId":"u2","a":"' + LONG * 6 + '"}},{{"userId":"{last}"}}]'),
    ],
)
def test_row_over_512_kb_is_refused_by_its_line_and_the_others_are_taken(
    lab: Lab, api: Api, media: str, rows: str
) -> None:
    answer = brought(api, rows.format(first="u1", last="u3"), media).json
    line = 3 if media == "text/csv" else 2
    assert answer == {"accepted": 2, "refused": 1, "problems": [{"line": line, "why": "is longer than 512 KB"}]}
    lab.decide()
    payloads = [json.loads(event.payload) for event in lab.rows(tables.event)]
    assert {payload["userId"] for payload in payloads} == {"u1", "u3"}


@pytest.mark.parametrize("array", ["[" + " " * 10_000_000 + "]", "[" + "0," * 100_000 + "0]"])
@pytest.mark.parametrize("path", ["/people/import?source=product", "/suppressions/import"])
@pytest.mark.parametrize("is_chunked", [True, False])
def test_array_that_would_fill_the_memory_is_refused_whole(
    still_api: Api, path: str, array: str, is_chunked: bool
) -> None:
    length = None if is_chunked else len(array)
    status, message = broken_off(still_api, path, "application/json", array.encode(), length)
    assert (status, message.endswith("send JSON lines for more")) == (413, True)


def test_number_beyond_all_numbers_is_no_json(lab: Lab, api: Api) -> None:
    lines = '{"userId": "u1", "mrr": 1e999}\n{"userId": "u2", "mrr": -1e308}\n'
    answer = brought(api, lines, "application/x-ndjson").json
    assert (answer["accepted"], answer["problems"]) == (1, [{"line": 1, "why": "is no valid JSON"}])
    assert brought(api, '[{"userId": "u1", "mrr": -1e999}]', "application/json").status_code == 422
    assert (
        api(
            "PUT", "/surveys/x", body=b'{"min_delay_days": 1e999}', headers={"Content-Type": "application/json"}
        ).status_code
        == 400
    )
