"""The source `webhook`, held to the reference implementation of the specification."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from marshmallow import ValidationError
from standardwebhooks import Webhook

from hub.plugin import Accepted, InboundRequest, Reply, Services, Stored, Unreadable
from hub.testing.sources import SourceContract
from hub.testing.values import NOW
from hub_webhook import WebhookSource

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
ADA = {"user_id": "u1", "email": "ada@acme.example", "created_at": "2026-02-26", "name": "Ada"}


def make(services: Services, **given: Any) -> WebhookSource:
    return WebhookSource("any", WebhookSource.config_schema().load({"secret": SECRET, **given}), services)


def signed(content: object, *, secret: str = SECRET, id: str = "msg_1", at: datetime = NOW) -> InboundRequest:
    """Return a request as the reference implementation signs it."""
    text = json.dumps(content)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, at, text),
    }
    return InboundRequest(method="POST", path="/sources/any", arrived_at=NOW, headers=headers, body=text.encode())


def with_header(request: InboundRequest, name: str, value: str) -> InboundRequest:
    return replace(request, headers={**request.headers, name: value})


def read(source: WebhookSource, content: object, hint: str = "msg_1") -> list[Any]:
    return list(source.read(Stored(body=json.dumps(content).encode(), arrived_at=NOW, hint=hint)))


@pytest.fixture
def source(services: Services) -> WebhookSource:
    return make(services)


class TestWebhookSourceKeepsTheContract(SourceContract):
    @pytest.fixture
    def source(self, source: WebhookSource) -> WebhookSource:
        return source

    def samples(self) -> Sequence[InboundRequest]:
        return [signed(ADA), signed([ADA, {"user_id": 2}])]

    def forged(self) -> Sequence[InboundRequest]:
        return [signed(ADA, secret=OLD_SECRET), replace(signed(ADA), headers={}), replace(signed(ADA), body=b"{}")]


# Signatures


def test_signed_request_is_accepted_with_its_id(source):
    outcome = source.receive(signed(ADA, id="msg_7"))
    assert isinstance(outcome, Accepted)
    [event] = source.read(Stored(body=outcome.body, arrived_at=NOW, hint=outcome.hint))
    assert event.message_id == "msg_7"


@pytest.mark.parametrize("off", [timedelta(minutes=5), -timedelta(minutes=5)])
def test_clock_may_be_five_minutes_off(source, off):
    assert isinstance(source.receive(signed(ADA, at=NOW + off)), Accepted)


@pytest.mark.parametrize("off", [timedelta(seconds=301), -timedelta(seconds=301), timedelta(days=365)])
def test_copied_request_is_refused_after_five_minutes(source, off):
    outcome = source.receive(signed(ADA, at=NOW + off))
    assert isinstance(outcome, Reply)
    assert outcome.status == 401


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_both_secrets_are_good_during_a_rotation(services, secret):
    source = make(services, previous_secret=OLD_SECRET)
    assert isinstance(source.receive(signed(ADA, secret=secret)), Accepted)


def test_one_good_signature_of_several_is_enough(source):
    request = signed(ADA)
    several = f"v1a,abc v1,AAAA {request.headers['webhook-signature']} v2,x"
    assert isinstance(source.receive(with_header(request, "webhook-signature", several)), Accepted)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", ""),
        ("webhook-id", "msg_2"),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "9" * 5_000),
        ("webhook-timestamp", "\N{ARABIC-INDIC DIGIT ONE}"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "\udcff"),
    ],
)
def test_other_headers_are_refused(source, name, value):
    outcome = source.receive(with_header(signed(ADA), name, value))
    assert isinstance(outcome, Reply)
    assert outcome.status == 401


@pytest.mark.parametrize("id", ["", "msg 1", "m" * 257, "msg\0", "é"])
def test_id_that_nobody_could_keep_is_refused_though_signed(source, id):
    assert isinstance(source.receive(signed(ADA, id=id)), Reply)


def test_secret_may_lack_prefix_and_padding(services):
    source = make(services, secret=SECRET.removeprefix("whsec_").rstrip("="))
    assert isinstance(source.receive(signed(ADA)), Accepted)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "whsec_" + "A" * 28, "correct horse battery staple", "é"])
def test_secret_of_another_form_is_refused(secret):
    with pytest.raises(ValidationError, match="at least 24 bytes"):
        WebhookSource.config_schema().load({"secret": secret})


# Reading


def test_object_is_one_customer(source):
    [event] = read(source, {**ADA, "plan": "pro"})
    assert (event.type, event.message_id, event.user_id) == ("identify", "msg_1", "u1")
    assert event.traits == {"email": "ada@acme.example", "createdAt": "2026-02-26", "name": "Ada"}
    assert event.payload == {**ADA, "plan": "pro"}


def test_array_is_several_each_with_an_id_of_its_own(source):
    events = read(source, [ADA, {"user_id": 2}])
    assert [(event.message_id, event.user_id) for event in events] == [("msg_1-0", "u1"), ("msg_1-1", 2)]


def test_body_without_a_delivery_has_no_ids(source):
    assert [event.message_id for event in [*read(source, ADA, hint=""), *read(source, [ADA], hint="")]] == [None, None]


def test_fields_are_found_where_the_settings_say(services):
    names = {
        "user_id_field": "data.id",
        "email_field": "data.contact.mail",
        "created_at_field": "ts",
        "name_field": "a.b",
    }
    [event] = read(
        make(services, **names), {"ts": 1772000000, "a.b": "Ada", "data": {"id": 7, "contact": {"mail": "a@b.c"}}}
    )
    assert event.user_id == 7
    assert event.traits == {"email": "a@b.c", "createdAt": 1772000000, "name": "Ada"}


def test_missing_values_are_left_to_the_rules(services):
    [event] = read(make(services, email_field="user_id.email"), {"user_id": "u1", "name": None})
    assert (event.user_id, event.traits) == ("u1", {})


@pytest.mark.parametrize("user_id", [True, [], {}, "x" * 513])
def test_id_of_another_type_is_a_fault_of_that_event_alone(source, user_id):
    bad, good = read(source, [{"user_id": user_id}, ADA])
    assert isinstance(bad, Unreadable)
    assert "user_id must be text or a number" in bad.why
    assert (bad.message_id, good.user_id) == ("msg_1-0", "u1")


def test_item_that_is_no_object_is_a_fault_of_that_item_alone(source):
    bad, good = read(source, [7, ADA])
    assert (bad.why, good.user_id) == ("An event must be a JSON object.", "u1")


def test_own_answer_that_comes_back_is_an_echo(source):
    ours = {"type": "survey.answered", "hub": "testhub", **ADA}
    assert [event.echo for event in read(source, [ours, {**ours, "hub": "another"}, ADA])] == [True, False, False]


def test_sender_of_today_is_accepted_by_the_clock_of_today(services):
    now = datetime.now(UTC)
    source = make(replace(services, now=lambda: now))
    assert isinstance(source.receive(signed(ADA, at=now)), Accepted)


def test_delivery_may_be_called_like_something_of_the_hub(source):
    outcome = source.receive(signed(ADA, id="hub:import"))
    assert isinstance(outcome, Accepted)
    assert not outcome.hint.startswith("hub:")
