from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, ViewportSize, expect

from hub.demo.pages import create_pages
from hub.demo.stand_in import StandIn
from hub.mail.message import render
from hub.web.words import WORDS
from tests.surveys import INVITATION, OPEN, Site, pages_for_customers

pytestmark = pytest.mark.browser

EN = WORDS["en"]
LONG = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerk"
PHONE = ViewportSize(width=360, height=640)


@pytest.fixture
def site() -> Iterator[Site]:
    with pages_for_customers({"fresh": OPEN, "long": replace(OPEN, brand=LONG)}) as site:
        yield site


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone without JavaScript, whose console stays silent and whose requests stay on the site."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False, has_touch=True)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    yield page
    assert said == []
    assert [url for url in asked if not url.startswith("http://127.0.0.1:")] == []
    assert context.cookies() == []
    context.close()


def test_answer_from_the_mail_is_sent_by_one_tap(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/s/fresh?score=9")
    page.get_by_role("button").tap()
    expect(page.get_by_role("heading")).to_have_text(EN.thanks)
    page.reload()
    assert site.surveys.calls == [("answer", "fresh", 9, "")]


def test_score_can_be_changed_before_and_after_sending(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/s/fresh?score=9")
    page.get_by_role("radio", name="3", exact=True).tap()
    page.get_by_role("textbox").fill("Slow.\nOn Mondays.")
    page.get_by_role("button").tap()
    page.get_by_role("link", name=EN.change).tap()
    expect(page.get_by_role("textbox")).to_have_value("Slow.\nOn Mondays.")
    page.get_by_role("radio", name="10", exact=True).tap()
    page.get_by_role("button").tap()
    expect(page.get_by_role("heading")).to_have_text(EN.thanks)
    assert [call[2] for call in site.surveys.calls] == [3, 10]


def test_question_follows_the_score(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/s/fresh")
    shown = page.locator("label.asked .ask:visible")
    assert shown.all_inner_texts() == [EN.ask_anyone]
    for score in range(11):
        page.get_by_role("radio", name=str(score), exact=True).tap()
        expected = EN.ask_detractor if score < 7 else EN.ask_passive if score < 9 else EN.ask_promoter
        assert shown.all_inner_texts() == [expected]


def test_keyboard_alone_answers_and_its_focus_is_seen(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/s/fresh?score=9")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    face = page.locator("input:checked + span")
    assert face.inner_text() == "10"
    assert face.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**?thanks=1")
    assert site.surveys.views["fresh"].score == 10


@pytest.mark.parametrize("width", [360, 800])
def test_labels_of_the_scale_stand_by_their_ends(site: Site, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    page.goto(f"{site.url}/s/fresh")
    least, most = (box_of(page.locator("input").nth(number)) for number in (0, 10))
    lowest, highest = (box_of(page.get_by_text(text)) for text in (EN.lowest, EN.highest))
    assert lowest["x"] == least["x"]
    assert abs(highest["x"] + highest["width"] - most["x"] - most["width"]) < 1
    assert (lowest["y"] < least["y"]) == (width == 360)
    assert highest["y"] > most["y"]


def test_unsubscribing_takes_one_tap(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/u/fresh")
    page.get_by_role("button").tap()
    expect(page.get_by_role("heading")).to_have_text(EN.unsubscribed)
    assert site.surveys.unsubscribed == {"fresh"}


@pytest.mark.parametrize("path", ["/s/fresh?score=9", "/s/long", "/u/long"])
@pytest.mark.parametrize("width", [320, 640])
def test_narrow_or_zoomed_page_never_scrolls_sideways(site: Site, page: Page, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    page.goto(site.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_a_finger_aims_at_is_large_enough(site: Site, page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{site.url}/s/fresh?score=9")
    boxes = [target.bounding_box() for target in page.locator("input, textarea, button").all()]
    assert min(min(box["width"], box["height"]) for box in boxes if box) >= 44


@pytest.mark.parametrize("width", [320, 600])
def test_long_words_never_widen_the_mail(browser: Browser, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 640})
    page.set_content(render(replace(INVITATION, brand=LONG, name=LONG)).html)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()


@pytest.mark.parametrize(("width", "rows"), [(320, 2), (399, 2), (400, 1), (600, 1), (1200, 1)])
def test_buttons_of_the_mail_stand_in_one_row_or_two(browser: Browser, width: int, rows: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 640})
    page.set_content(render(INVITATION).html)
    boxes = [button.bounding_box() for button in page.locator("a.button").all()]
    assert len({box["y"] for box in boxes if box}) == rows
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()


@pytest.mark.parametrize(("width", "is_above"), [(360, True), (600, False)])
def test_the_lowest_label_of_the_mail_never_stands_under_another_number(
    browser: Browser, width: int, is_above: bool
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 640})
    page.set_content(render(INVITATION).html)
    labels = page.get_by_text("0 = not at all likely", exact=True).all()
    (shown,) = [label for label in labels if label.is_visible()]
    assert (box_of(shown)["y"] < box_of(page.locator("a.button").first)["y"]) == is_above
    page.close()


@pytest.mark.parametrize("width", [600, 800, 1280])
def test_a_name_in_a_table_of_the_demo_is_never_broken_inside(browser: Browser, width: int) -> None:
    segment = StandIn("key")
    comment = "Works, but exports are slow on our larger projects."
    traits = {"NPS_rating": 5, "NPS_comment": comment, "NPS_date": "2026-03-11T09:30:00.000Z"}
    update = {"type": "identify", "userId": "dmitri", "traits": traits}
    segment.take("batch", json.dumps({"batch": [update]}).encode(), "key")
    pages = create_pages(cast("Any", None), segment, hub="http://127.0.0.1:8000").test_client()
    page = browser.new_page(viewport={"width": width, "height": 640})
    page.set_content(pages.get("/synced").text)
    assert page.get_by_role("rowheader").evaluate(LINES) == 1
    page.close()


LINES = """cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return range.getClientRects().length;
}"""


def box_of(locator: Locator) -> FloatRect:
    box = locator.bounding_box()
    assert box is not None
    return box
