"""A new plugin's package, written from the templates beside this file."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from hub.config import ConfigError
from hub.plugins import Plugins
from hub.store.configuration import Role

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class NewPlugin:
    """A plugin to be; `name` is also its kind."""

    name: str
    role: Role

    @property
    def distribution(self) -> str:
        """The name of its package, and of the folder it is written to."""
        return f"survey-hub-{self.name.replace('_', '-')}"

    @property
    def module(self) -> str:
        """The name of its one module."""
        return f"hub_{self.name}"

    @property
    def prefix(self) -> str:
        """What its classes' names begin with."""
        return "".join(word.capitalize() for word in self.name.split("_"))


def new_plugin(name: str, role: Role, plugins: Plugins) -> NewPlugin:
    """Return a plugin of this name. Raises ConfigError for a name that cannot be had."""
    plugin = NewPlugin(name=name.replace("-", "_"), role=role)
    if not _NAME.fullmatch(plugin.name):
        raise ConfigError([f"{name!r} is no name for a plugin; use lower-case letters, digits and _, as in my_shop"])
    taken = {one.name for one in plugins.installed} | set(plugins.kinds_of(role))
    if plugin.name in taken or find_spec(plugin.module):
        raise ConfigError([f"{name!r} is the name of something installed; `hub plugins` shows what is taken"])
    if keyword.iskeyword(plugin.name) or plugin.name in sys.stdlib_module_names | packages_distributions().keys():
        raise ConfigError([f"{name!r} is a word or a module of Python; choose another name, as in my_{plugin.name}"])
    return plugin


def write(plugin: NewPlugin, parent: Path) -> list[Path]:
    """Write the package into a new folder and return the files. Raises ConfigError when the folder exists."""
    folder = parent / plugin.distribution
    try:
        folder.mkdir()
        (folder / "tests").mkdir()
    except OSError as error:
        raise ConfigError([f"{folder} cannot be made: {error.strerror}; nothing was written"]) from None
    return [_write(folder / name, template, plugin) for name, template in _files(plugin).items()]


def _files(plugin: NewPlugin) -> dict[str, str]:
    return {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{plugin.module}.py": f"{plugin.role}.py",
        f"tests/test_{plugin.module}.py": f"test_{plugin.role}.py",
    }


def _write(path: Path, template: str, plugin: NewPlugin) -> Path:
    environment = Environment(  # noqa: S701  Python, TOML and markdown: there is no HTML to escape
        loader=PackageLoader("hub.cli", "templates/plugin"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = {name: getattr(plugin, name) for name in ("name", "role", "distribution", "module", "prefix")}
    path.write_text(environment.get_template(f"{template}.jinja").render(words), encoding="utf-8")
    return path
