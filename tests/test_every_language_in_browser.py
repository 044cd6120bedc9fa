"""What holds for the mail and its pages in every language, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.mail.message import render
from hub.store import tables
from hub.web.app import create_app
from hub.web.views import Rating
from hub.web.words import WORDS
from tests.lab import Lab, identify
from tests.surveys import INVITATION, OPEN, Site, pages_for_customers, served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

Scheme = Literal["light", "dark"]

GRAVE = ("serious", "critical")
RATED = Rating(name="support", label="Support", chosen=4)
PATHS = ("/s/{}?score=9", "/s/{}", "/s/{}-answered", "/s/{}-answered?thanks=1", "/s/{}-closed", "/u/{}", "/s/nobody")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    views = {}
    for language in WORDS:
        asked = replace(OPEN, language=language, colour="#ffcc00", ratings=[RATED])
        until = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
        answered = replace(asked, score=4, comment="Slow.", change_until=until)
        views |= {language: asked, f"{language}-answered": answered}
        views[f"{language}-closed"] = replace(answered, can_change=False)
    views["he"] = replace(OPEN, language="he", words_language="en", own_texts={"question": "מה דעתך?"})
    with pages_for_customers(views) as site:
        yield site


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A phone that runs scripts, as axe-core needs."""
    scheme: Scheme = request.param
    context = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme, has_touch=True)
    yield context.new_page()
    context.close()


def assert_good(page: Page, axe: str) -> None:
    page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in GRAVE] == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize("language", WORDS)
def test_every_page_is_accessible_and_keeps_to_a_small_screen(site: Site, page: Page, axe: str, language: str) -> None:
    for path in PATHS:
        page.goto(site.url + path.format(language))
        assert_good(page, axe)


@pytest.mark.parametrize("language", WORDS)
def test_mail_is_accessible_and_keeps_to_a_small_screen(page: Page, axe: str, language: str) -> None:
    page.set_content(render(replace(INVITATION, language=language, colour="#ffcc00")).html)
    assert_good(page, axe)


@pytest.mark.parametrize("language", WORDS)
def test_score_is_chosen_changed_and_sent_in_every_language(site: Site, browser: Browser, language: str) -> None:
    words = WORDS[language]
    page = browser.new_page(viewport={"width": 360, "height": 640}, java_script_enabled=False, has_touch=True)
    page.goto(f"{site.url}/s/{language}?score=9")
    expect(page.locator(".ask:visible")).to_have_text(words.ask_promoter)
    page.locator("input.score[value='2']").tap()
    expect(page.locator(".ask:visible")).to_have_text(words.ask_detractor)
    page.get_by_role("button", name=words.send).tap()
    expect(page.get_by_role("heading")).to_have_text(words.thanks)
    expect(page.get_by_text(words.thanks_detractor.format(brand="Acme"))).to_be_visible()
    page.close()


@pytest.mark.parametrize("width", [320, 640])
def test_scale_starts_at_the_right_where_people_read_from_there(site: Site, browser: Browser, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 640})
    page.goto(f"{site.url}/s/ar")
    assert_from_right_to_left(page, ".scores label")
    page.set_content(render(replace(INVITATION, language="ar")).html)
    assert_from_right_to_left(page, "a.button")
    page.close()


def test_english_words_on_a_page_from_the_right_read_from_the_left(site: Site, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 640, "height": 640})
    page.goto(f"{site.url}/s/he")
    for end in (".scores .lowest", ".scores .highest"):
        number, words = (left_of(page, end, word) for word in ("=", "likely"))
        assert number < words
    assert_from_right_to_left(page, ".scores label")
    page.close()


def left_of(page: Page, selector: str, word: str) -> float:
    """Return where a word in an element begins, in pixels from the left."""
    found: float = page.locator(selector).evaluate(
        """(element, word) => {
            const [text, range] = [element.firstChild, document.createRange()];
            range.setStart(text, text.data.indexOf(word));
            range.setEnd(text, text.data.indexOf(word) + word.length);
            return range.getBoundingClientRect().left;
        }""",
        word,
    )
    return found


def assert_from_right_to_left(page: Page, selector: str) -> None:
    boxes = [box for one in page.locator(selector).all()[:6] if (box := one.bounding_box())]
    assert [box["x"] for box in boxes] == sorted((box["x"] for box in boxes), reverse=True)


def test_page_at_twice_its_size_is_read_without_scrolling_sideways(site: Site, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 640, "height": 720})
    for language in WORDS:
        page.goto(f"{site.url}/s/{language}?score=9")
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.documentElement.scrollWidth") == 640
    page.close()


def test_mail_without_its_style_block_still_has_its_buttons_in_order(browser: Browser) -> None:
    html = render(INVITATION).html
    start, end = html.rindex("<style>"), html.rindex("</style>")
    page = browser.new_page(viewport={"width": 600, "height": 640})
    page.set_content(html[:start] + html[end:])
    boxes = [box for one in page.locator("a.button").all() if (box := one.bounding_box())]
    assert len({box["y"] for box in boxes}) == 1
    assert len({round(box["width"]) for box in boxes}) == 1
    page.close()


def test_scanner_with_a_browser_neither_answers_nor_unsubscribes_and_the_link_works_on(
    lab: Lab, browser: Browser
) -> None:
    lab.decide(identify())
    lab.deliver()
    app = create_app(lab.hub)
    with served(app) as url:
        scan(browser, url, lab.token())
        assert (lab.rows(tables.response), lab.rows(tables.suppression)) == ([], [])
        page = browser.new_page()
        page.goto(f"{url}/s/{lab.token()}?score=7")
        page.get_by_role("button").click()
        expect(page.get_by_role("heading")).to_have_text(WORDS["en"].thanks)
        page.close()
    app.close()
    assert [row.score for row in lab.rows(tables.response)] == [7]


def scan(browser: Browser, url: str, token: str) -> None:
    """Open every link of a mail in a tab of its own, let scripts run, move about, press Escape and scroll down."""
    context = browser.new_context()
    links = [f"{url}/s/{token}?score={score}" for score in range(11)]
    for link in [*links, f"{url}/u/{token}"]:
        page = context.new_page()
        page.goto(link)
        page.mouse.move(200, 200)
        page.keyboard.press("Escape")
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    context.close()
