"""Whoever is to be reminded is seen before the reminder is made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.pipeline.respond import answer
from tests.clock import days
from tests.console.browsing import Visitor, visitor_of
from tests.lab import Lab, identify


@pytest.fixture
def page(lab: Lab) -> Iterator[Visitor]:
    with visitor_of(lab.hub) as page:
        yield page


@pytest.fixture
def mailed(lab: Lab) -> Lab:
    """A hub that asked two customers, and reminds nobody yet."""
    lab.decide(identify("u1"), identify("u2"))
    lab.deliver()
    lab.clock.advance(days(2))
    return lab


def person_of(lab: Lab, user: str) -> str:
    [found] = [row.person_id for row in lab.invitations() if row.mailbox.startswith(user) and not row.reminder_of]
    return f"/people/{found}"


def test_switching_reminders_on_tells_how_many_were_mailed_before(mailed: Lab, page: Visitor) -> None:
    form = {"sources": "product", "channels": "relay", "targets": "crm", "min_delay_days": "0"}
    saved = page.post("/surveys/onboarding", **form, reminders="1")
    assert "2 customers are reminded of mails that were sent before, unless they answer." in saved.text


def test_queue_counts_who_is_reminded_within_two_weeks(mailed: Lab, page: Visitor) -> None:
    assert "reminds" not in page.text("/queue")
    mailed.set(reminders=1)
    assert "onboarding reminds 2 customers within two weeks, unless they answer." in page.text("/queue")
    answer(mailed.hub, mailed.hub.keys.token_of(mailed.invitations()[0].id), 9, None)
    assert "onboarding reminds 1 customer within two weeks" in page.text("/queue")
    mailed.set(reminders=1, reminder_after_days=30)
    assert "reminds" not in page.text("/queue")


def test_page_of_a_person_says_when_the_reminder_comes(mailed: Lab, page: Visitor) -> None:
    mailed.set(reminders=1)
    path = person_of(mailed, "u1")
    assert "onboarding reminds 18 Mar 2026, 09:30 UTC , unless the answer comes before." in page.text(path)
    mailed.remind()
    mailed.clock.advance(days(5))
    mailed.remind()
    with visitor_of(mailed.hub, "viewer") as later:
        assert "unless the answer comes before" not in later.text(path)
        assert "onboarding a reminder scheduled" in later.text(path)
