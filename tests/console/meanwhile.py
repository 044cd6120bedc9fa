"""Something that happens in the middle of a save."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


class Meanwhile(Mapping[str, Any]):
    """Settings during whose reading somebody else saves something."""

    def __init__(self, save: Callable[[], object]) -> None:
        self._save = save

    def __getitem__(self, name: str) -> Any:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        self._save()
        return iter(())

    def __len__(self) -> int:
        return 0
