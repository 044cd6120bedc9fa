"""The pages about listeners: made, tried, and told again."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook

from hub.pipeline import notify
from hub.pipeline.hub import Hub
from hub.pipeline.respond import answer
from hub.plugin import Done, NoticeKind, Retry
from hub.store import notices
from hub.store.configuration import Role
from hub.testing.http_server import Answer, RecordingServer
from tests.console.browsing import Visitor, readable, visitor_of
from tests.lab import SETUP, Lab, identify, survey_lines

NEW = "/connections/new/listener/webhook"
OPS = "/connections/listener/ops"
SHOWN = re.compile(r"whsec_[A-Za-z0-9+/]{32}(?![A-Za-z0-9+/=])")
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def page(hub: Hub) -> Iterator[Visitor]:
    with visitor_of(hub) as page:
        yield page


def form(url: str, **more: object) -> dict[str, object]:
    return {"name": "ops", "s.url": f"{url}/hook", "s.secret": SECRET, **more}


def told(hub: Hub) -> int:
    return notify.drain(hub, until=time.monotonic() + 30)


def test_listener_is_made_tried_and_told_again(hub: Hub, page: Visitor, http_server: RecordingServer) -> None:
    page.post(NEW, **form(http_server.url, **{"s.events": ["", "answered", "detractor"]}))
    assert "A customer answers, A detractor answers; all surveys" in page.text(OPS)
    assert "It took the test notice. 127.0.0.1 answered 200." in readable(page.post(f"{OPS}/test").text)
    [ops] = hub.registry.current().live(Role.LISTENER)
    http_server.respond = lambda request: Answer(status=410)
    with hub.store.write() as connection:
        notices.tell(connection, [ops.id], NoticeKind.ANSWERED, {"rating": 9}, now=hub.now())
    told(hub)
    log = page.text(f"{OPS}/log")
    assert "1 notice did not reach it." in log
    assert "A customer answered: 9" in log
    assert "127.0.0.1 answered 410" in log
    for path in (OPS, "/connections"):
        assert "1 not delivered" in page.text(path)
    assert "no trouble" not in page.text(OPS)
    assert "1 notice did not reach the listener ops." in page.text("/")
    assert page.link("/", "See the notices") == f"{OPS}/log"
    http_server.respond = lambda request: Answer()
    assert "ops is told again: 1 notice." in readable(page.post(f"{OPS}/retry").text)
    assert told(hub) == 1
    assert "no trouble" in page.text(OPS)
    assert "did not reach" not in page.text("/")


def test_notices_say_who_answered_and_that_a_listener_is_tried_at_once(lab: Lab) -> None:
    lab.configure(f'{SETUP}{survey_lines()}[listeners.ops]\nkind = "fake"\nevents = ["detractor"]\n')
    lab.decide(identify(name="Ada Lovelace"))
    lab.deliver()
    answer(lab.hub, lab.token(), 2, None)
    lab.ears.answer = lambda notice: Retry(why="check `url`", after_s=300)
    lab.notify()
    with visitor_of(lab.hub) as page:
        log = page.get(f"{OPS}/log").text
        assert "Ada Lovelace" in log
        assert "tried once, again in 5 minutes" in readable(log)
        assert "check <code>url</code>" in log
        assert "Use ops again now" in log
        page.post(f"{OPS}/resume")
        assert "tried once, again now" in page.text(f"{OPS}/log")
    lab.ears.answer = lambda notice: Done()
    assert lab.notify() == 1


def test_listeners_secret_is_made_shown_and_signs_what_it_is_told(
    hub: Hub, page: Visitor, http_server: RecordingServer
) -> None:
    assert 'placeholder="made by the hub when left empty"' in page.get(NEW).text
    form = page.text(NEW)
    assert form.index("Tell it when") < form.index("More settings") < form.index("Previous secret")
    assert "Surveys refer to it" not in form
    made = page.post(NEW, **{"name": "ops", "s.url": f"{http_server.url}/hook", "s.secret": ""})
    assert "ops is there. It is told what happens from now on." in readable(made.text)
    [first] = set(SHOWN.findall(made.text))
    assert first not in page.text(OPS)
    page.post(f"{OPS}/test")
    assert signed_with(first, http_server)
    anew = page.post(OPS, **{"s.url": f"{http_server.url}/hook", "s.secret": "", "anew:s.secret": "true"})
    [second] = set(SHOWN.findall(anew.text))
    assert second != first
    page.post(f"{OPS}/test")
    assert signed_with(second, http_server)


def signed_with(secret: str, server: RecordingServer) -> bool:
    last = server.requests[-1]
    return Webhook(secret).verify(last.body, dict(last.headers))["type"] == "hub.test"


def test_listener_that_names_an_unknown_survey_is_refused_beside_its_field(page: Visitor) -> None:
    answered = page.post(NEW, **form("http://127.0.0.1", **{"s.surveys": "onbording"}))
    assert answered.status_code == 422
    assert "there is no [surveys.onbording]; there are: onboarding" in readable(answered.text).lower()


def test_survey_that_a_listener_names_stays(hub: Hub, page: Visitor) -> None:
    page.post(NEW, **form("http://127.0.0.1", **{"s.surveys": "onboarding"}))
    refused = page.post("/surveys/onboarding/retire", confirm="onboarding")
    assert "surveys.onboarding is named by listeners.ops" in readable(refused.text)
    assert [one.name for one in hub.registry.current().surveys.values()] == ["onboarding"]
