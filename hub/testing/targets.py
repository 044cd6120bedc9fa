"""What every sync target must do, as tests to inherit."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from datetime import timedelta

import pytest

from hub.plugin import CheckFailed, CustomerUpdate, Done, Parked, Person, Retry, Services, SyncTarget
from hub.testing.http_server import Answer, RecordingServer
from hub.testing.values import NOW

FAULTS: dict[str, Answer] = {
    "500": Answer(status=500, body=b"<html>"),
    "503": Answer(status=503, body=b""),
    "429": Answer(status=429, body=b"{}", headers={"Retry-After": "7"}),
    "401": Answer(status=401, body=b"{}"),
    "redirect": Answer(status=302, body=b"", headers={"Location": "/elsewhere"}),
    "reset": Answer(fault="reset"),
}
"""Answers after which nothing can have been taken, by name."""


def customer_update(number: int = 1) -> CustomerUpdate:
    """Return the update of one of many customers."""
    return CustomerUpdate(
        message_id=f"hub-testhub-{number}-1",
        person=Person(user_id=f"user-{number}", anonymous_ids=(f"anon-{number}",), email="ada@example.com"),
        survey="onboarding",
        rating=number % 11,
        comment="Quick, and \N{SMILING FACE WITH SMILING EYES} friendly",
        rated_at=NOW - timedelta(hours=number),
    )


class TargetContract:
    """Inherit it in a class whose name starts with `Test` and override `target`, wired to `http_server`.

    A target that does not speak HTTP also overrides `break_down` and `sent_text`.
    """

    @pytest.fixture
    def target(self, services: Services, http_server: RecordingServer) -> SyncTarget:
        """Override: a configured connection that sends to `http_server`."""
        raise NotImplementedError("Override the fixture `target` of TargetContract.")

    def break_down(self, server: RecordingServer, fault: str) -> None:
        """Make the far side fail until the end of the test."""
        server.respond = lambda request: FAULTS[fault]

    def sent_text(self, server: RecordingServer) -> list[str]:
        """Return what the far side got, one text a request. Override it when the ids stand elsewhere than in bodies."""
        return [request.body.decode() for request in server.requests]

    def test_every_setting_explains_itself(self, target: SyncTarget) -> None:
        fields = target.config_schema().fields
        assert [name for name, field in fields.items() if not field.metadata.get("help")] == []

    def test_names_of_traits_are_a_set_of_texts(self, target: SyncTarget) -> None:
        assert isinstance(target.trait_names, Set), "write a set; a text would be taken for the names of its letters"
        assert [name for name in target.trait_names if not (isinstance(name, str) and name)] == []

    def test_a_push_within_the_limits_gives_a_result_for_each_update(self, target: SyncTarget) -> None:
        updates = [customer_update(number) for number in range(target.limits.count)]
        assert [type(result) for result in target.push(updates)] == [Done] * len(updates)

    def test_nothing_to_push_gives_no_results(self, target: SyncTarget) -> None:
        assert list(target.push([])) == []

    def test_person_without_any_id_is_parked_or_done_in_the_order_of_updates(self, target: SyncTarget) -> None:
        nobody = replace(customer_update(2), person=Person(user_id=None))
        first, second, third = target.push([customer_update(1), nobody, customer_update(3)])
        assert (type(first), type(third)) == (Done, Done)
        assert isinstance(second, Parked | Done)

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_failing_far_side_means_try_again(
        self, target: SyncTarget, http_server: RecordingServer, fault: str
    ) -> None:
        self.break_down(http_server, fault)
        updates = [customer_update(1), customer_update(2)]
        assert _retried(target, updates)

    def test_every_attempt_carries_the_same_message_id(self, target: SyncTarget, http_server: RecordingServer) -> None:
        update = customer_update()
        target.push([update])
        target.push([update])
        sent = self.sent_text(http_server)
        assert sent, "nothing was sent"
        assert all(update.message_id in text for text in sent)

    def test_a_check_passes_while_the_far_side_answers(self, target: SyncTarget) -> None:
        target.check()

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_check_says_that_the_far_side_fails(
        self, target: SyncTarget, http_server: RecordingServer, fault: str
    ) -> None:
        self.break_down(http_server, fault)
        with pytest.raises(CheckFailed) as failure:
            target.check()
        assert str(failure.value)


def _retried(target: SyncTarget, updates: list[CustomerUpdate]) -> bool:
    """Tell whether all updates would be tried again: each says so, or the push raised."""
    try:
        results = target.push(updates)
    except Exception:  # noqa: BLE001  the seam lets a target raise whatever it likes
        return True
    return [type(result) for result in results] == [Retry] * len(updates)
