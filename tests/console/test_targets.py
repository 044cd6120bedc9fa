"""The pages about targets: synced at once, what they refused for good and how it is tried again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import insert

from hub.admin.audit import Action, Wanted, entries
from hub.admin.paging import Slice
from hub.admin.responses import parked
from hub.pipeline.respond import answer
from hub.plugin import Done, Parked
from hub.plugins import Plugin
from hub.store import tables
from hub.store.configuration import Role
from hub.wake import QUEUE
from tests.configured import configured_hub
from tests.console.browsing import Visitor, readable, visitor_of
from tests.lab import SETUP, Lab, identify, survey_lines

CRM = "/connections/target/crm"
OTHER = '[targets.other]\nkind = "fake"\n'
NAMES = ["Ada Lovelace", "Grace Hopper", "Edsger Dijkstra"]


@pytest.fixture
def refused(lab: Lab) -> Lab:
    """A hub whose target refused three answers for good, and takes them from now on."""
    offered = Plugin(name="fakes", version="1", distribution="fakes", offers=[(Role.TARGET, "fake")])
    lab.hub.registry.plugins.installed.append(offered)
    lab.crm.answer = lambda updates: [Parked(why="no `plan` <b>field</b>", code="bad_field") for _ in updates]
    for number, name in enumerate(NAMES):
        lab.decide(identify(f"u{number}", name=name))
        lab.deliver()
        answer(lab.hub, lab.token(number), 9, None)
        lab.sync()
        lab.clock.advance(timedelta(minutes=1))
    lab.crm.answer = lambda updates: [Done() for _ in updates]
    lab.crm.kept.clear()
    return lab


@pytest.fixture
def page(refused: Lab) -> Iterator[Visitor]:
    with visitor_of(refused.hub, "editor") as page:
        yield page


def noted(lab: Lab, action: Action) -> list[tuple[str, str, dict[str, object]]]:
    """Return who did this to what, oldest first."""
    found = entries(lab.hub, Wanted(action=action), Slice()).items
    return [(one.who, one.subject, dict(one.detail)) for one in reversed(found)]


def message_ids(page: str) -> list[str]:
    return re.findall(r'name="message_id" value="([^"]+)"', page)


def test_refused_answers_stand_with_whom_and_why_and_lead_there(page: Visitor) -> None:
    assert "3 answers were refused by the target crm." in page.text("/")
    there = page.link("/", "See the answers")
    assert there == f"{CRM}/refused"
    for path in (CRM, f"{CRM}/log", there):
        assert "3 answers were refused by it." in page.text(path)
    for path in (CRM, "/connections"):
        assert "3 refused" in page.text(path)
    assert "no trouble" not in page.text(CRM)
    listed = page.get(there).text
    assert [name for name in re.findall(r"/people/[^>]*>([^<]+)</a>", listed) if name in NAMES] == NAMES[::-1]
    assert "no <code>plan</code> &lt;b&gt;field&lt;/b&gt; <code" in listed
    for link in re.findall(r'href="(/(?:people|responses)/[^"]+)"', listed):
        assert "Lovelace" in page.text(link) or "Hopper" in page.text(link) or "Dijkstra" in page.text(link)
    assert len(re.findall(r'href="/responses/[^"]+"', listed)) == 3


def test_refused_answers_are_tried_again_one_alone_or_all(refused: Lab, page: Visitor) -> None:
    _, second, _ = message_ids(page.get(f"{CRM}/refused").text)
    said = page.post(f"{CRM}/retry", message_id=second).text
    assert "The next sync tries again: 1 answer." in said
    assert second not in message_ids(said)
    assert refused.sync() == 1
    assert [update.person.user_id for update in refused.crm.kept] == ["u1"]
    assert "2 answers were refused by the target crm." in page.text("/")
    assert "The next sync tries again: 2 answers." in page.post(f"{CRM}/retry").text
    refused.clock.advance(timedelta(minutes=1))
    assert refused.sync() == 2
    assert "It refused nothing that is left" in page.text(f"{CRM}/refused")
    assert "refused by" not in page.text("/")
    assert "no trouble" in page.text(CRM)
    assert noted(refused, Action.PARKED_RETRIED) == [
        ("editor", "targets.crm", {"count": 1}),
        ("editor", "targets.crm", {"count": 2}),
    ]


def test_one_refused_answer_is_spoken_of_as_one(refused: Lab, page: Visitor) -> None:
    first, second, _ = message_ids(page.get(f"{CRM}/refused").text)
    page.post(f"{CRM}/retry", message_id=[first, second])
    assert "1 answer was refused by the target crm." in page.text("/")
    assert "1 answer was refused by it." in page.text(CRM)


def test_a_target_is_not_asked_about_what_another_refused(refused: Lab, page: Visitor) -> None:
    refused.configure(SETUP + survey_lines() + OTHER)
    assert "It refused nothing that is left" in page.text("/connections/target/other/refused")
    assert "refused by it" not in page.text("/connections/target/other")
    assert "The next sync tries again: 0 answers." in page.post("/connections/target/other/retry").text
    assert len(message_ids(page.get(f"{CRM}/refused").text)) == 3


def test_many_refused_answers_are_counted_up_to_a_number_and_stand_page_by_page(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked, "MOST", 50)
    now = lab.clock()
    moments = dict.fromkeys(("next_attempt_at", "rated_at", "created_at", "done_at"), now)
    row = {"target_id": lab.id_of(Role.TARGET, "crm"), "person_id": "p", "response_id": "r", "version": 1}
    rows = [{**row, **moments, "message_id": f"{number:032}", "state": "parked"} for number in range(60)]
    with lab.hub.store.write() as connection:
        connection.execute(insert(tables.outbox), rows)
    with visitor_of(lab.hub) as page:
        assert "more than 50 answers were refused by the target crm." in page.text("/")
        assert "50+ refused" in page.text("/connections")
        first = page.get(f"{CRM}/refused")
        rest = page.get(page.next_of(first)).text
        assert message_ids(first.text) + message_ids(rest) == [f"{number:032}" for number in reversed(range(60))]
        assert len(message_ids(rest)) == 10
        assert page.get(f"{CRM}/refused", cursor="nonsense").status_code == 422


def test_viewer_sees_what_was_refused_and_starts_nothing(refused: Lab) -> None:
    with visitor_of(refused.hub, "viewer") as viewer:
        for path in (CRM, f"{CRM}/log", f"{CRM}/refused"):
            shown = viewer.get(path).text
            assert "3 answers were refused by it." in readable(shown)
            assert [word for word in ("Sync now", ">Try ", "/retry", "Actions") if word in shown] == []
        for path in (f"{CRM}/sync", f"{CRM}/retry"):
            assert viewer.post(path).status_code == 403
    assert noted(refused, Action.SYNC_STARTED) == noted(refused, Action.PARKED_RETRIED) == []


def test_editor_has_a_target_synced_at_once(lab: Lab) -> None:
    lab.configure(SETUP + survey_lines() + OTHER)
    with visitor_of(lab.hub, "editor") as page:
        assert "Sync now" in page.text(f"{CRM}/refused")
        said = page.post(f"{CRM}/sync")
        assert "The hub is not running; the sync for crm starts when it is." in readable(said.text)
        assert "asked for by somebody" in readable(said.text)
        assert "asked for by somebody" not in page.text("/connections/target/other/log")
        assert page.post("/connections/target/fax/sync").status_code == 404
    assert noted(lab, Action.SYNC_STARTED) == [("editor", "targets.crm", {})]


def test_sync_that_waits_for_redis_is_said_to(tmp_path: Path, database_url: str) -> None:
    with configured_hub(tmp_path, database_url) as hub, visitor_of(hub) as page:
        said = page.post("/connections/target/product/sync").text
        assert "Redis is away; the sync for product starts when it is back." in said


def test_sync_of_a_hub_at_work_is_said_to_be_started(tmp_path: Path, database_url: str, redis_url: str) -> None:
    with configured_hub(tmp_path, database_url, redis_url=redis_url) as hub, visitor_of(hub) as page:
        assert "Sync started for product." in page.post("/connections/target/product/sync").text
    waiting = Queue(QUEUE, connection=Redis.from_url(redis_url), serializer=JSONSerializer)
    assert [job.args for job in waiting.jobs] == [["sync"]]
