"""The target `webhook`, held to the reference implementation of the specification."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from hub.plugin import CheckFailed, Done, Parked, Person, Retry, Services, Stored
from hub.testing.http_server import Answer, RecordingServer
from hub.testing.targets import TargetContract, customer_update
from hub.testing.values import NOW
from hub_webhook import WebhookSource, WebhookTarget
from hub_webhook.address import TIMEOUT_S

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()


def make(services: Services, url: str, **given: Any) -> WebhookTarget:
    settings = WebhookTarget.config_schema().load({"url": url, "secret": SECRET, **given})
    return WebhookTarget("any", settings, services)


@pytest.fixture
def target(services: Services, http_server: RecordingServer) -> WebhookTarget:
    return make(services, f"{http_server.url}/hooks/k3y")


class TestWebhookTargetKeepsTheContract(TargetContract):
    @pytest.fixture
    def target(self, target: WebhookTarget) -> WebhookTarget:
        return target


def test_answer_is_posted_as_json(target, http_server):
    target.push([customer_update(8)])
    [request] = http_server.requests
    assert (request.method, request.path) == ("POST", "/hooks/k3y")
    assert request.headers["webhook-id"] == "hub-testhub-8-1"
    assert json.loads(request.body) == {
        "type": "survey.answered",
        "timestamp": "2026-03-01T04:00:00.000Z",
        "hub": "testhub",
        "data": {
            "message_id": "hub-testhub-8-1",
            "survey": "onboarding",
            "user_id": "user-8",
            "anonymous_id": "anon-8",
            "email": "ada@example.com",
            "NPS_rating": 8,
            "NPS_comment": customer_update().comment,
            "NPS_date": "2026-03-01T04:00:00.000Z",
        },
    }


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_reference_implementation_believes_the_signatures(services, http_server, secret):
    today = replace(services, now=lambda: datetime.now(UTC))
    make(today, http_server.url, previous_secret=OLD_SECRET).push([customer_update()])
    [request] = http_server.requests
    assert Webhook(secret).verify(request.body, dict(request.headers))["data"]["NPS_rating"] == 1
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.body + b" ", dict(request.headers))


def test_source_of_another_hub_believes_the_signature_and_ours_knows_its_own(target, http_server, services):
    target.push([customer_update()])
    [request] = http_server.requests
    source = WebhookSource(
        "any", WebhookSource.config_schema().load({"secret": SECRET, "user_id_field": "data.user_id"}), services
    )
    [event] = source.read(Stored(body=request.body, arrived_at=NOW, hint=request.headers["webhook-id"]))
    assert (event.user_id, event.message_id, event.echo) == ("user-1", "hub-testhub-1-1", True)


def test_person_known_by_an_anonymous_id_is_sent(target, http_server):
    person = Person(user_id=None, anonymous_ids=("a-old", "a-new"))
    assert target.push([replace(customer_update(), person=person)]) == [Done()]
    assert json.loads(http_server.requests[0].body)["data"]["anonymous_id"] == "a-old"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_refused_answer_is_parked_alone(target, http_server, status):
    http_server.answer(Answer(status=status, body=b"no such customer"))
    results = target.push([customer_update(1), customer_update(2)])
    assert results == [Parked(why=f"127.0.0.1 answered {status}: no such customer"), Done()]


@pytest.mark.parametrize(
    ("answer", "retry"),
    [
        (Answer(status=401), Retry(why="127.0.0.1 answered 401: check `url` and `secret`.")),
        (Answer(status=410), Retry(why="127.0.0.1 answered 410: check `url` and `secret`.")),
        (Answer(status=429, headers={"Retry-After": "7"}), Retry(why="127.0.0.1 answered 429.", after_s=7.0)),
        (
            Answer(status=503, headers={"Retry-After": "9" * 400}),
            Retry(why="127.0.0.1 answered 503.", after_s=86_400.0),
        ),
        (Answer(status=503, headers={"Retry-After": "soon"}), Retry(why="127.0.0.1 answered 503.")),
    ],
)
def test_trouble_leaves_the_rest_for_later_and_is_not_asked_for_again(target, http_server, answer, retry):
    http_server.answer(Answer(), answer)
    assert target.push([customer_update(number) for number in range(4)]) == [Done(), retry, retry, retry]
    assert len(http_server.requests) == 2


def test_key_in_the_address_is_not_told(services):
    with RecordingServer() as gone:
        url = gone.url
    with pytest.raises(CheckFailed, match=r"127\.0\.0\.1 cannot be reached") as failure:
        make(services, f"{url}/hooks/k3y").check()
    assert "k3y" not in str(failure.value)


def test_check_holds_no_answer(target, http_server):
    target.check()
    assert json.loads(http_server.requests[0].body) == {"type": "survey.check", "hub": "testhub", "data": {}}


def test_push_takes_less_than_the_hub_waits():
    assert sum(TIMEOUT_S) * WebhookTarget.limits.count <= 150
