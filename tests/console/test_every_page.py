"""What holds for every page of the console, in a real browser: accessible, calm, small, at home on every screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, ViewportSize

from hub.admin.access import accounts, sessions
from hub.admin.access.accounts import AccountRole
from hub.web.app import create_app
from tests.console.furnished import PATHS, furnished_hub, hold_sending, paths_of
from tests.surveys import served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NAME, PASSWORD = "ada@acme.example", "a long enough password"
PHONE, WIDE = ViewportSize(width=360, height=740), ViewportSize(width=1440, height=900)
HEAVIEST = 100_000
GRAVE = ("serious", "critical")


@dataclass(frozen=True, kw_only=True)
class Site:
    """A console with something on every page, served on this machine, and the cookie of an admin."""

    url: str
    cookie: str
    paths: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    with furnished_hub(directory, f"sqlite:///{directory}/hub.db") as hub:
        hold_sending(hub)
        accounts.add(hub, NAME, PASSWORD, AccountRole.ADMIN)
        cookie = sessions.log_in(hub, NAME, PASSWORD, "a test")
        with served(create_app(hub)) as url:
            yield Site(url=url, cookie=cookie, paths=paths_of(hub))


class Visit:
    """A visit to one page, and what the browser had to say about it."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.page: Page = context.new_page()
        self.said: list[str] = []
        self.weight = 0
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("response", self._weigh)
        self._site = site

    def open(self, name: str) -> None:
        answer = self.page.goto(self._site.url + self._site.paths[name], wait_until="load")
        assert answer is not None
        assert answer.ok

    def _weigh(self, response: Response) -> None:
        self.weight += int(response.headers.get("content-length", 0))


@pytest.fixture
def visit(browser: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[Visit]:
    scheme, viewport = getattr(request, "param", ("light", WIDE))
    context = browser.new_context(color_scheme=scheme, viewport=viewport)
    context.add_cookies([{"name": "hub", "value": site.cookie, "url": site.url}])
    yield Visit(context, site)
    context.close()


@pytest.mark.parametrize(
    "visit",
    [("light", WIDE), ("dark", PHONE)],
    ids=["light-wide", "dark-phone"],
    indirect=True,
)
@pytest.mark.parametrize("name", PATHS)
def test_page_is_accessible_and_keeps_to_its_screen(name: str, visit: Visit, axe: str) -> None:
    visit.open(name)
    visit.page.evaluate(axe)
    found: list[dict[str, Any]] = visit.page.evaluate("async () => (await axe.run()).violations")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in GRAVE] == []
    assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert visit.said == []


@pytest.mark.parametrize("name", PATHS)
def test_page_has_a_title_one_heading_and_little_weight(name: str, visit: Visit) -> None:
    visit.open(name)
    heading = visit.page.locator("h1")
    assert heading.count() == 1
    assert visit.page.title() == f"{heading.inner_text()} · Survey Hub"
    assert 0 < visit.weight < HEAVIEST
