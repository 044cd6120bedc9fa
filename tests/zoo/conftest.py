"""The zoo, open for a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import containment
from tests.zoo.keeper import Zoo, open_zoo


@pytest.fixture
def zoo(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Zoo]:
    opened = open_zoo(tmp_path, caplog)
    yield opened
    opened.lab.hub.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up what hangs after a moment."""
    for name in ("MADE_WITHIN_S", "READ_WITHIN_S", "FORGOTTEN_WITHIN_S", "CHECKED_WITHIN_S", "DONE_WITHIN_S"):
        monkeypatch.setattr(containment, name, 0.3)
