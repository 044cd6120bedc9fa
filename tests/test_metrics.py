"""`/metrics`: what monitoring reads, held to the parser of Prometheus' own library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

from hub.admin.operations import metrics
from hub.admin.operations.metrics import Metric
from hub.pipeline import respond
from hub.pipeline.hub import Hub
from hub.plugin import Parked
from hub.store import holds, intake, pauses, processes
from hub.store.configuration import Role
from hub.web.app import HubApp, create_app
from hub.web.metrics import Remembered, render
from tests.configured import API_KEY, configured_hub
from tests.lab import Lab, identify

TOKEN = "a token that is long enough for anybody"
HERE = "http://127.0.0.1:8000"


def numbers(text: str) -> dict[str, float]:
    """Return every sample as Prometheus reads it: `name{label}` with the labels' values alone."""
    return {
        sample.name + (f"{{{','.join(sample.labels.values())}}}" if sample.labels else ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def measured(lab: Lab) -> dict[str, float]:
    return numbers(render([*metrics.current(lab.hub), *metrics.totals(lab.hub)]))


# Numbers


def test_events_and_decisions_are_counted_once_with_their_reasons(lab: Lab) -> None:
    lab.decide(identify("u1"), identify("u2"), {"unreadable": "why"})
    lab.decide(identify("u1"))
    found = measured(lab)
    assert found["hub_events_total{decided,}"] == 3
    assert found["hub_events_total{rejected,unreadable}"] == 1
    assert found["hub_decisions_total{onboarding,scheduled,scheduled}"] == 2
    assert found["hub_decisions_total{onboarding,merged,already_scheduled}"] == 1


def test_copies_leave_no_row_and_are_counted(lab: Lab) -> None:
    lab.decide({**identify(), "message_id": "same"})
    lab.decide({**identify(), "message_id": "same"})
    assert measured(lab)["hub_events_total{ignored,duplicate}"] == 1


def test_what_waits_and_how_late_it_is(lab: Lab) -> None:
    assert measured(lab)["hub_intake_oldest_seconds"] == 0
    lab.decide(identify("u1"))
    lab.receive(identify("u2"))
    lab.clock.advance(timedelta(seconds=90))
    found = measured(lab)
    assert (found["hub_intake_waiting"], found["hub_intake_oldest_seconds"]) == (1, 90)
    assert found["hub_due_lag_seconds"] == 90
    assert found["hub_invitations{onboarding,scheduled}"] == 1


def test_a_backlog_is_counted_up_to_a_limit(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "COUNT_TO", 2)
    for number in range(3):
        lab.receive(identify(f"u{number}"))
    assert measured(lab)["hub_intake_waiting"] == 2


def test_answers_are_counted_by_target_and_state(lab: Lab) -> None:
    lab.decide(identify())
    lab.deliver()
    respond.answer(lab.hub, lab.token(), 9, None)
    lab.crm.answer = lambda updates: [Parked(why="no id", code="no_id") for _ in updates]
    lab.sync()
    assert measured(lab)["hub_outbox{crm,parked}"] == 1


def test_trouble_is_a_number_too(lab: Lab) -> None:
    calm = measured(lab)
    assert [calm[name] for name in ("hub_channel_paused{relay}", "hub_sending_held", "hub_redis_up")] == [0, 0, 0]
    assert "hub_workers" not in calm
    now = lab.clock()
    with lab.hub.store.write() as connection:
        pauses.pause(connection, lab.id_of(Role.CHANNEL, "relay"), why="refused", after_s=None, now=now)
        holds.begin(connection, backup_made_at=now, now=now)
        processes.beat(connection, process_id="s", role="scheduler", host="h", pid=1, started_at=now, now=now)
    found = measured(lab)
    assert (found["hub_channel_paused{relay}"], found["hub_sending_held"]) == (1, 1)
    assert found["hub_scheduler_last_seen_timestamp_seconds"] == now.timestamp()


def test_a_label_may_hold_anything() -> None:
    name = 'a "quoted" C:\\new\nof two lines'
    found = [Metric(name="x", kind="gauge", help="h", samples=[({"name": name}, 1)])]
    [family] = text_string_to_metric_families(render(found))
    assert family.samples[0].labels == {"name": name}


# Cost


def test_a_number_is_asked_for_again_after_ten_seconds() -> None:
    asked: list[float] = []
    moment = [0.0]
    remembered = Remembered(lambda: asked.append(moment[0]) or [], clock=lambda: moment[0])
    for moment[0] in (0, 9, 10, 11):
        remembered()
    assert asked == [0, 10]


def test_a_number_that_takes_a_second_is_asked_for_every_hundred() -> None:
    moment = [0.0]
    asked: list[float] = []

    def slow() -> list[Metric]:
        asked.append(moment[0])
        moment[0] += 1
        return []

    remembered = Remembered(slow, clock=lambda: moment[0])
    for moment[0] in (0, 50, 100, 101, 102):
        remembered()
    assert asked == [0, 101]


# The page


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with configured_hub(tmp_path, f"sqlite:///{tmp_path}/hub.db") as configured:
        yield configured


@pytest.fixture
def app(hub: Hub) -> Iterator[HubApp]:
    made = create_app(replace(hub, settings=replace(hub.settings, metrics_token=TOKEN)))
    yield made
    made.close()


def test_monitoring_reads_it_with_its_token(app: HubApp) -> None:
    answer = Client(app).get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert any(name.startswith("hub_info{") for name in numbers(answer.text))


@pytest.mark.parametrize("given", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer ü"}])
def test_nobody_reads_it_without_the_token(app: HubApp, given: dict[str, str]) -> None:
    answer = Client(app).get("/metrics", headers=given)
    assert (answer.status_code, "hub_info" in answer.text) == (401, False)


@pytest.mark.parametrize(
    ("base_url", "headers", "status"),
    [
        ("https://hub.acme.example", {}, 404),
        (HERE, {}, 200),
        (HERE, {"X-Forwarded-For": "192.0.2.1"}, 404),
    ],
)
def test_without_a_token_it_is_seen_where_the_status_page_is(
    hub: Hub, base_url: str, headers: dict[str, str], status: int
) -> None:
    app = create_app(replace(hub, settings=replace(hub.settings, base_url=base_url)))
    environ = {"REMOTE_ADDR": "127.0.0.1"}
    answer = Client(app).get("/metrics", base_url=HERE, headers=headers, environ_overrides=environ)
    app.close()
    assert answer.status_code == status


def test_event_requests_are_counted_by_status(app: HubApp) -> None:
    client = Client(app)
    body = json.dumps({"userId": "ada", "writeKey": API_KEY})
    for data in (body, body, "{}"):
        client.post("/v1/identify", data=data)
    found = numbers(client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text)
    assert (found["hub_intake_requests_total{200}"], found["hub_intake_requests_total{401}"]) == (2, 1)
