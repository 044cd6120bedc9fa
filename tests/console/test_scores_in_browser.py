"""The dashboard and the answers in a browser: filters, a hostile comment, and a file that is downloaded and read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from werkzeug.serving import make_server

from hub.admin.access import accounts, sessions
from hub.admin.access.accounts import AccountRole
from hub.admin.scoring import segments
from hub.web.app import create_app
from tests.console.answers import give, read_csv
from tests.console.test_responses import HOSTILE
from tests.lab import Lab, open_lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

NAME, PASSWORD = "ada@acme.example", "a long enough password"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A hub with two months of answers, and the worst that people can write."""
    lab = open_lab(f"sqlite:///{tmp_path}/hub.db", tmp_path)
    settings = replace(lab.hub.settings, base_url="http://127.0.0.1:8000")
    lab = replace(lab, hub=replace(lab.hub, settings=settings))
    lab.set()
    segments.choose(lab.hub, ["plan"])
    give(lab, [10] * 30 + [3] * 10, at=lab.clock() - timedelta(days=50), comment="before", plan="free")
    give(lab, [10] * 20 + [8] * 20 + [3] * 4, at=lab.clock() - timedelta(days=3), language="de", plan="pro")
    for number, comment in enumerate(HOSTILE):
        give(lab, [number], at=lab.clock() - timedelta(minutes=number + 1), comment=comment)
    yield lab
    lab.hub.close()


@pytest.fixture
def page(lab: Lab, chromium_path: Path) -> Iterator[Page]:
    """A browser at the console that has nothing to complain about: no error, no report of its security policy."""
    said: list[str] = []
    accounts.add(lab.hub, NAME, PASSWORD, AccountRole.ADMIN)
    server = make_server("127.0.0.1", 0, create_app(lab.hub), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"])
        url = f"http://127.0.0.1:{server.server_port}"
        context = browser.new_context(base_url=url)
        context.add_cookies([{"name": "hub", "value": sessions.log_in(lab.hub, NAME, PASSWORD, "a test"), "url": url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
        browser.close()
    server.shutdown()
    thread.join()
    server.server_close()
    assert said == []


def test_dashboard_is_filtered_and_leads_to_the_answers(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("from 90 answers")).to_be_visible()
    page.get_by_role("link", name="30 days").click()
    expect(page.get_by_text("from 50 answers")).to_be_visible()
    expect(page.get_by_text("on the 30 days before")).to_be_visible()
    page.get_by_label("Among").select_option("language=de")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("NPS +36 (15 to 53) from 44 answers.")).to_be_visible()
    page.get_by_role("link", name="All time").click()
    expect(page.get_by_text("from 90 answers")).to_have_count(0)
    page.get_by_label("Among").select_option("plan=free")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("from 40 answers")).to_be_visible()
    page.get_by_role("link", name="All answers").click()
    expect(page.get_by_role("row")).to_have_count(41)


def test_days_and_choices_are_sent_together(page: Page, lab: Lab) -> None:
    page.goto("/")
    page.get_by_role("link", name="Other days").click()
    page.get_by_label("To, included").fill((lab.clock() - timedelta(days=40)).date().isoformat())
    page.get_by_label("Among").select_option("plan=free")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("from 40 answers")).to_be_visible()
    page.get_by_label("Among").select_option("plan=pro")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="No answers in this time")).to_be_visible()


def test_hostile_comments_are_shown_as_they_are_and_downloaded_unarmed(page: Page, tmp_path: Path) -> None:
    page.goto("/responses")
    for comment in HOSTILE[:3]:
        expect(page.get_by_text(comment, exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_label("Words in the comment").fill("<SCRIPT>")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="Show all").click()
    page.get_by_label("Score").select_option("detractor")
    page.get_by_text("More filters").click()
    page.get_by_label("Comment", exact=True).select_option("yes")
    page.get_by_role("button", name="Search").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    with download.value.path().open(newline="", encoding="utf-8") as file:
        rows = read_csv(file)
    assert len(rows) == 10 + len(HOSTILE)
    assert [row["comment"] for row in rows[: len(HOSTILE)]] == [f"'{HOSTILE[0]}", f"'{HOSTILE[1]}", *HOSTILE[2:]]
    with page.expect_download() as download:
        page.get_by_role("link", name="Export JSON").click()
    found = json.loads(download.value.path().read_text("utf-8"))
    assert [row["comment"] for row in found[: len(HOSTILE)]] == HOSTILE
