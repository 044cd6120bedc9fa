"""The API keeps to its own OpenAPI document: every route, with values that fit it and values that don't.

What is tried is the same at each run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi import checks

from hub.admin.access import tokens
from hub.admin.access.tokens import Scope
from hub.pipeline import respond
from hub.web.api import openapi
from hub.web.app import HubApp, create_app
from hub.web.backing import hub
from tests.lab import identify, open_lab

METHODS = ("get", "post", "put", "delete")
OPERATIONS = [(path, method) for method in METHODS for path, there in openapi()["paths"].items() if method in there]
"""Reading comes first, while everything is there."""
BOUNDS = settings(
    max_examples=15,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


CHECKED = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubApp]:
    """An application with something of every kind in it."""
    directory = tmp_path_factory.mktemp("contract")
    lab = open_lab(f"sqlite:///{directory / 'hub.db'}", directory)
    lab.set()
    lab.decide(identify("u1"), identify("u2", createdAt="unreadable"), {"unreadable": "torn"})
    lab.deliver()
    respond.answer(lab.hub, lab.token(), 9, "fine")
    respond.unsubscribe(lab.hub, lab.token())
    made = create_app(lab.hub)
    yield made
    made.close()
    lab.hub.close()


@pytest.fixture(scope="module")
def token(app: HubApp) -> str:
    """A token that allows everything."""
    with app.app_context():
        return tokens.add(hub(), "contract", list(Scope))


@pytest.fixture(scope="module")
def schema(app: HubApp) -> Any:
    """The document as the application serves it."""
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers_keep_to_the_document(schema: Any, token: str, path: str, method: str, mode: GenerationMode) -> None:
    operation = schema[path][method]

    @seed(1)
    @BOUNDS
    @given(operation.as_strategy(generation_mode=mode))
    def check(case: Case) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKED)

    check()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_without_a_token_every_route_is_closed(schema: Any, path: str, method: str) -> None:
    @seed(1)
    @BOUNDS
    @given(schema[path][method].as_strategy())
    def check(case: Case) -> None:
        answer = case.call()
        assert answer.status_code == 401
        case.validate_response(answer, checks=CHECKED)

    check()
