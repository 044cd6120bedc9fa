"""The pictures of docs/console.md: every page of the console of a hub at work. `python3 run.py gallery` takes them."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright
from werkzeug.serving import make_server

from hub.admin import accounts, sessions
from hub.admin.accounts import AccountRole
from hub.pipeline.hub import Hub
from hub.web.app import create_app
from tests import servers
from tests.console.furnished import furnished_hub, paths_of

FOLDER = Path(__file__).parent / "gallery"
WIDE, PHONE = ViewportSize(width=1200, height=800), ViewportSize(width=390, height=780)
SHOWN = {
    "home": ("light", WIDE),
    "survey": ("light", WIDE),
    "what would have happened": ("light", WIDE),
    "readiness": ("dark", WIDE),
    "person": ("light", WIDE),
    "queue": ("dark", WIDE),
    "events": ("light", WIDE),
    "channel": ("light", WIDE),
    "connections": ("dark", WIDE),
    "responses": ("light", PHONE),
    "people": ("dark", PHONE),
    "system": ("light", WIDE),
    "settings": ("light", WIDE),
}
NAME, PASSWORD = "ada@acme.example", "a long enough password"


def take() -> int:
    """Take all pictures; return 1 where there is no browser."""
    chromium = servers.find_chromium()
    if chromium is None:
        print("Chromium is not installed (package chromium)", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, furnished_hub(Path(scratch), f"sqlite:///{scratch}/hub.db") as hub:
        accounts.add(hub, NAME, PASSWORD, AccountRole.ADMIN)
        cookie = sessions.log_in(hub, NAME, PASSWORD, "the gallery")
        assert isinstance(cookie, str)
        with _served(hub) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            for name, (scheme, viewport) in SHOWN.items():
                context = browser.new_context(color_scheme=scheme, viewport=viewport)
                context.add_cookies([{"name": "hub", "value": cookie, "url": url}])
                page = context.new_page()
                page.goto(url + paths_of(hub)[name])
                page.screenshot(path=FOLDER / f"{name.replace(' ', '-')}.png")
                context.close()
            browser.close()
    return 0


@contextmanager
def _served(hub: Hub) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(hub), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


if __name__ == "__main__":
    sys.exit(take())
