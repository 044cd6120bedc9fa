"""The pictures of docs/console.md: pages of the console of a hub at work, and what customers see.

`python3 run.py gallery` takes them; `--customers FOLDER` takes all that customers see instead.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from docs import customer_gallery
from docs.gallery_hub import NAME, PASSWORD, gallery_hub
from hub.admin.access import sessions
from hub.web.app import create_app
from tests import servers
from tests.console.furnished import paths_of
from tests.surveys import served

FOLDER = Path(__file__).parent / "gallery"
WIDE, NARROW = 1200, 390
SHOWN: dict[str, tuple[Literal["light", "dark"], int, int]] = {
    "home": ("light", WIDE, 1400),
    "survey": ("light", WIDE, 1300),
    "what would have happened": ("light", WIDE, 1320),
    "texts": ("light", WIDE, 1000),
    "readiness": ("dark", WIDE, 1100),
    "person": ("light", WIDE, 1500),
    "queue": ("dark", WIDE, 1200),
    "events": ("light", WIDE, 1100),
    "channel": ("light", WIDE, 1200),
    "connections": ("dark", WIDE, 1100),
    "responses": ("light", NARROW, 900),
    "system": ("light", WIDE, 1200),
    "settings": ("light", WIDE, 1000),
}
"""Pages by scheme and width; what of their height is shown ends where a card, a row or a field does."""


def take(arguments: Sequence[str]) -> int:
    """Take all pictures; return 1 where there is no browser, 2 for arguments that mean nothing."""
    if arguments and (len(arguments) != 2 or arguments[0] != "--customers"):
        print("usage: python3 run.py gallery [--customers FOLDER]", file=sys.stderr)
        return 2
    chromium = servers.find_chromium()
    if chromium is None:
        print("Chromium is not installed (package chromium)", file=sys.stderr)
        return 1
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with _fonts() as fonts, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu"],
            env={**os.environ, "FONTCONFIG_FILE": fonts},
        )
        if arguments:
            customer_gallery.take_all(browser, Path(arguments[1]))
        else:
            FOLDER.mkdir(exist_ok=True)
            customer_gallery.take_some(browser, FOLDER)
            _take_console(browser, FOLDER)
        browser.close()
    return 0


def _take_console(browser: Browser, folder: Path) -> None:
    binary = servers.find_valkey()
    assert binary is not None, "the environment brings Valkey"
    with (
        tempfile.TemporaryDirectory() as scratch,
        servers.valkey(binary) as redis,
        gallery_hub(Path(scratch), redis_url=redis.url) as hub,
    ):
        cookie = sessions.log_in(hub, NAME, PASSWORD, "the gallery")
        assert isinstance(cookie, str)
        with served(create_app(hub)) as url:
            for name, (scheme, width, height) in SHOWN.items():
                context = browser.new_context(
                    color_scheme=scheme,
                    viewport={"width": width, "height": height},
                    extra_http_headers={"Cookie": f"__Host-hub={cookie}"},
                )
                page = context.new_page()
                page.goto(url + paths_of(hub)[name])
                page.set_viewport_size({"width": width, "height": page.evaluate(_WHERE_A_CARD_ENDS)})
                page.screenshot(path=folder / f"{name.replace(' ', '-')}.png")
                context.close()


_WHERE_A_CARD_ENDS = """() => {
  const shown = (what) => [...document.querySelectorAll(what)].filter((one) => one.checkVisibility());
  const ends = [[".card", 24], [".field", 12], [".table > table > tbody > tr", 0]]
    .flatMap(([what, below]) => shown(what).map((one) => Math.round(one.getBoundingClientRect().bottom + below)));
  return Math.max(...ends.filter((end) => end <= innerHeight), 640);
}"""


@contextmanager
def _fonts() -> Iterator[str]:
    """Yield a configuration of fonts by which the system's own is like those of most screens, not the widest one."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(_FONTS)
        file.flush()
        yield file.name


_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include>/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <test name="family" qual="all" compare="not_eq"><string>monospace</string></test>
    <edit name="family" mode="append_last" binding="strong"><string>Liberation Sans</string></edit>
  </match>
</fontconfig>
"""


if __name__ == "__main__":
    sys.exit(take(sys.argv[1:]))
