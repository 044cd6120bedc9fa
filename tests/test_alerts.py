"""What happens in the hub arrives at a webhook: signed, once it is up, and at last is set aside for a person."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from hub.admin.operations import undelivered
from hub.admin.operations.delivery_log import notices
from hub.admin.operations.trials import send_test_notice
from hub.admin.paging import Slice
from hub.pipeline.respond import answer
from hub.plugin import ChannelPaused
from hub.plugins import Plugins
from hub.store import tables
from hub.store.configuration import Role
from hub.store.notices import GIVEN_UP_AFTER
from hub.testing.http_server import Answer, RecordingServer
from hub_webhook import WebhookListener
from tests.clock import seconds
from tests.fakes import Crm, PostOffice, fake_plugins
from tests.lab import SETUP, Lab, identify, open_lab, survey_lines

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def receiver() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture
def lab(database_url: str, tmp_path: Path, receiver: RecordingServer) -> Iterator[Lab]:
    """A hub whose listener is a webhook, and a customer who was mailed."""
    office = PostOffice()
    plugins: Plugins = fake_plugins(office, Crm())
    plugins.kinds[Role.LISTENER, "webhook"] = WebhookListener
    opened = replace(open_lab(database_url, tmp_path, plugins), office=office)
    opened.clock.moment = datetime.now(UTC)  # the library that verifies signatures looks at the real time
    ops = f'[listeners.ops]\nkind = "webhook"\nurl = "{receiver.url}/hook"\nsecret = "{SECRET}"\n'
    opened.configure(SETUP + survey_lines() + ops)
    opened.decide(identify())
    opened.deliver()
    yield opened
    opened.hub.close()


def told(receiver: RecordingServer) -> list[str]:
    return [json.loads(request.body)["type"] for request in receiver.requests]


def test_answer_of_a_detractor_arrives_signed(lab, receiver):
    answer(lab.hub, lab.token(), 3, "too slow")
    assert lab.notify() == 1
    [request] = receiver.requests
    document = Webhook(SECRET).verify(request.body, dict(request.headers))
    assert (document["type"], document["data"]["comment"], document["data"]["user_id"]) == (
        "response.detractor",
        "too slow",
        "u1",
    )


def test_receiver_that_was_down_is_told_once_it_is_up(lab, receiver):
    receiver.respond = lambda request: Answer(fault="reset")
    answer(lab.hub, lab.token(), 3, None)
    assert lab.notify() == 0
    lab.clock.advance(seconds(4))
    assert lab.notify() == 0
    receiver.respond = lambda request: Answer(status=204, body=b"")
    lab.clock.advance(seconds(1))
    assert lab.notify() == 1
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert [(one.state, one.attempts) for one in notices(lab.hub, "ops", Slice()).items] == [("done", 2)]


def test_after_the_last_attempt_it_is_set_aside_and_a_person_has_it_told_again(lab, receiver):
    receiver.respond = lambda request: Answer(status=500)
    answer(lab.hub, lab.token(), 3, None)
    until = lab.clock() + GIVEN_UP_AFTER
    while lab.rows(tables.notice)[0].state == "pending":
        lab.clock.moment = lab.rows(tables.notice)[0].next_attempt_at
        lab.notify()
    assert (len(receiver.requests), lab.clock()) == (10, until)
    assert undelivered.untold(lab.hub) == {"ops": 1}
    [seen] = notices(lab.hub, "ops", Slice()).items
    assert (seen.state, seen.code, seen.note) == ("parked", "gave_up", "127.0.0.1 answered 500.")
    receiver.respond = lambda request: Answer()
    lab.clock.advance(GIVEN_UP_AFTER)
    assert undelivered.retry(lab.hub, "ops") == 1
    assert lab.notify() == 1
    assert undelivered.untold(lab.hub) == {}


def test_paused_channel_is_told_once(lab, receiver):
    def refuse(*_: object) -> None:
        raise ChannelPaused("the login was refused")

    lab.office.behaviour["relay"] = refuse
    lab.decide(identify("u2"))
    for _ in range(3):
        lab.deliver()
        lab.clock.advance(seconds(7200))
    lab.notify()
    assert told(receiver) == ["channel.paused"]


def test_test_notice_arrives_and_nothing_is_kept_of_it(lab, receiver):
    checked = send_test_notice(lab.hub, "ops")
    assert (checked.ok, checked.sentence) == (True, "It took the test notice. 127.0.0.1 answered 200.")
    assert told(receiver) == ["hub.test"]
    receiver.respond = lambda request: Answer(status=401)
    checked = send_test_notice(lab.hub, "ops")
    assert not checked.ok
    assert checked.sentence.startswith("It did not take the test notice: 127.0.0.1 answered 401: check `url`")
    assert lab.rows(tables.notice) == []
