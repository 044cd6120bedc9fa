"""What the installed plugins offer to connect, in the words of their docstrings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from marshmallow import Schema

from hub.admin.configuration.schemas import OPTIONS
from hub.admin.trouble import NotThere
from hub.admin.words import hint
from hub.config import ConfigError
from hub.pipeline.hub import Hub
from hub.plugin import EventSource, Provider
from hub.plugins import Plugin, Plugins
from hub.store.configuration import Role

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of connection; `summary` is the first line of its docstring, `paths` are a source's root paths."""

    role: Role
    kind: str
    summary: str
    plugin: str
    origin: str
    paths: Sequence[str]


def kinds(hub: Hub) -> list[Kind]:
    """Return all kinds that can be connected, by role and name."""
    plugins = hub.registry.plugins
    return [_kind(plugins, role, kind) for role in Role for kind in sorted(plugins.kinds_of(role))]


def kind_of(hub: Hub, role: Role, kind: str) -> Kind:
    """Return one kind. Raises NotThere naming those there are."""
    plugins = hub.registry.plugins
    if (role, kind) not in plugins.kinds:
        known = hint(kind, plugins.kinds_of(role))
        raise NotThere(f"No installed plugin offers the {role} kind {kind!r}{known}")
    return _kind(plugins, role, kind)


def settings_of(hub: Hub, role: Role, kind: str) -> tuple[Schema, Schema]:
    """Return the schemas of a kind's own settings and of the hub's for the role. Raises ConfigError.

    A setting that has the name of one of the hub's can't be reached by anybody, and is left out.
    """
    provider = hub.registry.plugins.kinds.get((role, kind))
    if provider is None:
        raise NotThere(f"No installed plugin offers the {role} kind {kind!r}; install the one that does")
    options = OPTIONS[role]()
    own = _made(provider)
    for name, one in list(own.fields.items()):
        if (one.data_key or name) in {"kind", *options.fields}:
            del own.fields[name]
    return own, options


def broken_plugins(hub: Hub) -> list[Plugin]:
    """Return the plugins with which something is wrong."""
    return [plugin for plugin in hub.registry.plugins.installed if plugin.problems]


def _kind(plugins: Plugins, role: Role, kind: str) -> Kind:
    provider = plugins.kinds[role, kind]
    plugin = next(plugin for plugin in plugins.installed if (role, kind) in plugin.offers)
    paths = provider.paths if issubclass(provider, EventSource) else ()
    return Kind(
        role=role, kind=kind, summary=_summary(provider), plugin=plugin.name, origin=plugin.origin, paths=tuple(paths)
    )


def _summary(provider: type[Provider]) -> str:
    lines = str(provider.__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""


def _made(provider: type[Provider]) -> Schema:
    try:
        schema = provider.config_schema()
    except Exception as error:
        log.exception("The settings of %s could not be read", provider.__name__)
        raise ConfigError([f"its plugin failed: {type(error).__name__}: {error}"]) from None
    if not isinstance(schema, Schema):
        raise ConfigError([f"its plugin is wrong: config_schema of {provider.__name__} is no marshmallow schema"])
    return schema
