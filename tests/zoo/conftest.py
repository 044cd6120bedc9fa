"""The zoo, open for a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return how to give up what hangs after a moment; all else of the plugins has its time, on a busy machine too."""
    return lambda patience: monkeypatch.setattr(containment, patience, 0.5)
