"""The pictures of docs/console.md: pages of the console of a hub at work, and what customers see.

`python3 run.py gallery` takes them; `--customers FOLDER` takes all that customers see instead.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from playwright.sync_api import Browser, ViewportSize, sync_playwright
from rq import Worker

from docs import customer_gallery
from hub.admin import accounts, sessions
from hub.admin.accounts import AccountRole
from hub.pipeline.hub import Hub
from hub.store import processes
from hub.store.configuration import DEMO, write_setting
from hub.wake import QUEUE, connect
from hub.web.app import create_app
from tests import servers
from tests.console.answers import give
from tests.console.furnished import furnished_hub, paths_of
from tests.surveys import served

FOLDER = Path(__file__).parent / "gallery"
WIDE, PHONE = ViewportSize(width=1200, height=800), ViewportSize(width=390, height=780)
SHOWN = {
    "home": ("light", WIDE),
    "survey": ("light", WIDE),
    "what would have happened": ("light", WIDE),
    "texts": ("light", WIDE),
    "readiness": ("dark", WIDE),
    "person": ("light", WIDE),
    "queue": ("dark", WIDE),
    "events": ("light", WIDE),
    "channel": ("light", WIDE),
    "connections": ("dark", WIDE),
    "responses": ("light", PHONE),
    "system": ("light", WIDE),
    "settings": ("light", WIDE),
}
NAME, PASSWORD = "ada@acme.example", "a long enough password"


def take(arguments: Sequence[str]) -> int:
    """Take all pictures; return 1 where there is no browser, 2 for arguments that mean nothing."""
    if arguments and (len(arguments) != 2 or arguments[0] != "--customers"):
        print("usage: python3 run.py gallery [--customers FOLDER]", file=sys.stderr)
        return 2
    chromium = servers.find_chromium()
    if chromium is None:
        print("Chromium is not installed (package chromium)", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        if arguments:
            customer_gallery.take_all(browser, Path(arguments[1]))
        else:
            FOLDER.mkdir(exist_ok=True)
            customer_gallery.take_some(browser, FOLDER)
            _take_console(browser)
        browser.close()
    return 0


def _take_console(browser: Browser) -> None:
    binary = servers.find_valkey()
    assert binary is not None, "the environment brings Valkey"
    with (
        tempfile.TemporaryDirectory() as scratch,
        servers.valkey(binary) as redis,
        furnished_hub(Path(scratch), f"sqlite:///{scratch}/hub.db", redis_url=redis.url) as hub,
    ):
        _look_alive(hub)
        _remember_a_quarter(hub)
        accounts.add(hub, NAME, PASSWORD, AccountRole.ADMIN)
        cookie = sessions.log_in(hub, NAME, PASSWORD, "the gallery")
        assert isinstance(cookie, str)
        with served(create_app(hub)) as url:
            for name, (scheme, viewport) in SHOWN.items():
                context = browser.new_context(color_scheme=scheme, viewport=viewport)
                context.add_cookies([{"name": "hub", "value": cookie, "url": url}])
                page = context.new_page()
                page.goto(url + paths_of(hub)[name])
                page.screenshot(path=FOLDER / f"{name.replace(' ', '-')}.png")
                context.close()


def _look_alive(hub: Hub) -> None:
    """Have the pages see a worker and a scheduler; really at work, they would change what the pictures show."""
    Worker([QUEUE], connection=connect(hub.settings.effective_redis_url, timeout_s=1)).register_birth()
    now = hub.now()
    with hub.store.write() as connection:
        write_setting(connection, DEMO, True)
        processes.beat(connection, process_id="s", role="scheduler", host="hub", pid=1, started_at=now, now=now)


def _remember_a_quarter(hub: Hub) -> None:
    """Add answers of the last months, so that there is a trend to see."""
    dice = random.Random(17)
    survey_id = next(one.id for one in hub.registry.current().surveys.values() if one.name == "onboarding")
    lab: Any = SimpleNamespace(hub=hub, clock=hub.now, survey_id=survey_id)
    for days in range(3, 180):
        scores = dice.choices(
            range(11), weights=[1, 1, 1, 2, 2, 4, 5, 9, 14, 22, 24 - days // 12], k=dice.randint(1, 5)
        )
        give(lab, scores, at=hub.now() - timedelta(days=days), language=dice.choice(["en", "en", "de"]))


if __name__ == "__main__":
    sys.exit(take(sys.argv[1:]))
