"""The link of the first start in a browser that reaches a public hub through a tunnel, not by its own address."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from hub.admin.access import setup
from hub.web.app import create_app
from tests.configured import configured_hub
from tests.surveys import served

pytestmark = pytest.mark.browser


def test_link_makes_the_first_admin_through_a_tunnel_too(browser: Browser, tmp_path: Path) -> None:
    with configured_hub(tmp_path, f"sqlite:///{tmp_path}/hub.db", base_url="https://hub.acme.example") as hub:
        link = setup.offer(hub)
        with served(create_app(hub)) as address, browser.new_page() as page:
            page.goto(str(link).replace("https://hub.acme.example", address))
            page.get_by_label("Name").fill("ada")
            page.get_by_label("Password").fill("three green kettles")
            page.get_by_role("button").click()
            expect(page).to_have_url(f"{address}/")
            expect(page.get_by_role("heading", level=1)).to_have_text("Home")
            page.goto(f"{address}/settings")
            expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
