"""The packages of the hub: what plugins must not import, and what the architecture page says of each."""

from __future__ import annotations

import pkgutil
import re
import tomllib

import hub
from tests import documents

MODULES = {f"hub.{module.name}" for module in pkgutil.iter_modules(hub.__path__)}


def test_plugins_are_kept_from_every_module_but_the_seam() -> None:
    contracts = tomllib.loads(documents.read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    [forbidden] = [one["forbidden_modules"] for one in contracts if one["name"] == "Plugins know hub.plugin alone"]
    assert sorted(forbidden) == sorted(MODULES - {"hub.plugin"})


def test_the_architecture_page_says_what_every_module_is_for() -> None:
    rows = documents.table(documents.read("docs/architecture.md"), "package")
    assert {name for row in rows for name in re.findall(r"`(hub\.\w+)`", row[0])} == MODULES
