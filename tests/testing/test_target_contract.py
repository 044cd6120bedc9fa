"""The contract must catch a target that breaks it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import requests
from marshmallow import Schema, fields

from hub.plugin import CheckFailed, CustomerUpdate, Done, Parked, Retry, Services, SyncTarget
from hub.testing.http_server import RecordingServer
from hub.testing.targets import TargetContract


class Settings(Schema):
    url = fields.Url(require_tld=False, metadata={"help": "Where to send."})


class HonestTarget(SyncTarget):
    kind = "honest"
    config_schema = Settings
    trait_names = frozenset({"rating"})

    def check(self) -> None:
        try:
            self._post({})
        except requests.RequestException as error:
            raise CheckFailed(str(error)) from error

    def push(self, updates: Sequence[CustomerUpdate]) -> Sequence[Done | Retry | Parked]:
        return [self._push_one(update) for update in updates]

    def _push_one(self, update: CustomerUpdate) -> Done | Retry | Parked:
        if update.person.user_id is None:
            return Parked(why="Nobody.")
        self._post({"id": update.message_id, "rating": update.rating})
        return Done()

    def _post(self, body: object) -> None:
        data = json.dumps(body)
        response = self.services.http().post(self.config["url"], data=data, allow_redirects=False, timeout=30)
        response.raise_for_status()
        if response.is_redirect:
            raise requests.HTTPError("redirected")


class BlindTarget(HonestTarget):
    def _post(self, body: object) -> None:
        self.services.http().post(self.config["url"], data=b"{}", timeout=30)


class IdempotentTarget(HonestTarget):
    """Leaves out what was written before, and writes people without an id another way."""

    trait_names = frozenset[str]()

    def __init__(self, name: str, config: Mapping[str, Any], services: Services) -> None:
        super().__init__(name, config, services)
        self._written: set[str] = set()

    def _push_one(self, update: CustomerUpdate) -> Done | Retry | Parked:
        if update.message_id not in self._written:
            self._post({"id": update.message_id, "rating": update.rating})
            self._written.add(update.message_id)
        return Done()


class SilentTarget(HonestTarget):
    def _post(self, body: object) -> None:
        """Send nothing."""


class ShortTarget(HonestTarget):
    def push(self, updates: Sequence[CustomerUpdate]) -> Sequence[Done | Retry | Parked]:
        return super().push(updates)[:1]


class TestHonestTargetKeepsTheContract(TargetContract):
    @pytest.fixture
    def target(self, services: Services, http_server: RecordingServer) -> SyncTarget:
        return HonestTarget("name", {"url": http_server.url}, services)


class TestIdempotentTargetKeepsTheContract(TargetContract):
    @pytest.fixture
    def target(self, services: Services, http_server: RecordingServer) -> SyncTarget:
        return IdempotentTarget("name", {"url": http_server.url}, services)


def test_target_that_ignores_failures_is_caught(services, http_server):
    target = BlindTarget("name", {"url": http_server.url}, services)
    with pytest.raises(AssertionError):
        TargetContract().test_a_failing_far_side_means_try_again(target, http_server, "503")


def test_target_that_loses_message_ids_is_caught(services, http_server):
    target = BlindTarget("name", {"url": http_server.url}, services)
    with pytest.raises(AssertionError):
        TargetContract().test_every_attempt_carries_the_same_message_id(target, http_server)


def test_target_that_sends_nothing_is_caught(services, http_server):
    target = SilentTarget("name", {"url": http_server.url}, services)
    with pytest.raises(AssertionError, match="nothing was sent"):
        TargetContract().test_every_attempt_carries_the_same_message_id(target, http_server)


@pytest.mark.parametrize("names", ["score", frozenset({""}), frozenset({7})])
def test_target_whose_traits_have_no_names_is_caught(services, http_server, monkeypatch, names):
    monkeypatch.setattr(HonestTarget, "trait_names", names)
    with pytest.raises(AssertionError):
        TargetContract().test_names_of_traits_are_a_set_of_texts(HonestTarget("name", {}, services))


def test_target_that_gives_too_few_results_is_caught(services, http_server):
    target = ShortTarget("name", {"url": http_server.url}, services)
    with pytest.raises(ValueError, match="not enough values"):
        TargetContract().test_person_without_any_id_is_parked_or_done_in_the_order_of_updates(target)


def test_target_that_wants_to_try_nobody_again_is_caught(services, http_server, monkeypatch):
    monkeypatch.setattr(HonestTarget, "_push_one", lambda self, update: Retry(why="Later."))
    target = HonestTarget("name", {"url": http_server.url}, services)
    with pytest.raises(AssertionError):
        TargetContract().test_person_without_any_id_is_parked_or_done_in_the_order_of_updates(target)
