"""How every page looks and what its browser may do: the style sheet and the headers that go with it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Response, g
from markupsafe import Markup

from hub.mail.colours import Palette, colours_of

_TEMPLATES = Path(__file__).with_name("templates")


def _sheet(*names: str) -> Markup:
    return Markup("".join((_TEMPLATES / name).read_text("utf-8") for name in names))  # noqa: S704  ours, so safe


STYLE = _sheet("tokens.css", "page.css")
"""The style sheet, for a `<style>` element that holds it and nothing else."""
STYLE_WITH_TABLES = STYLE + _sheet("tables.css")
"""The same for pages that have tables, which those for customers have not."""


def headers_for(style: str, *, frames: str = "'none'", images: str = "'none'") -> dict[str, str]:
    """Return the headers of a page with this style sheet.

    `frames` and `images` are what it may show inside itself.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src {images}; frame-src {frames}; "
            f"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


BARE = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""For every answer that is no page: a browser that comes upon it guesses, runs and frames nothing."""
HEADERS = headers_for(STYLE)
"""For every page: no script, nothing from elsewhere, no trace of the address, nothing kept."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A style sheet and its headers."""

    style: Markup
    headers: Mapping[str, str]


PLAIN = Look(style=STYLE, headers=HEADERS)


def dress(pages: Blueprint) -> Blueprint:
    """Give all answers of `pages` a look's headers and its templates `style`; return it.

    The look is plain, but where a view asked for that of a brand with `wear`.
    """
    pages.after_request(_add_headers)
    pages.context_processor(lambda: {"style": _look().style})
    return pages


def wear(colour: str | None, logo_url: str | None) -> Markup:
    """Answer this request in a brand's colour (`#rrggbb`), let the page show its logo, and return its style sheet.

    Raises ValueError when `colour` is no colour.
    """
    look = _look_of(colour, logo_url)
    g.look = look
    return look.style


@lru_cache(maxsize=256)
def style_in(colour: str | None) -> Markup:
    """Return the style sheet of customers' pages in a brand's colour. Raises ValueError when that is no colour."""
    return STYLE if colour is None else STYLE + _brand_rules(colour)


@lru_cache(maxsize=256)
def _look_of(colour: str | None, logo_url: str | None) -> Look:
    style = style_in(colour)
    return Look(style=style, headers=headers_for(style, images=_origin(logo_url) if logo_url else "'none'"))


def _brand_rules(colour: str) -> Markup:
    colours = colours_of(colour)
    dark = f"@media (prefers-color-scheme: dark) {{ {_rule(colours.dark)} }}\n"
    return Markup(f"{_rule(colours.light)}\n{dark}")  # noqa: S704  checked colours and nothing else


def _rule(palette: Palette) -> str:
    values = "; ".join(f"--{name.replace('_', '-')}: {value}" for name, value in asdict(palette).items())
    return f":root {{ {values}; }}"


def _origin(url: str) -> str:
    """Return where an image comes from, as a Content-Security-Policy names it."""
    parts = urlsplit(url)
    if parts.scheme == "data":
        return "data:"
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"


def _add_headers(response: Response) -> Response:
    response.headers.update(_look().headers)
    return response


def _look() -> Look:
    look: Look = g.get("look", PLAIN)
    return look
