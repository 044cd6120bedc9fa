"""The web application around its parts: what stands at addresses that are nobody's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from hub.web.app import create_app
from hub.web.words import WORDS
from tests.lab import Lab

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def client(lab: Lab) -> Iterator[FlaskClient]:
    app = create_app(lab.hub)
    with app.test_client() as client:
        yield client
    app.close()


@pytest.mark.parametrize("path", ["/nowhere", "/wp-login.php", "/v2/identify"])
def test_an_address_that_is_nobodys_is_told_as_each_client_wants_it(client: FlaskClient, path: str) -> None:
    page = client.get(path, headers=BROWSER)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "There is no page here" in page.text
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        answer = client.post(path, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (404, "404")
        assert answer.json["message"].startswith("There is no page here.")


def test_a_host_that_there_cannot_be_is_told_so_with_a_way_to_the_console(client: FlaskClient) -> None:
    answer = client.get("/nowhere", headers={**BROWSER, "Host": "x" * 300})
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert '<a href="/">To the console</a>' in answer.text


@pytest.mark.parametrize("headers", [{}, BROWSER])
def test_a_link_that_does_not_work_is_always_the_page_for_customers(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    for path in ("/s/nothing", "/u/nothing", "/s"):
        assert WORDS["en"].not_found in client.get(path, headers=headers).text


def test_a_browser_that_asks_for_an_icon_is_told_that_there_is_none(client: FlaskClient) -> None:
    assert (client.get("/favicon.ico").status_code, client.get("/favicon.ico").data) == (204, b"")


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/nowhere", "/favicon.ico", "/", "/s/x", "/api/v1/people"]
)
def test_no_answer_lets_a_browser_guess_run_or_frame_anything(client: FlaskClient, path: str) -> None:
    for answer in (client.get(path), client.post("/v1/identify"), client.post("/channels/x/events")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        policy = answer.headers["Content-Security-Policy"]
        assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Set-Cookie" not in answer.headers
