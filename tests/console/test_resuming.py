"""Sending resumed in the console after a restore: when the hub before stopped, and what may have left until then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from hub.admin.audit import Action
from hub.admin.operations.restore import held
from hub.store import tables
from tests.console.browsing import Visitor, readable, visitor_of
from tests.console.furnished import hold_sending
from tests.lab import Lab, identify

SAY = "Say when it stopped"
STOPPED = "2026-03-11T10:30"


@pytest.fixture
def restored(lab: Lab) -> Lab:
    """A day after a restore: one mail was due with the backup, one an hour later, one two hours later."""
    lab.set(min_delay_days=3)
    created = lab.clock.moment - timedelta(days=3)
    for hours in range(3):
        lab.decide(identify(f"u{hours}", createdAt=(created + timedelta(hours=hours)).isoformat()))
    hold_sending(lab.hub)
    lab.clock.advance(timedelta(days=1))
    return lab


@pytest.fixture
def visitor(restored: Lab) -> Iterator[Visitor]:
    with visitor_of(restored.hub, name="ada") as visitor:
        yield visitor


def states(lab: Lab) -> list[str]:
    """Return where the mails stand, the soonest first."""
    return [row.state for row in lab.rows(tables.invitation, "due_at")]


@pytest.mark.parametrize("path", ["/", "/queue"])
def test_admin_is_led_to_where_it_is_said(visitor: Visitor, path: str) -> None:
    assert "Nothing is sent: this hub was restored" in visitor.text(path)
    assert visitor.link(path, SAY) == "/queue/resume"


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_others_read_the_sentence_alone(restored: Lab, role: str) -> None:
    with visitor_of(restored.hub, role) as other:
        for path in ("/", "/queue"):
            page = other.get(path).text
            assert "Nothing is sent: this hub was restored" in page
            assert SAY not in page
        assert other.get("/queue/resume", stopped_at=STOPPED).status_code == 403
        assert other.post("/queue/resume", stopped_at=STOPPED).status_code == 403
    assert held(restored.hub)


def test_moment_is_asked_for_in_utc_where_no_script_says_another_zone(visitor: Visitor) -> None:
    page = visitor.get("/queue/resume").text
    assert "When the hub before stopped, in UTC</label>" in page
    assert 'name="stopped_at" type="datetime-local" data-utc=' in page
    assert "Resume sending" not in page


@pytest.mark.parametrize(
    ("stopped_at", "said"),
    [
        ("2026-03-11T09:29", "Nothing that waited can have left."),
        ("2026-03-11T09:30", "1 mail that waited may have left."),
        (STOPPED, "2 mails that waited may have left."),
        ("2026-03-11T12:00+01:00", "2 mails that waited may have left."),
        ("0001-01-01T00:00", "Nothing that waited can have left."),
    ],
)
def test_what_may_have_left_is_told_before_anything_changes(
    restored: Lab, visitor: Visitor, stopped_at: str, said: str
) -> None:
    assert said in visitor.text("/queue/resume", stopped_at=stopped_at)
    assert held(restored.hub)
    assert states(restored) == ["scheduled"] * 3


def test_what_was_confirmed_counts_as_sent_and_the_rest_is_sent(restored: Lab, visitor: Visitor) -> None:
    confirmed = re.search(
        r'type="hidden" name="stopped_at" value="([^"]+)"', visitor.get("/queue/resume", stopped_at=STOPPED).text
    )
    assert confirmed is not None
    page = readable(visitor.post("/queue/resume", stopped_at=confirmed[1]).text)
    assert "Sending goes on. 2 mails may have left before: they count as sent." in page
    assert held(restored.hub) is None
    assert "Nothing is sent" not in page
    restored.deliver()
    assert states(restored) == ["unknown", "unknown", "sent"]


def test_who_resumed_sending_is_in_the_audit_log(restored: Lab, visitor: Visitor) -> None:
    visitor.post("/queue/resume", stopped_at=STOPPED)
    [entry] = [row for row in restored.rows(tables.audit) if row.action == Action.SENDING_RESUMED]
    assert (entry.who, entry.subject) == ("ada", "sending")
    assert entry.detail == {"stopped_at": "2026-03-11T10:30:00Z", "unknown": 2}


@pytest.mark.parametrize(
    ("stopped_at", "said"),
    [
        ("yesterday", "'yesterday' is no time"),
        ("2999-03-01T12:00", "This moment lies in the future."),
        ("0001-01-01T00:00+23:00", "is no time"),
    ],
)
def test_moment_that_cannot_be_is_said_so_beside_its_field(
    restored: Lab, visitor: Visitor, stopped_at: str, said: str
) -> None:
    for answer in (
        visitor.get("/queue/resume", stopped_at=stopped_at),
        visitor.post("/queue/resume", stopped_at=stopped_at),
    ):
        assert answer.status_code == 422
        assert said in readable(answer.text.partition('id="stopped-at-problem">')[2].partition("</p>")[0])
    assert held(restored.hub)


def test_nothing_is_resumed_without_a_moment(restored: Lab, visitor: Visitor) -> None:
    answer = visitor.post("/queue/resume")
    assert (answer.status_code, "Say when." in answer.text) == (422, True)
    assert held(restored.hub)


def test_what_was_resumed_meanwhile_stays_so(restored: Lab, visitor: Visitor) -> None:
    visitor.post("/queue/resume", stopped_at=STOPPED)
    for answer in (
        visitor.client.get("/queue/resume", follow_redirects=True),
        visitor.post("/queue/resume", stopped_at="2026-03-12T09:00"),
    ):
        assert "Sending is not held; there is nothing to resume." in answer.text
    assert states(restored) == ["unknown", "unknown", "scheduled"]
