"""What the console says after a button, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.admin.access import accounts
from hub.admin.access.accounts import AccountRole
from hub.pipeline.hub import Hub
from tests.configured import configured_hub
from tests.console.browsing import PASSWORD, visitor_of

SAID = "relay was not paused."


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with configured_hub(tmp_path, f"sqlite:///{tmp_path}/hub.db") as hub:
        yield hub


def test_what_was_said_to_one_account_is_not_told_to_the_next(hub: Hub) -> None:
    ada = visitor_of(hub)
    accounts.add(hub, "ben", PASSWORD, AccountRole.VIEWER)
    ada.client.post("/connections/channel/relay/resume")
    ada.client.delete_cookie("hub")
    ada.client.delete_cookie("__Host-hub")
    assert SAID not in ada.get("/login").text
    ben = ada.post("/login", name="ben", password=PASSWORD)
    assert (ben.status_code, ben.request.path, SAID in ben.text) == (200, "/", False)


def test_what_was_said_is_told_on_the_next_page_of_its_account(hub: Hub) -> None:
    """The test of the test above."""
    assert SAID in visitor_of(hub).post("/connections/channel/relay/resume").text
