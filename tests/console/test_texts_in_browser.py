"""The editor of what customers see, as somebody uses it in a browser, with a script and without."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, Route, expect, sync_playwright
from werkzeug.serving import make_server

from hub.admin.access import accounts, sessions
from hub.admin.access.accounts import AccountRole
from hub.admin.configuration import surveys, texts
from hub.pipeline.hub import Hub
from hub.testing.smtp_server import ScriptedSmtpServer
from hub.web.app import create_app
from tests.configured import TOML, configured_hub

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

NAME, PASSWORD = "ada@acme.example", "a long enough password"
PAGE = "/surveys/onboarding/texts?language=de"
HOSTILE = (
    '</title></style></iframe><script>top.hit = 1</script><img src=x onerror="top.hit = 1"><svg onload="top.hit = 1">'
)


@dataclass(frozen=True, kw_only=True)
class Site:
    """A console served on this machine, its hub, the mails that it sent, and the cookie of somebody who may edit."""

    url: str
    hub: Hub
    mail: ScriptedSmtpServer
    cookie: str


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    with ScriptedSmtpServer() as mail:
        toml = TOML.replace("port = 9", f"port = {mail.port}")
        with configured_hub(
            tmp_path, f"sqlite:///{tmp_path}/hub.db", toml=toml, base_url="http://127.0.0.1:8000"
        ) as hub:
            accounts.add(hub, NAME, PASSWORD, AccountRole.EDITOR)
            cookie = sessions.log_in(hub, NAME, PASSWORD, "a test")
            server = make_server("127.0.0.1", 0, create_app(hub), threaded=True)
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield Site(url=f"http://127.0.0.1:{server.server_port}", hub=hub, mail=mail, cookie=cookie)
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture(scope="module")
def chromium(chromium_path: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    with chromium.new_context(java_script_enabled=getattr(request, "param", True)) as context:
        context.add_cookies([{"name": "hub", "value": site.cookie, "url": site.url}])
        yield context


@pytest.fixture
def page(context: BrowserContext, site: Site) -> Page:
    page = context.new_page()
    page.goto(site.url + PAGE)
    return page


def preview_of(page: Page) -> FrameLocator:
    return page.frame_locator(".stage iframe:not(.coming)")


def test_preview_follows_what_is_typed_and_going_back_leaves_the_page(page: Page, site: Site) -> None:
    for number in range(3):
        page.get_by_label("Subject").fill(f"Na {{{{ name }}}}? {number}")
        expect(preview_of(page).locator("header strong")).to_have_text(f"Na Ada Lovelace? {number}")
    page.get_by_label("After 9 or 10", exact=True).fill("Was war am schönsten?")
    page.get_by_label("View", exact=True).select_option("page-10")
    expect(preview_of(page).get_by_title("The page, after a 10")).to_be_visible()
    inside = preview_of(page).frame_locator("iframe")
    expect(inside.get_by_text("Was war am schönsten?")).to_be_visible()
    assert page.evaluate("history.length") == 2
    assert texts.versions(site.hub, "onboarding")[0].number == 1


def test_preview_can_be_asked_for_again_and_again(page: Page) -> None:
    show = page.locator("[data-preview]")
    for number in range(2):
        page.get_by_label("Subject").fill(f"Na? {number}")
        expect(preview_of(page).locator("header strong")).to_have_text(f"Na? {number}")
        expect(show).to_be_enabled()
        expect(show).not_to_have_attribute("aria-busy", "true")
    page.get_by_label("As seen by").evaluate("select => { select.value = 'nameless'; }")
    page.get_by_label("or a customer").press("Enter")
    expect(preview_of(page).locator("header strong")).to_have_text("Na? 1")
    expect(page.locator("iframe.coming")).to_have_count(0)
    expect(show).to_be_enabled()
    expect(show).to_be_hidden()


def test_preview_keeps_what_it_showed_while_something_is_wrong(page: Page) -> None:
    page.get_by_label("Subject").fill("Na, {{ name }}?")
    seen = preview_of(page).locator("header strong")
    expect(seen).to_have_text("Na, Ada Lovelace?")
    page.get_by_label("Subject").fill("Na, {{ nam }}?")
    problem = page.get_by_role("status").get_by_text("Subject (German): line 1: there is no nam")
    expect(problem).to_be_visible()
    expect(seen).to_have_text("Na, Ada Lovelace?")
    page.get_by_label("Subject").fill("So, {{ name }}?")
    expect(seen).to_have_text("So, Ada Lovelace?")
    expect(problem).to_have_count(0)


def test_preview_does_not_go_when_something_wrong_is_typed_while_it_is_asked_for(page: Page) -> None:
    held: list[Route] = []

    def hold_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/texts/preview", hold_first)
    with page.expect_request("**/texts/preview"):
        page.get_by_label("Subject").fill("Na?")
    page.get_by_label("Subject").fill("Na, {{ nam")
    held[0].continue_()
    expect(page.get_by_role("status").get_by_text("Subject (German): line 1: {{ has no end")).to_be_visible()
    expect(preview_of(page).locator("header strong")).to_have_text("Würden Sie Acme weiterempfehlen?")


def test_preview_that_is_asked_for_does_not_come_in_the_way_of_saving(page: Page) -> None:
    page.route("**/texts/preview", lambda route: None)
    with page.expect_request("**/texts/preview"):
        page.get_by_label("Subject").fill("Na?")
    page.evaluate("addEventListener('submit', (event) => event.preventDefault())")  # stays, to see what goes on
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/texts/preview")):
        page.get_by_role("button", name="Save German").click()
    asks = "dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    assert page.evaluate(asks), "nobody is asked whether to leave"


def test_preview_shows_what_the_field_is_about_that_is_written_in(page: Page) -> None:
    view = page.get_by_label("View", exact=True)
    page.get_by_label("Thanks for 7 or 8").focus()
    expect(view).to_have_value("thanks-8")
    expect(preview_of(page).get_by_title("Thanks for an 8")).to_be_visible()
    page.get_by_label("After 0 to 6", exact=True).focus()
    expect(view).to_have_value("page-3")
    page.get_by_label("Question", exact=True).focus()
    expect(view).to_have_value("page-3")
    page.get_by_label("Closing").focus()
    expect(view).to_have_value("text")
    page.get_by_label("Subject").focus()
    expect(view).to_have_value("text")


def test_what_was_written_is_tried_saved_and_mailed(page: Page, site: Site) -> None:
    page.get_by_label("Subject").fill("Wie war es, {{ name }}?")
    page.get_by_text("Send a test mail").first.click()
    expect(page.get_by_label("To", exact=True)).to_have_value(NAME)
    page.get_by_role("button", name="Send a test mail").click()
    expect(page.get_by_text("The mail system took the test mail.")).to_be_visible()
    [mail] = site.mail.received
    assert message_from_bytes(mail.data, policy=default)["Subject"] == "Wie war es, Ada Lovelace?"
    page.get_by_role("button", name="Save German").click()
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()
    raw = surveys.survey_of(site.hub, "onboarding").settings
    assert texts.preview(site.hub, "onboarding", raw, language="de").subject == "Wie war es, Ada Lovelace?"
    expect(preview_of(page).locator("header strong")).to_have_text("Wie war es, Ada Lovelace?")


def test_hostile_text_runs_nothing_and_reaches_no_page(page: Page) -> None:
    page.get_by_label("Introduction").fill(HOSTILE)
    page.get_by_label("Subject").fill(HOSTILE)
    expect(preview_of(page).locator("header strong")).to_contain_text("<script>")
    expect(preview_of(page).frame_locator("iframe").get_by_text("onload=").first).to_be_visible()
    page.get_by_role("button", name="Save German").click()
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()
    expect(preview_of(page).locator("header strong")).to_contain_text("<script>")
    assert page.evaluate("window.hit") is None
    assert [frame.evaluate("window.hit") for frame in page.frames] == [None] * len(page.frames)


def test_frame_belongs_to_no_site_and_cannot_run_a_script(page: Page) -> None:
    frame = page.frame(url="**/preview?*")
    assert frame is not None
    assert frame.evaluate("window.origin") == "null"
    assert frame.evaluate("getComputedStyle(document.body).display") == "flex"


def test_leaving_what_is_not_saved_asks_first(page: Page, site: Site) -> None:
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_label("Subject").fill("Na?")
    page.get_by_role("link", name="Readiness").click()
    expect(page.get_by_label("Subject")).to_have_value("Na?")
    assert asked == ["beforeunload"]


def test_button_of_somebody_who_stays_can_be_pressed_again(page: Page) -> None:
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.get_by_label("Subject").fill("Na?")
    leave = page.get_by_role("button", name="Log out")
    for _ in range(2):
        with page.expect_event("dialog"):
            leave.click()
        expect(leave).to_be_enabled()


@pytest.mark.parametrize("context", [False], ids=["without a script"], indirect=True)
def test_without_a_script_buttons_do_it(page: Page, site: Site) -> None:
    page.get_by_label("Subject").fill("Na?")
    page.get_by_role("button", name="Refresh").click()
    expect(page.frame_locator("iframe[name=preview]").locator("header strong")).to_have_text("Na?")
    page.get_by_text("Send a test mail").first.click()
    page.get_by_role("button", name="Send a test mail").click()
    expect(page.get_by_text("The mail system took the test mail.")).to_be_visible()
    expect(page.get_by_label("Subject")).to_have_value("Na?")
    page.get_by_role("button", name="Save German").click()
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()
