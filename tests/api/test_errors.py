"""Errors of the API have one shape, whatever happened; those of the pages stay pages."""

from __future__ import annotations

import pytest
from werkzeug.test import Client

from hub.store.tables import api_token
from hub.web.api.routes import LARGEST_BODY
from tests.api.client import Api
from tests.lab import Lab

SURVEY = {"sources": ["product"], "channels": ["relay"], "targets": ["crm"]}


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code"),
    [
        ("GET", "/api", {}, 404, "not_found"),
        ("GET", "/api/", {}, 404, "not_found"),
        ("GET", "/api/v2/surveys", {}, 404, "not_found"),
        ("GET", "/surveys/", {}, 404, "not_found"),
        ("GET", "//surveys", {}, 404, "not_found"),
        ("GET", "/surveys/%00", {}, 404, "not_found"),
        ("GET", "/events/%00", {}, 404, "not_found"),
        ("GET", "/people/a%00b", {}, 404, "not_found"),
        ("GET", "/connections/fax/relay", {}, 404, "not_found"),
        ("POST", "/surveys", {}, 405, "method_not_allowed"),
        ("PATCH", "/surveys/onboarding", {}, 405, "method_not_allowed"),
        ("PUT", "/surveys/onboarding", {"body": b"{}"}, 415, "unsupported_media_type"),
        (
            "PUT",
            "/surveys/onboarding",
            {"body": b"{}", "headers": {"Content-Type": "application/xml"}},
            415,
            "unsupported_media_type",
        ),
        ("PUT", "/surveys/onboarding", {"body": SURVEY, "headers": {"Content-Encoding": "gzip"}}, 415, None),
        ("PUT", "/surveys/onboarding", {"body": {**SURVEY, "brand": "x" * LARGEST_BODY}}, 413, "too_large"),
        ("PUT", "/surveys/onboarding", {"body": [1]}, 422, "invalid"),
        ("PUT", "/surveys/UPPER", {"body": SURVEY}, 422, "invalid"),
        ("GET", "/events", {"limit": "201"}, 422, "invalid"),
        ("GET", "/events", {"limit": "0"}, 422, "invalid"),
        ("GET", "/events", {"colour": "blue"}, 422, "invalid"),
        ("GET", "/events", {"person": "a\x00"}, 422, "invalid"),
        ("GET", "/events", {"since": "yesterday"}, 422, "invalid"),
        ("GET", "/events", {"since": "0001-01-01T00:00:00+14:00"}, 422, "invalid"),
        ("GET", "/events", {"outcome": "scheduled", "reason": "too_old"}, 422, "invalid"),
        ("GET", "/suppressions", {"email": "nobody"}, 422, "invalid"),
        ("DELETE", "/connections/channel/relay", {}, 409, "conflict"),
    ],
)
def test_every_refusal_has_the_shape(
    still_api: Api, method: str, path: str, sent: dict[str, object], status: int, code: str | None
) -> None:
    answer = still_api(method, path, **sent)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/json"
    assert set(answer.json) == {"code", "message", "fields"}
    assert answer.json["code"] == (code or answer.json["code"])
    assert all(isinstance(why, list) for why in answer.json["fields"].values())


def test_what_no_database_could_hold_is_not_there(api: Api) -> None:
    for path in ("/surveys", "/events", "/people", "/invitations"):
        assert api("GET", f"{path}/a%00b").status_code == 404
    assert api("DELETE", "/suppressions/a%00b").status_code == 404
    assert api("GET", "/people", who="a\x00").status_code == 422


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"min_delay_days": NaN}', b"[" * 100_000, b'{"daily_limit": ' + b"9" * 5_000 + b"}", b"\xff\xfe"],
)
def test_what_is_no_json_is_a_bad_request(still_api: Api, body: bytes) -> None:
    answer = still_api("PUT", "/surveys/onboarding", body=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")


def test_every_problem_is_named_by_its_field(still_api: Api) -> None:
    answer = still_api("PUT", "/surveys/onboarding", body={"min_delay_days": -1, "colour": "red", "sources": [7]})
    assert answer.status_code == 422
    assert set(answer.json["fields"]) == {"min_delay_days", "colour", "sources.0"}
    assert set(still_api("PUT", "/surveys/onboarding", body=[1]).json["fields"]) == {"body"}


def test_a_method_that_is_not_there_is_answered_with_those_that_are(still_api: Api) -> None:
    assert set(still_api("PATCH", "/surveys/onboarding").headers["Allow"].split(", ")) >= {"GET", "PUT", "DELETE"}


def test_while_the_database_fails_the_answer_says_when_to_come_back(lab: Lab, api: Api) -> None:
    with lab.hub.store.write() as connection:
        api_token.drop(connection)
    answer = api("GET", "/surveys")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json["code"] == "unavailable"
    assert "api_token" not in answer.text


@pytest.mark.parametrize("path", ["/s/nobody", "/nowhere", "/apish"])
def test_errors_of_pages_stay_pages(still_api: Api, path: str) -> None:
    answer = Client(still_api.app).get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.content_type.startswith("text/html")


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_no_answer_of_the_api_is_kept_or_guessed_at(still_api: Api, method: str) -> None:
    headers = still_api(method, "/surveys").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "html" not in headers.get("Content-Type", "")
