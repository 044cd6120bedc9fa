"""What docs/security.md says of every page of the console: what it loads, how it leads out, how passwords are typed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from hub.admin.access import setup
from hub.web.app import create_app
from tests.console.browsing import Visitor, visitor_of
from tests.console.furnished import PATHS, furnished_hub, hold_sending, paths_of

OF_A_PASSWORD = {'autocomplete="new-password"', 'autocomplete="current-password"'}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Every page of a console with something on each, by its name; `login` and `setup` as strangers get them."""
    directory = tmp_path_factory.mktemp("pages")
    with furnished_hub(directory, f"sqlite:///{directory}/hub.db") as hub:
        hold_sending(hub)
        link = str(setup.offer(hub)).removeprefix(hub.settings.base_url)
        with Visitor(client=create_app(hub).test_client()) as stranger:
            strange = {"setup": stranger.get(link).text, "login": stranger.get("/login").text}
        with visitor_of(hub) as ada:
            seen = {name: ada.get(path).text for name, path in paths_of(hub).items()}
        yield {**seen, **strange}


def test_every_page_loads_files_of_the_hub_alone_and_has_nothing_inline(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        loaded = re.findall(r'\ssrc="([^"]*)"', page) + re.findall(r'<link\b[^>]*\shref="([^"]*)"', page)
        assert loaded
        assert [one for one in loaded if not one.startswith(("/assets/", "/surveys/"))] == [], name
        assert re.findall(r"<style|<script(?![^>]*\ssrc=)[^>]*>|<[a-z][^>]*\s(?:on\w+|style)=", page) == [], name


def test_every_page_of_somebody_who_is_logged_in_shows_the_way_out(pages: dict[str, str]) -> None:
    assert [name for name in PATHS if 'action="/logout"' not in pages[name]] == []


def test_every_password_is_typed_into_a_field_that_password_managers_fill_in(pages: dict[str, str]) -> None:
    fields = {name: re.findall(r'<input\b[^>]*type="password"[^>]*>', page) for name, page in pages.items()}
    assert {name for name, found in fields.items() if found} >= {"login", "setup", "account", "account of somebody"}
    for name, page in pages.items():
        if name == "components":  # samples of the fields of connections
            continue
        assert fields[name] == re.findall(r'<input\b[^>]*name="(?:password|current)"[^>]*>', page), name
        assert all(any(word in field for word in OF_A_PASSWORD) for field in fields[name]), name
