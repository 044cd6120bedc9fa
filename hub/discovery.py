"""Where plugins are found: in installed packages, and in a folder of single files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

ENTRY_POINTS = "survey_hub"
FILES = "survey_hub_file"
"""The modules of single files are named below this, so that none stands in the way of another module."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A plugin that is there, but not loaded yet."""

    name: str
    load: Callable[[], Any]
    distribution: str = ""
    version: str = ""
    file: Path | None = None


def in_packages(entries: Iterable[EntryPoint] | None = None) -> list[Found]:
    """Return the plugins of installed packages (entry-point group `survey_hub`), by name."""
    found = entries if entries is not None else entry_points(group=ENTRY_POINTS)
    return [_of_package(entry) for entry in sorted(found, key=lambda entry: entry.name)]


def in_folder(folder: Path) -> list[Found]:
    """Return the plugins that are files of a folder, by name. Raises OSError when it cannot be read."""
    files = sorted(path for path in folder.iterdir() if path.suffix == ".py" and path.name[0] not in "_.")
    return [Found(name=path.stem, load=partial(_load, path), file=path) for path in files]


def _of_package(entry: EntryPoint) -> Found:
    distribution, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
    return Found(name=entry.name, load=entry.load, distribution=distribution, version=version)


def _load(path: Path) -> ModuleType:
    name = f"{FILES}.{path.stem}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
