"""The address that mail providers call with what became of mails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client, TestResponse

from hub.store import tables
from hub.store.configuration import Role
from hub.web.app import create_app
from hub.web.reports import LARGEST_BODY
from tests.lab import Lab, identify

GENUINE = {"X-Signature": "genuine"}


@pytest.fixture
def sent(lab: Lab) -> Lab:
    """A hub that mailed one customer."""
    lab.decide(identify())
    lab.deliver()
    return lab


@pytest.fixture
def client(sent: Lab):
    app = create_app(sent.hub)
    yield Client(app)
    app.close()


def post(client: Client, channel_id: str, body: Any, headers: dict[str, str] | None = None) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(f"/channels/{channel_id}/events", data=data, headers=GENUINE if headers is None else headers)


def bounce(lab: Lab) -> list[dict[str, str]]:
    return [{"id": lab.invitations()[0].id, "kind": "bounced", "at": lab.clock().isoformat()}]


def test_genuine_report_is_recorded(client, sent):
    answer = post(client, sent.id_of(Role.CHANNEL, "relay"), bounce(sent))
    assert (answer.status_code, answer.get_json()) == (200, {"success": True, "known": 1})
    assert sent.states() == ["bounced"]


def test_forged_report_is_answered_by_the_plugin_and_changes_nothing(client, sent):
    answer = post(client, sent.id_of(Role.CHANNEL, "relay"), bounce(sent), headers={})
    assert answer.status_code == 401
    assert sent.states() == ["sent"]


def test_only_channels_have_such_an_address(client, sent):
    for channel_id in ("nobody", sent.id_of(Role.SOURCE, "product"), sent.id_of(Role.TARGET, "crm")):
        answer = post(client, channel_id, bounce(sent))
        assert (answer.status_code, answer.get_json()["code"]) == (404, "404")


def test_get_is_refused_and_too_much_too(client, sent):
    relay = sent.id_of(Role.CHANNEL, "relay")
    assert client.get(f"/channels/{relay}/events").status_code == 405
    assert post(client, relay, b"x" * (LARGEST_BODY + 1)).status_code == 413


@pytest.mark.parametrize(
    "bad", [{}, {"kind": "bounced"}, {"id": "0" * 28, "kind": "bounced", "at": "2026-03-11T09:30:00"}]
)
def test_report_that_is_none_harms_no_other_and_is_asked_for_again(client, sent, bad):
    answer = post(client, sent.id_of(Role.CHANNEL, "relay"), [bad, *bounce(sent)])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert sent.states() == ["bounced"]


def test_plugin_that_fails_means_come_again(client, sent):
    answer = post(client, sent.id_of(Role.CHANNEL, "relay"), b"{")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Traceback" not in answer.text


def test_database_that_is_away_means_come_again(client, sent, monkeypatch):
    def away(*_: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(sent.hub.store, "transact", away)
    answer = post(client, sent.id_of(Role.CHANNEL, "relay"), bounce(sent))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_story_tells_what_the_provider_reported(client, sent):
    from hub.admin.people import people

    post(client, sent.id_of(Role.CHANNEL, "relay"), bounce(sent))
    [story] = people.why(sent.hub, "u1")
    assert "the mailbox refused it" in " ".join(entry.sentence for entry in story.entries)
    assert story.is_suppressed
    assert [row.outcome for row in sent.rows(tables.attempt, "at")] == ["sent", "bounced"]
