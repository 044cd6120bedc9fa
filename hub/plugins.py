"""What the installed plugins offer, and what is wrong with any of them."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import cast

import pluggy

from hub import hookspecs
from hub.discovery import Found, in_folder, in_packages
from hub.plugin import HUB_API, EventSource, Limits, Listener, Provider, SurveyChannel, SyncTarget
from hub.store.configuration import Role

log = logging.getLogger(__name__)

HOOKS: Mapping[Role, str] = {
    Role.SOURCE: "hub_event_sources",
    Role.CHANNEL: "hub_survey_channels",
    Role.TARGET: "hub_sync_targets",
    Role.LISTENER: "hub_listeners",
}
BASES: Mapping[Role, type[Provider]] = {
    Role.SOURCE: EventSource,
    Role.CHANNEL: SurveyChannel,
    Role.TARGET: SyncTarget,
    Role.LISTENER: Listener,
}
KIND = re.compile(r"[a-z][a-z0-9_]*")
RESERVED_PATHS = (
    *("/", "/s", "/u", "/api", "/channels", "/sources", "/healthz", "/readyz", "/metrics", "/static", "/assets"),
    *("/login", "/logout", "/setup", "/account", "/theme"),
    *("/surveys", "/people", "/queue", "/responses", "/events", "/connections", "/system", "/settings"),
)


@dataclass(kw_only=True)
class Plugin:
    """A plugin: where it came from, what it offers and what is wrong with it."""

    name: str
    version: str = ""
    distribution: str = ""
    file: Path | None = None
    """Of a plugin that is a single file; it has no distribution and no version."""
    api: object = None
    """The versions of `hub.plugin` that it declares, as it declares them."""
    offers: list[tuple[Role, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """The file, or the distribution with its version."""
        return str(self.file) if self.file else f"{self.distribution} {self.version}"


@dataclass(kw_only=True)
class Plugins:
    """All installed plugins and the provider classes they offer, by role and kind."""

    installed: list[Plugin] = field(default_factory=list)
    kinds: dict[tuple[Role, str], type[Provider]] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """What is wrong with any plugin."""
        return [f"{plugin.name}: {problem}" for plugin in self.installed for problem in plugin.problems]

    def kinds_of(self, role: Role) -> dict[str, type[Provider]]:
        """Return the kinds offered for a role."""
        return {kind: provider for (offered, kind), provider in self.kinds.items() if offered is role}


def find_plugins(entries: Sequence[EntryPoint] | None = None, *, plugins_dir: Path | None = None) -> Plugins:
    """Return the plugins of installed packages and those in the folder. A broken one is reported, the rest work."""
    manager = pluggy.PluginManager("survey_hub")
    manager.add_hookspecs(hookspecs)
    plugins = Plugins()
    offers: dict[tuple[Role, str], list[tuple[Plugin, type[Provider]]]] = {}
    for found in [*in_packages(entries), *_files(plugins_dir, plugins)]:
        plugin = Plugin(name=found.name, version=found.version, distribution=found.distribution, file=found.file)
        plugins.installed.append(plugin)
        for role, provider in _load(manager, found, plugin):
            problem = _fault_of(role, provider)
            if problem:
                plugin.problems.append(problem)
                continue
            offers.setdefault((role, provider.kind), []).append((plugin, provider))
    _settle(plugins, offers)
    _refuse_shared_paths(plugins)
    for plugin in plugins.installed:
        if not plugin.offers and not plugin.problems:
            plugin.problems.append("offers nothing; does a hook of it return a class?")
    for problem in plugins.problems:
        log.error("Plugin %s", problem)
    return plugins


def _files(folder: Path | None, plugins: Plugins) -> list[Found]:
    try:
        return in_folder(folder) if folder else []
    except OSError as error:
        problem = f"{folder} cannot be read: {error.strerror}; make the folder, or unset HUB_PLUGINS_DIR"
        plugins.installed.append(Plugin(name="HUB_PLUGINS_DIR", file=folder, problems=[problem]))
        return []


def _load(manager: pluggy.PluginManager, found: Found, plugin: Plugin) -> list[tuple[Role, type[Provider]]]:
    if manager.has_plugin(found.name):
        cure = "rename the file" if found.file else "uninstall one"
        plugin.problems.append(f"there is another plugin of this name; {cure}")
        return []
    try:
        module = found.load()
        plugin.api = getattr(module, "hub_api", None)
        misfit = _misfit(plugin)
        if misfit:
            plugin.problems.append(misfit)
            return []
        manager.register(module, found.name)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        plugin.problems.append(f"cannot be loaded: {type(error).__name__}: {error}")
        return []
    plugin.problems.extend(_misspelt_hooks(manager, module))
    offered: list[tuple[Role, type[Provider]]] = []
    for role, hook in HOOKS.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin is not module:
                continue
            try:
                offered += [(role, provider) for provider in implementation.function()]
            except (Exception, SystemExit) as error:  # noqa: BLE001  isolated, so that the other plugins work
                plugin.problems.append(f"{hook}() failed: {type(error).__name__}: {error}")
    return offered


def _misfit(plugin: Plugin) -> str | None:
    """Return why the versions of `hub.plugin` that a plugin declares don't go with ours."""
    match plugin.api:
        case None:
            return None
        case (int(oldest), int(newest)) if oldest <= newest:
            written_for = f"version {oldest}" if oldest == newest else f"the versions {oldest} to {newest}"
        case _:
            return f"hub_api is {plugin.api!r}; write the oldest and the newest version it works with: (1, {HUB_API})"
    if oldest <= HUB_API <= newest:
        return None
    cure = "survey-hub" if oldest > HUB_API else plugin.distribution or "the plugin"
    return f"was written for {written_for} of hub.plugin, and this hub has version {HUB_API}; upgrade {cure}"


