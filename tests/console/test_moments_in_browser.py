"""Moments in a browser: shown and typed in the zone of whoever looks, in the manner of the hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from hub.admin.access import accounts, sessions
from hub.admin.access.accounts import AccountRole
from hub.store import tables
from hub.web.app import create_app
from tests.lab import Lab, identify, open_lab
from tests.surveys import served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

NAME, PASSWORD = "ada@acme.example", "a long enough password"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = open_lab(f"sqlite:///{tmp_path}/hub.db", tmp_path)
    settings = replace(lab.hub.settings, base_url="http://127.0.0.1:8000")
    lab = replace(lab, hub=replace(lab.hub, settings=settings))
    lab.set()
    lab.decide(identify("u1"))
    yield lab
    lab.hub.close()


@pytest.fixture
def page(lab: Lab, chromium_path: Path) -> Iterator[Page]:
    """A browser in New York, whose own manner is another than the hub's."""
    accounts.add(lab.hub, NAME, PASSWORD, AccountRole.ADMIN)
    cookie = sessions.log_in(lab.hub, NAME, PASSWORD, "a test")
    assert isinstance(cookie, str)
    with served(create_app(lab.hub)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(base_url=url, timezone_id="America/New_York", locale="en-US")
        context.add_cookies([{"name": "hub", "value": cookie, "url": url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        yield page
        browser.close()


def test_moments_are_shown_in_the_zone_of_whoever_looks_as_the_hub_writes_them(lab: Lab, page: Page) -> None:
    page.goto(f"/events/{lab.rows(tables.event)[0].id}")
    shown = page.locator("time[data-form=exact]")
    assert set(shown.all_inner_texts()) == {"11 Mar 2026, 05:30 GMT-4"}
    expect(shown.first).to_have_attribute("title", "11 Mar 2026, 05:30:00 GMT-4")


def test_events_are_filtered_by_moments_in_the_zone_of_whoever_looks(page: Page) -> None:
    for typed, asked, rows in (("2026-03-11T05:30", "2026-03-11T09%3A30", 1), ("2026-03-11T05:31", "09%3A31", 0)):
        page.goto("/events")
        page.get_by_label("From", exact=True).fill(typed)
        page.get_by_role("button", name="Filter").click()
        page.wait_for_url(f"**since=*{asked}*")
        expect(page.get_by_label("From", exact=True)).to_have_value(typed)
        expect(page.locator("table.tail tbody tr")).to_have_count(rows)
