"""A hub with fake plugins, and its API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.admin.access import tokens
from hub.admin.access.tokens import Scope
from hub.web.app import create_app
from tests.api.client import Api
from tests.lab import Lab, open_lab


@pytest.fixture
def api(lab: Lab) -> Iterator[Api]:
    """The API of the lab's hub."""
    app = create_app(lab.hub)
    yield Api(hub=lab.hub, app=app, token=tokens.add(lab.hub, "tests", list(Scope)))
    app.close()


@pytest.fixture(scope="module")
def still_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API on SQLite that the tests of a module share: they change nothing."""
    directory = tmp_path_factory.mktemp("still")
    lab = open_lab(f"sqlite:///{directory / 'hub.db'}", directory)
    lab.set()
    app = create_app(lab.hub)
    yield Api(hub=lab.hub, app=app, token=tokens.add(lab.hub, "tests", list(Scope)))
    app.close()
    lab.hub.close()
