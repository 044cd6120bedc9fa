"""The contract must catch a listener that breaks it."""

from __future__ import annotations

import json

import pytest
import requests
from marshmallow import Schema, fields

from hub.plugin import CheckFailed, Done, Listener, Notice, NoticeKind, Parked, Retry, Services
from hub.testing.http_server import RecordingServer
from hub.testing.listeners import ListenerContract


class Settings(Schema):
    url = fields.Url(require_tld=False, metadata={"help": "Where to send."})


class HonestListener(Listener):
    kind = "honest"
    config_schema = Settings

    def check(self) -> None:
        try:
            self._post({})
        except requests.RequestException as error:
            raise CheckFailed(str(error)) from error

    def hear(self, notice: Notice) -> Done | Retry | Parked:
        self._post({"id": notice.id})
        return Done()

    def _post(self, body: object) -> None:
        data = json.dumps(body)
        response = self.services.http().post(self.config["url"], data=data, allow_redirects=False, timeout=30)
        response.raise_for_status()
        if response.is_redirect:
            raise requests.HTTPError("redirected")


class BlindListener(HonestListener):
    def _post(self, body: object) -> None:
        self.services.http().post(self.config["url"], data=b"{}", timeout=30)


class TestHonestListenerKeepsTheContract(ListenerContract):
    @pytest.fixture
    def listener(self, services: Services, http_server: RecordingServer) -> Listener:
        return HonestListener("name", {"url": http_server.url}, services)


def test_listener_that_ignores_failures_is_caught(services, http_server):
    listener = BlindListener("name", {"url": http_server.url}, services)
    with pytest.raises(AssertionError):
        ListenerContract().test_a_failing_far_side_means_try_again(listener, http_server, "503")


def test_listener_that_loses_ids_is_caught(services, http_server):
    listener = BlindListener("name", {"url": http_server.url}, services)
    with pytest.raises(AssertionError):
        ListenerContract().test_every_attempt_carries_the_same_id(listener, http_server)


def test_listener_that_relies_on_a_person_is_caught(services, http_server, monkeypatch):
    monkeypatch.setattr(HonestListener, "hear", lambda self, notice: Done(detail=notice.person.user_id))
    listener = HonestListener("name", {"url": http_server.url}, services)
    with pytest.raises(AttributeError):
        ListenerContract().test_a_notice_that_says_little_is_passed_on_whatever_its_kind(listener, NoticeKind.BRAKE)
