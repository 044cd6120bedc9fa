"""A configured hub, and an admin who looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.pipeline.hub import Hub
from tests.configured import configured_hub
from tests.console.browsing import Visitor, visitor_of


@pytest.fixture
def hub(database_url: str, tmp_path: Path) -> Iterator[Hub]:
    with configured_hub(tmp_path, database_url) as hub:
        yield hub


@pytest.fixture
def ada(hub: Hub) -> Iterator[Visitor]:
    with visitor_of(hub) as ada:
        yield ada
