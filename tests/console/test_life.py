"""The life of an installation in a browser, from its first start to the erasure of a customer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect, sync_playwright

from hub.testing.http_server import Answer, RecordingServer
from hub.testing.smtp_server import ScriptedSmtpServer
from tests.running_up import Up, running_up, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]

NAME, PASSWORD = "ada@acme.example", "correct horse battery"
FROM = "Acme <hello@acme.example>"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with running_up(tmp_path) as up:
        yield up


@pytest.fixture
def page(chromium_path: Path) -> Iterator[Page]:
    """A page of a browser that has nothing to complain about: no error, no report of its security policy."""
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
        browser.close()
    assert said == []


def test_the_life_of_an_installation(up: Up, page: Page) -> None:
    with ScriptedSmtpServer() as relay, RecordingServer() as sendgrid, RecordingServer() as segment:
        sendgrid.respond = lambda _request: Answer(status=202, body=b"")
        make_the_first_account(up, page)
        connect_smtp(up, page, relay.port)
        make_a_survey(up, page)
        send_answers_elsewhere(up, page, segment.url)
        key = read_the_key(page)
        switch_on(page)

        identify(up, key, "user-1", "grace@customer.example")
        wait_until(lambda: relay.received, up)
        assert relay.received[0].recipients == ("grace@customer.example",)
        see_the_decision(up, page, "user-1")

        swap_the_provider(up, page, sendgrid.url)
        follow_the_events(up, page)
        identify(up, key, "user-2", "edsger@customer.example")
        wait_until(lambda: sendgrid.requests, up)
        see_it_come(page, "user-2")
        assert len(relay.received) == 1

        erase(up, page, "grace@customer.example")
        log_out(page)


def make_the_first_account(up: Up, page: Page) -> None:
    page.goto(up.url)
    expect(page).to_have_title(re.compile("Log in"))
    found = re.search(r"\S+/setup/\S+", up.log.read_text())
    assert found is not None
    page.goto(found[0])
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def connect_smtp(up: Up, page: Page, port: int) -> None:
    page.goto(f"{up.url}/connections/new/channel/smtp")
    page.get_by_label("Name", exact=True).fill("relay")
    page.get_by_label("Host", exact=True).fill("127.0.0.1")
    page.get_by_label("Port").fill(str(port))
    page.get_by_label("Sender").fill(FROM)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="relay", exact=True)).to_be_visible()


def make_a_survey(up: Up, page: Page) -> None:
    page.goto(f"{up.url}/surveys")
    page.get_by_role("link", name="Make a survey").click()
    page.get_by_label("Name of the survey").fill("onboarding")
    page.get_by_label("Write key").fill("a-write-key")
    page.get_by_label("Region").select_option("eu")
    page.get_by_label("Ask at the latest").fill("14")
    expect(page.get_by_text("up to 14 days after they were created")).to_be_visible()
    page.get_by_role("button", name="Make the survey").click()
    expect(page.get_by_text("as a draft")).to_be_visible()


def send_answers_elsewhere(up: Up, page: Page, url: str) -> None:
    """Have answers go to this machine instead of to Segment."""
    page.goto(f"{up.url}/connections/target/segment")
    page.get_by_text("More settings").click()
    page.get_by_label("Host").fill(url)
    page.get_by_role("button", name="Save").click()
    page.goto(f"{up.url}/surveys/onboarding")


def read_the_key(page: Page) -> str:
    page.get_by_role("link", name="Show the key").click()
    return page.locator("#key-1").inner_text().strip()


def switch_on(page: Page) -> None:
    page.get_by_role("link", name="Switch on").click()
    expect(page.get_by_role("heading", name="Readiness")).to_be_visible()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("customers are asked from now on")).to_be_visible()


def identify(up: Up, key: str, user_id: str, email: str) -> None:
    """Send what any of Segment's SDKs sends."""
    now = datetime.now(UTC).isoformat()
    traits = {"email": email, "firstName": "Grace", "createdAt": now}
    event = {"type": "identify", "userId": user_id, "messageId": f"m-{user_id}", "timestamp": now, "traits": traits}
    assert requests.post(f"{up.url}/v1/identify", json=event, auth=(key, ""), timeout=10).status_code == 200


def see_the_decision(up: Up, page: Page, user_id: str) -> None:
    page.goto(f"{up.url}/events")
    tail = page.locator("#tail")
    expect(tail.get_by_text("Will be asked")).to_be_visible()
    expect(tail.get_by_text(user_id)).to_be_visible()


def follow_the_events(up: Up, page: Page) -> None:
    page.goto(f"{up.url}/events")
    page.evaluate("document.body.dataset.opened = 'once'")


def see_it_come(page: Page, user_id: str) -> None:
    """See an event appear, with what was decided, on a page that is not loaded again."""
    newest = page.locator("#tail tbody tr").first
    expect(newest.get_by_text(user_id)).to_be_visible()
    expect(newest.get_by_text("Will be asked")).to_be_visible()
    expect(page.locator("body")).to_have_attribute("data-opened", "once")


def swap_the_provider(up: Up, page: Page, url: str) -> None:
    page.goto(f"{up.url}/connections/new/channel/sendgrid")
    page.get_by_label("Name", exact=True).fill("sendgrid")
    page.get_by_label("API key").fill("SG.a-key-of-sendgrid")
    page.get_by_label("Sender").fill(FROM)
    page.get_by_text("More settings").click()
    page.get_by_label("Host").fill(url)
    page.get_by_role("button", name="Save").click()
    page.goto(f"{up.url}/surveys/onboarding")
    page.get_by_label("Channel 1").select_option("sendgrid")
    page.get_by_label("Channel 2").select_option("relay")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def erase(up: Up, page: Page, address: str) -> None:
    page.goto(f"{up.url}/people")
    page.get_by_role("searchbox").fill(address)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Grace")).to_be_visible()
    page.get_by_role("link", name="Erase").click()
    word = page.locator("label[for=confirm] code").inner_text()
    page.locator("#confirm").fill(word)
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_text("deleted").first).to_be_visible()
    page.goto(f"{up.url}/people?who={address}")
    expect(page.get_by_text("Grace")).to_have_count(0)


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_title(re.compile("Log in"))