def _misspelt_hooks(manager: pluggy.PluginManager, module: object) -> list[str]:
    known = set(HOOKS.values())
    marked = {caller.name for caller in manager.get_hookcallers(module) or []}
    unmarked = {name for name in vars(module) if name.startswith("hub_") and callable(getattr(module, name))} - marked
    problems = []
    for name in sorted(marked - known):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(known))}"
        problems.append(f"there is no hook {name}{hint}")
    problems += [f"{name} is not marked with @hookimpl and is never called" for name in sorted(unmarked & known)]
    return problems


def _fault_of(role: Role, provider: object) -> str | None:
    base = BASES[role]
    if not (isinstance(provider, type) and issubclass(provider, base)):
        return f"{HOOKS[role]}() returned {provider!r}, which is no subclass of hub.plugin.{base.__name__}"
    missing = [name for name in ("kind", "config_schema") if not hasattr(provider, name)]
    missing += sorted(getattr(provider, "__abstractmethods__", ()))
    if missing:
        return f"{provider.__name__} lacks {', '.join(missing)}"
    kind: object = provider.kind
    if not isinstance(kind, str):
        return f"{provider.__name__}.kind is {kind!r}, which is no text"
    if not KIND.fullmatch(kind):
        return f"{provider.__name__}.kind is {kind!r}; use lower-case letters, digits and underscores"
    paths: object = getattr(provider, "paths", ())
    if not isinstance(paths, tuple | list) or not all(isinstance(path, str) for path in paths):
        return f'{provider.__name__}.paths is {paths!r}; write a tuple of texts, as in ("/shop/*",)'
    limits: object = getattr(provider, "limits", None)
    if role is Role.TARGET and not isinstance(limits, property) and not _is_usable(limits):
        return f"{provider.__name__}.limits is {limits!r}; write Limits(count=...), 1 or more"
    return None


def _is_usable(limits: object) -> bool:
    return isinstance(limits, Limits) and limits.count >= 1 and limits.per_second >= 0


def _settle(plugins: Plugins, offers: Mapping[tuple[Role, str], list[tuple[Plugin, type[Provider]]]]) -> None:
    for (role, kind), candidates in offers.items():
        if len(candidates) == 1:
            plugin, provider = candidates[0]
            plugin.offers.append((role, kind))
            plugins.kinds[role, kind] = provider
            continue
        names = " and ".join(sorted(plugin.name for plugin, _ in candidates))
        for plugin, _ in candidates:
            plugin.problems.append(f"the {role} kind {kind!r} is offered by {names}; uninstall all but one")


def _refuse_shared_paths(plugins: Plugins) -> None:
    claims: list[tuple[str, str]] = []
    for kind, provider in plugins.kinds_of(Role.SOURCE).items():
        claims += [(path, kind) for path in cast("type[EventSource]", provider).paths]
    refused: dict[str, str] = {}
    for path, kind in claims:
        if any(overlap(path, reserved) for reserved in RESERVED_PATHS):
            refused[kind] = f"the source kind {kind!r} claims {path}, which belongs to the hub"
    claims = [(path, kind) for path, kind in claims if kind not in refused]
    for index, (path, kind) in enumerate(claims):
        for other_path, other in claims[:index]:
            if other != kind and overlap(path, other_path):
                message = f"the source kinds {other!r} ({other_path}) and {kind!r} ({path}) claim the same root path"
                refused[kind] = refused[other] = f"{message}; uninstall one"
    for kind, problem in refused.items():
        del plugins.kinds[Role.SOURCE, kind]
        owner = next(plugin for plugin in plugins.installed if (Role.SOURCE, kind) in plugin.offers)
        owner.offers.remove((Role.SOURCE, kind))
        owner.problems.append(problem)


def overlap(one: str, other: str) -> bool:
    """Return whether two root paths (a trailing `/*` takes all below) could mean the same request."""
    first, second = one.removesuffix("/*"), other.removesuffix("/*")
    return first == second or f"{first}/".startswith(f"{second}/") or f"{second}/".startswith(f"{first}/")
