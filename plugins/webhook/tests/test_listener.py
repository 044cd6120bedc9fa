"""The listener `webhook`, held to the reference implementation of the specification."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from hub.plugin import CheckFailed, Done, NoticeKind, Parked, Retry, Services, Stored
from hub.testing.http_server import Answer, RecordingServer
from hub.testing.listeners import ListenerContract, sample_notice
from hub.testing.values import NOW
from hub_webhook import WebhookListener, WebhookSource
from hub_webhook.listener import TYPES

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()


def make(services: Services, url: str, **given: Any) -> WebhookListener:
    settings = WebhookListener.config_schema().load({"url": url, "secret": SECRET, **given})
    return WebhookListener("any", settings, services)


@pytest.fixture
def listener(services: Services, http_server: RecordingServer) -> WebhookListener:
    return make(services, f"{http_server.url}/hooks/k3y")


class TestWebhookListenerKeepsTheContract(ListenerContract):
    @pytest.fixture
    def listener(self, listener: WebhookListener) -> WebhookListener:
        return listener


def test_notice_is_posted_as_json(listener, http_server):
    listener.hear(sample_notice())
    [request] = http_server.requests
    assert (request.method, request.path) == ("POST", "/hooks/k3y")
    assert request.headers["webhook-id"] == "notice-1"
    assert json.loads(request.body) == {
        "type": "response.detractor",
        "timestamp": "2026-03-01T11:00:00.000Z",
        "hub": "testhub",
        "data": {
            "survey": "onboarding",
            "user_id": "user-1",
            "anonymous_id": "anon-1",
            "email": "ada@example.com",
            "rating": 3,
            "comment": sample_notice().data["comment"],
            "rated_at": "2026-03-01T11:00:00Z",
            "version": 1,
            "link": "https://hub.example/people/0190",
            "answer_link": "https://hub.example/responses/0191",
        },
    }


def test_notice_about_nobody_names_nobody(listener, http_server):
    about_nobody = {"survey": None, "person": None, "answer_link": ""}
    notice = replace(sample_notice(), kind=NoticeKind.CHANNEL_PAUSED, data={"channel": "a"}, **about_nobody)
    listener.hear(notice)
    data = json.loads(http_server.requests[0].body)["data"]
    assert data == {"channel": "a", "link": "https://hub.example/people/0190"}


def test_every_kind_has_its_type():
    assert set(TYPES) == set(NoticeKind)


def test_secret_of_the_hubs_making_is_one_of_the_specification():
    field = WebhookListener.config_schema().fields["secret"]
    made = field.make()
    assert field.deserialize(made) == made
    assert made != field.make()
    assert made.startswith("whsec_")
    assert len(base64.b64decode(made.removeprefix("whsec_"))) == 24


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_reference_implementation_believes_the_signatures(services, http_server, secret):
    today = replace(services, now=lambda: datetime.now(UTC))
    make(today, http_server.url, previous_secret=OLD_SECRET).hear(sample_notice())
    [request] = http_server.requests
    assert Webhook(secret).verify(request.body, dict(request.headers))["data"]["rating"] == 3
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.body + b" ", dict(request.headers))


def test_notice_that_comes_back_to_this_hub_starts_no_survey(listener, http_server, services):
    listener.hear(sample_notice())
    [request] = http_server.requests
    source = WebhookSource(
        "any", WebhookSource.config_schema().load({"secret": SECRET, "user_id_field": "data.user_id"}), services
    )
    [event] = source.read(Stored(body=request.body, arrived_at=NOW, hint=request.headers["webhook-id"]))
    assert (event.user_id, event.echo) == ("user-1", True)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_success_is_done(listener, http_server, status):
    http_server.answer(Answer(status=status, body=b""))
    assert listener.hear(sample_notice()) == Done(detail=f"127.0.0.1 answered {status}.")


def test_receiver_that_is_gone_is_told_no_more(listener, http_server):
    http_server.answer(Answer(status=410))
    why = "127.0.0.1 answered 410: it wants no more; take the listener out of use, or change `url`."
    assert listener.hear(sample_notice()) == Parked(why=why, code="gone")


@pytest.mark.parametrize(
    ("answer", "retry"),
    [
        (Answer(status=400), Retry(why="127.0.0.1 answered 400: check `url` and `secret`.")),
        (Answer(status=302), Retry(why="127.0.0.1 answered 302: check `url` and `secret`.")),
        (Answer(status=429, headers={"Retry-After": "7"}), Retry(why="127.0.0.1 answered 429.", after_s=7.0)),
        (Answer(status=503), Retry(why="127.0.0.1 answered 503.")),
    ],
)
def test_everything_else_is_tried_again(listener, http_server, answer, retry):
    http_server.answer(answer)
    assert listener.hear(sample_notice()) == retry


def test_key_in_the_address_is_not_told(services):
    with RecordingServer() as gone:
        url = gone.url
    with pytest.raises(CheckFailed, match=r"127\.0\.0\.1 cannot be reached") as failure:
        make(services, f"{url}/hooks/k3y").check()
    assert "k3y" not in str(failure.value)


def test_check_tells_of_nothing(listener, http_server):
    listener.check()
    assert json.loads(http_server.requests[0].body) == {"type": "hub.check", "hub": "testhub", "data": {}}
