"""How every page looks and what its browser may do: the style sheet and the headers that go with it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from string import Template

from flask import Blueprint, Response, g
from markupsafe import Markup

from hub.domain.colours import palette

_TEMPLATES = Path(__file__).with_name("templates")

STYLE = Markup("".join((_TEMPLATES / name).read_text("utf-8") for name in ("tokens.css", "page.css")))  # noqa: S704
"""The style sheet (ours, so safe as markup), for a `<style>` element that holds it and nothing else."""


_IN_COLOURS = Template((_TEMPLATES / "brand.css").read_text("utf-8"))


def style_in(colour: str) -> Markup:
    """Return the style sheet in a brand's colour (`#rrggbb`; "" is ours)."""
    return STYLE + Markup(_IN_COLOURS.substitute(asdict(palette(colour)))) if colour else STYLE  # noqa: S704


@lru_cache(maxsize=256)
def headers_for(
    style: str, *, frames: str = "'none'", images: str = "'none'", framed_by: str = "'none'"
) -> dict[str, str]:
    """Return the headers of a page with this style sheet.

    `frames` and `images` are what it may show inside itself, and `framed_by` is what may show it.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; frame-src {frames}; img-src {images}; "
            f"form-action 'self'; base-uri 'none'; frame-ancestors {framed_by}"
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


def dress(pages: Blueprint) -> Blueprint:
    """Give all answers of `pages` the headers and its templates `style`; return it."""
    pages.after_request(_add_headers)
    pages.context_processor(lambda: {"style": STYLE})
    return pages


def wear(colour: str, *, images: str) -> Markup:
    """Return the style sheet in a brand's colour for the page that answers this request, whose headers go with it."""
    style = style_in(colour)
    g.page_headers = headers_for(style, images=images)
    return style


def _add_headers(response: Response) -> Response:
    response.headers.update(g.get("page_headers", HEADERS))
    return response
