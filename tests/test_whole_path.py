"""The main job for real: the official SDK, real processes, a real mail server, a stand-in for Segment."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from segment.analytics.client import Client
from sqlalchemy import func, select

from hub.store import intake, tables
from hub.testing.http_server import RecordingServer
from tests.running_hub import API_KEY, RunningHub, running_hub
from tests.servers import SmtpSink

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

SEED = 20_260_311
CUSTOMERS = 1_000


@pytest.fixture
def segment() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture
def hub(
    tmp_path: Path, database_url: str, redis_url: str, smtp_sink: SmtpSink, segment: RecordingServer
) -> Iterator[RunningHub]:
    toml = f"""
[sources.product]
kind = "segment"
api_key = "{API_KEY}"

[channels.relay]
kind = "smtp"
host = "{smtp_sink.host}"
port = {smtp_sink.port}
from = "Acme <hello@acme.example>"

[targets.product]
kind = "segment"
write_key = "write-key"
host = "{segment.url}"

[surveys.onboarding]
sources = ["product"]
channels = ["relay"]
targets = ["product"]
enabled = true
max_delay_days = 14
surge_brake = false
"""
    with running_hub(tmp_path, database_url=database_url, redis_url=redis_url, toml=toml) as running:
        yield running


def sdk(hub: RunningHub, *, gzip: bool = False) -> Client:
    return Client(API_KEY, host=hub.url, gzip=gzip, max_retries=10, timeout=30, on_error=_fail)


def _fail(error: Exception, batch: object) -> None:
    raise AssertionError(f"the SDK gave up: {error}")


def test_from_the_sdk_to_the_mail_to_the_answer_and_back(
    hub: RunningHub, smtp_sink: SmtpSink, segment: RecordingServer
) -> None:
    client = sdk(hub, gzip=True)
    client.identify("ada", {"email": "ada@acme.example", "firstName": "Ada"})
    client.identify("nobody", {"firstName": "No address"})
    client.shutdown()
    (mail,) = smtp_sink.wait_for(1, 30)
    assert mail.recipients == ("ada@acme.example",)
    link = re.search(rf"{hub.url}/s/[\w-]+", mail.parsed().get_body(("plain",)).get_content())  # type: ignore[union-attr]
    assert link is not None
    assert "How likely" in requests.get(link[0], params={"score": "3"}, timeout=30).text
    requests.post(link[0], data={"score": "9", "comment": "Grüße"}, timeout=30).raise_for_status()
    hub.hub("sync", "now")
    hub.wait_for(lambda: segment.requests, "the sync", 20)
    (event,) = json.loads(segment.requests[0].body)["batch"]
    assert (event["userId"], event["traits"]["NPS_rating"]) == ("ada", 9)
    assert event["traits"]["NPS_comment"] == "Grüße"
    assert event["traits"]["NPS_date"].endswith("Z")
    story = hub.hub("why", "ada")
    for said in ("Will be asked", "the mail system took it", "Answered survey onboarding with 9", "taken"):
        assert said in story
    assert "no email address is known" in hub.hub("why", "nobody")
    hub.hub("doctor")


def test_a_scanner_that_opens_every_link_answers_nothing(hub: RunningHub, smtp_sink: SmtpSink) -> None:
    client = sdk(hub)
    client.identify("ada", {"email": "ada@acme.example"})
    client.shutdown()
    (mail,) = smtp_sink.wait_for(1, 30)
    links = set(re.findall(rf"{hub.url}/[su]/[\w-]+(?:\?score=\d+)?", mail.parsed().get_body(("plain",)).get_content()))  # type: ignore[union-attr]
    assert len(links) == 12
    for link in links:
        for method in ("GET", "HEAD"):
            assert requests.request(method, link, timeout=30).status_code == 200
    with hub.opened() as opened, opened.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.response)) == 0
        assert connection.scalar(select(func.count()).select_from(tables.suppression)) == 0


def test_killed_processes_lose_nothing_and_mail_nobody_twice(hub: RunningHub, smtp_sink: SmtpSink) -> None:
    dice = random.Random(SEED)
    print("seed", SEED)
    client = sdk(hub)
    for number in range(CUSTOMERS):
        client.identify(f"u{number}", {"email": f"u{number}@acme.example"}, message_id=f"m{number}")
        if number % 125 == 60:
            client.flush()
            _kill_and_start_again(hub, dice.choice(["worker-1", "worker-2", "scheduler", "web"]))
    client.shutdown()
    with hub.opened() as opened:
        hub.wait_for(lambda: intake.waiting(opened.store)[0] == 0, "every body decided")
        ended = tables.invitation.update().values(lease_until=tables.invitation.c.scheduled_at)
        opened.store.transact(lambda connection: connection.execute(ended))  # lost workers' leases run out at once
        hub.wait_for(lambda: _states(hub).keys() <= {"sent", "unknown"}, "every invitation concluded")
        with opened.store.read() as connection:
            assert connection.scalar(select(func.count()).select_from(tables.event)) == CUSTOMERS
            assert connection.scalar(select(func.count()).select_from(tables.decision)) == CUSTOMERS
    mailed = Counter(mail.recipients[0] for mail in smtp_sink.mails)
    assert max(mailed.values()) == 1
    states = _states(hub)
    assert states["sent"] <= len(mailed) <= states["sent"] + states["unknown"]
    assert sum(states.values()) == CUSTOMERS
    hub.hub("doctor")


def _kill_and_start_again(hub: RunningHub, role: str) -> None:
    hub.kill(role)
    hub.start(role)
    if role == "web":
        hub.wait_for(hub.is_answering, "the web process")


def _states(hub: RunningHub) -> Counter[str]:
    with hub.opened() as opened, opened.store.read() as connection:
        table = tables.invitation
        rows = connection.execute(select(table.c.state, func.count().label("number")).group_by(table.c.state))
        return Counter({row.state: row.number for row in rows})
