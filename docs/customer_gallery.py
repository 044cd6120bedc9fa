"""What customers see, in every language: the mail and its pages, light and dark, from 320 px to wide.

`python3 run.py gallery --customers FOLDER` takes the pictures; docs/console.md shows some of them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from hub.mail.message import render
from hub.mail.words import WORDS
from hub.web.views import SurveyView
from tests.surveys import INVITATION, OPEN, pages_for_customers

Scheme = Literal["light", "dark"]

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WIDTHS = (320, 390, 640, 1200)
HEIGHT = 740
BRANDS = {"red": "#e4002b", "yellow": "#ffcc00", "navy": "#000080", "white": "#ffffff"}
_LOGO = "https://acme.example/logo.png"
_UNTIL = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
_PAGES = {
    "survey": "/s/fresh-{}?score=9",
    "unscored": "/s/fresh-{}",
    "again": "/s/answered-{}",
    "thanks": "/s/answered-{}?thanks=1",
    "closed": "/s/closed-{}",
    "unsubscribe": "/u/fresh-{}",
}


def take_all(browser: Browser, folder: Path) -> None:
    """Take every picture into `folder`, each named after what, language, scheme and width."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, html in mails().items():
        _take(browser, folder, name, html=html)
    with pages_for_customers(_views()) as site:
        for language in WORDS:
            for name, path in _PAGES.items():
                _take(browser, folder, f"{name}-{language}", url=site.url + path.format(language))
        for brand in BRANDS:
            _take(browser, folder, f"survey-{brand}", url=f"{site.url}/s/{brand}?score=9")


def take_some(browser: Browser, folder: Path) -> None:
    """Take the pictures that the documentation shows."""
    _shoot(browser, folder / "mail.png", "light", 700, html=mails()["mail-en"])
    _shoot(browser, folder / "mail-arabic.png", "dark", 390, html=mails()["mail-ar"])
    with pages_for_customers(_views()) as site:
        _shoot(browser, folder / "survey-page.png", "light", 390, url=f"{site.url}/s/fresh-en?score=9")


def mails() -> dict[str, str]:
    """Return the mail's HTML by name: as sent in every language, and as programs treat it that are less kind."""
    found = {f"mail-{language}": render(replace(INVITATION, language=language)).html for language in WORDS}
    for brand, colour in BRANDS.items():
        found[f"mail-{brand}"] = render(replace(INVITATION, colour=colour)).html
    found["mail-without-images"] = render(replace(INVITATION, logo_url=_LOGO)).html
    for language in ("en", "ar"):
        sent = found[f"mail-{language}"]
        found[f"mail-without-styles-{language}"] = re.sub(r"(?s)<style>.*?</style>|<meta[^>]*>", "", sent)
        inverting = "<style>html { filter: invert(1) hue-rotate(180deg); }</style></head>"
        found[f"mail-inverted-{language}"] = sent.replace("</head>", inverting)
    return found


def _take(browser: Browser, folder: Path, name: str, *, html: str = "", url: str | None = None) -> None:
    for scheme in SCHEMES:
        for width in WIDTHS:
            _shoot(browser, folder / f"{name}-{scheme}-{width}.png", scheme, width, html=html, url=url)


def _shoot(browser: Browser, file: Path, scheme: Scheme, width: int, *, html: str = "", url: str | None = None) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": HEIGHT})
    if url is None:
        page.route("**", lambda route: route.abort())  # the logo of the mail, whose host is nobody's
        page.set_content(html)
    else:
        page.goto(url)
    page.screenshot(path=file, full_page=width < HEIGHT)
    page.close()


def _views() -> dict[str, SurveyView]:
    views = {brand: replace(OPEN, colour=colour) for brand, colour in BRANDS.items()}
    for language in WORDS:
        asked = replace(OPEN, language=language)
        answered = replace(asked, score=6, comment="Exports are slow on Mondays.", change_until=_UNTIL)
        views |= {
            f"fresh-{language}": asked,
            f"answered-{language}": answered,
            f"closed-{language}": replace(answered, can_change=False),
        }
    return views
