"""docs/api.md and the page at /api/docs say what the API does."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from werkzeug.test import TestResponse

from hub.admin.access.tokens import Scope
from hub.admin.mails.invitations import FROM
from hub.web.api import openapi
from hub.web.api.errors import CODES
from hub.web.look import STYLE_WITH_TABLES, headers_for
from tests import documents
from tests.api.client import Api
from tests.documents import code
from tests.lab import Lab, identify

PAGE = documents.read("docs/api.md")
CONFIGURATION = """
[sources.product]
kind = "fake"
[channels.relay]
kind = "fake"
[targets.product]
kind = "fake"
[surveys.onboarding]
sources = ["product"]
channels = ["relay"]
targets = ["product"]
enabled = true
"""
FILES = {
    "bounces.csv": "email\na@example.com\nb@example.com\nnobody\n",
    "people.csv": "userId,email\nu1,a@example.com\nu2,b@example.com\n,c@example.com\n",
}


# The page of the documentation


def test_examples_do_what_the_page_says(lab: Lab, api: Api) -> None:
    lab.configure(CONFIGURATION)
    lab.hub.registry.plugins.kinds.update(
        {(role, "segment"): kind for (role, _), kind in list(lab.hub.registry.plugins.kinds.items())}
    )
    lab.decide(identify("u1"))
    lines = list(examples())
    assert len(lines) == 19
    for line, expected in lines:
        answer = run(api, line, invitation=lab.invitations()[0].id)
        assert answer.status_code in (200, 201, 202), (line, answer.text)
        assert expected is None or answer.json == expected, line


def examples() -> Iterator[tuple[str, object]]:
    """Yield each curl command of the page with the JSON that stands below it, if any does."""
    for block in documents.blocks(PAGE, "console"):
        for line, answer in re.findall(r"^\$ (curl .*)(?:\n(\{.*))?", block.replace("\\\n", " "), re.MULTILINE):
            yield line, json.loads(answer) if answer else None


def run(api: Api, line: str, *, invitation: str) -> TestResponse:
    """Do what curl would, with a client in this process."""
    words = iter(shlex.split(line.replace("$TOKEN", api.token).replace("$INVITATION", invitation))[1:])
    method, address, body = "GET", "", None
    headers: dict[str, str] = {}
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, headers[name] = next(words).partition(": ")
            case "-d":
                body = next(words).encode()
            case "--data-binary":
                body = FILES[next(words).removeprefix("@")].encode()
            case _:
                address = word
    parts = urlsplit(address)
    return api(method, parts.path, body=body, token="", headers=headers, **dict(parse_qsl(parts.query)))


def test_every_status_is_documented_with_its_code() -> None:
    rows = documents.table(documents.section(PAGE, "## Errors"), "status")
    assert {int(status): code(name) for status, name, _ in rows} == CODES


def test_every_scope_is_documented() -> None:
    rows = documents.table(documents.section(PAGE, "## A token"), "scope")
    assert [code(scope) for scope, _ in rows] == list(Scope)


def test_every_action_is_documented_with_the_states_it_is_possible_in() -> None:
    rows = documents.table(documents.section(PAGE, "## Invitations"), "action")
    assert {code(action): set(states.split(", ")) for action, states, _ in rows} == {
        str(action): {str(state) for state in states} for action, states in FROM.items()
    }


def test_every_filter_is_documented() -> None:
    rows = documents.table(documents.section(PAGE, "## Reading"), "filter")
    named = {code(name) for row in rows for name in row[0].split(", ")}
    used = {
        parameter["name"]
        for operations in openapi()["paths"].values()
        for method, operation in operations.items()
        if method == "get"
        for parameter in operation.get("parameters", ())
    }
    assert used - named == {"format", "period"}
    assert named - used == {"source"}


# The page of the hub


def test_page_lists_every_operation_and_asks_nothing_of_others(still_api: Api) -> None:
    answer = still_api("GET", "/api/docs", token="")
    for path, operations in openapi()["paths"].items():
        for method in (name for name in operations if name != "parameters"):
            assert f"<code>{method.upper()} {path}</code>" in answer.text
    headers = headers_for(STYLE_WITH_TABLES)
    assert {name: answer.headers[name] for name in headers} == headers
    assert not re.search(r"<script|<link|<img|https?:|\son\w+=|\sstyle=", answer.text)


def test_links_inside_the_page_lead_somewhere(still_api: Api) -> None:
    text = still_api("GET", "/api/docs", token="").text
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(re.findall(r'id="([^"]+)"', text))


def test_document_is_the_one_that_the_reference_is_written_from(still_api: Api) -> None:
    assert still_api("GET", "/api/v1/openapi.json", token="").json == json.loads(json.dumps(openapi()))


def test_the_page_shows_code_as_code(still_api: Api) -> None:
    text = still_api("GET", "/api/docs", token="").text
    assert "<code>[surveys.NAME]</code>" in text
    assert "`" not in text
