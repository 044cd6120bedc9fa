"""Finds plugins, and turns stored connections into providers that work."""

from __future__ import annotations

import difflib
import logging
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, TypeVar, cast

import pluggy
import requests
from marshmallow import ValidationError

from hub import hookspecs
from hub.config import ConfigError
from hub.discovery import Found, in_folder, in_packages
from hub.domain.settings import rules_of
from hub.domain.world import Survey
from hub.logs import conceal
from hub.plugin import HUB_API, EventSource, Provider, Secret, Services, SurveyChannel, SyncTarget
from hub.store import configuration
from hub.store.configuration import Role, Snapshot, StoredConnection, StoredSurvey
from hub.store.engine import Store
from hub.store.keys import Keys, hash_key

log = logging.getLogger(__name__)

HOOKS: Mapping[Role, str] = {
    Role.SOURCE: "hub_event_sources",
    Role.CHANNEL: "hub_survey_channels",
    Role.TARGET: "hub_sync_targets",
}
BASES: Mapping[Role, type[Provider]] = {Role.SOURCE: EventSource, Role.CHANNEL: SurveyChannel, Role.TARGET: SyncTarget}
KIND = re.compile(r"[a-z][a-z0-9_]*")
RESERVED_PATHS = ("/", "/s", "/u", "/api", "/channels", "/sources", "/healthz", "/readyz", "/metrics", "/static")

ProviderT = TypeVar("ProviderT", bound=Provider)


# Plugins


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
    return None


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


# Connections


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A stored connection and its provider, or why there is none."""

    stored: StoredConnection
    provider: Provider | None = None
    problem: str | None = None

    @property
    def id(self) -> str:
        """The id that invitations and events refer to."""
        return self.stored.id

    @property
    def label(self) -> str:
        """As in `channels.relay`."""
        return f"{self.stored.role.plural}.{self.stored.name}"


class Configuration:
    """Everything configured, at one revision: what a piece of work reads once and keeps to its end."""

    def __init__(self, snapshot: Snapshot, connections: Sequence[Connection]) -> None:
        self.revision = snapshot.revision
        self.hub_id = snapshot.hub_id
        self.connections = {connection.id: connection for connection in connections}
        self.surveys = {survey.id: survey for survey in snapshot.surveys}
        self.rules = [_survey_rules(survey) for survey in snapshot.surveys]
        self.source_of_key = _keys_of(connections)

    def live(self, role: Role) -> list[Connection]:
        """Return the connections of a role in use, by name."""
        found = [c for c in self.connections.values() if c.stored.role is role and c.stored.retired_at is None]
        return sorted(found, key=lambda connection: connection.stored.name)

    def named(self, role: Role, name: str) -> Connection | None:
        """Return the live connection of this name."""
        return next((connection for connection in self.live(role) if connection.stored.name == name), None)

    def broken(self) -> list[Connection]:
        """Return the connections in use that do not work; `problem` says why."""
        return [connection for role in Role for connection in self.live(role) if connection.problem]

    def working_sources(self) -> list[str]:
        """Return the ids of the sources that can read bodies, retired ones included."""
        return [id for id, one in self.connections.items() if isinstance(one.provider, EventSource)]

    def source(self, connection_id: str) -> EventSource | None:
        """Return a working source."""
        return self._provider(connection_id, EventSource)  # type: ignore[type-abstract]

    def channel(self, connection_id: str) -> SurveyChannel | None:
        """Return a working channel."""
        return self._provider(connection_id, SurveyChannel)  # type: ignore[type-abstract]

    def target(self, connection_id: str) -> SyncTarget | None:
        """Return a working target."""
        return self._provider(connection_id, SyncTarget)  # type: ignore[type-abstract]

    def _provider(self, connection_id: str, base: type[ProviderT]) -> ProviderT | None:
        connection = self.connections.get(connection_id)
        return connection.provider if connection and isinstance(connection.provider, base) else None

    def namespace_of(self, source_id: str) -> str:
        """Return the namespace that a source's ids belong to."""
        connection = self.connections.get(source_id)
        return str(connection.stored.options.get("namespace", "")) if connection else ""

    def close(self) -> None:
        """Close every provider."""
        for connection in self.connections.values():
            if connection.provider is not None:
                try:
                    connection.provider.close()
                except Exception:
                    log.exception("%s could not be closed", connection.label)


def _survey_rules(survey: StoredSurvey) -> Survey:
    return Survey(
        id=survey.id,
        name=survey.name,
        rules=rules_of(survey.settings),
        enabled=survey.enabled,
        sources=frozenset(survey.connections[Role.SOURCE]),
        pauses=survey.pauses,
    )


def _keys_of(connections: Sequence[Connection]) -> dict[str, str]:
    found: dict[str, str] = {}
    for connection in connections:
        provider = connection.provider
        if not isinstance(provider, EventSource) or connection.stored.retired_at is not None:
            continue
        for name, schema_field in provider.config_schema().fields.items():
            if isinstance(schema_field, Secret) and schema_field.lookup and provider.config.get(name):
                found[hash_key(provider.config[name])] = connection.id
    return found


def log_broken(configuration: Configuration) -> None:
    """Say in the log which connections do not work, as this process sees them: their work waits."""
    for connection in configuration.broken():
        log.error("%s does not work: %s", connection.label, connection.problem)


def utc_now() -> datetime:
    """Return the hub's clock."""
    return datetime.now(UTC)


class Registry:
    """Gives the current configuration, built anew whenever its revision was raised."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        plugins: Plugins,
        *,
        base_url: str,
        now: Callable[[], datetime] = utc_now,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.plugins = plugins
        self.keys = keys
        self._store = store
        self._base_url = base_url
        self._now = now
        self._environ = environ
        self._sessions = threading.local()
        self._building = threading.Lock()
        self._current: Configuration | None = None

    def current(self) -> Configuration:
        """Return the configuration as it stands: one cheap query when nothing changed."""
        with self._store.read() as connection:
            revision = configuration.revision(connection)
        with self._building:
            if self._current is None or self._current.revision != revision:
                before, self._current = self._current, self._build()
                if before is not None:
                    before.close()
            return self._current

    def close(self) -> None:
        """Close every provider."""
        with self._building:
            if self._current is not None:
                self._current.close()
                self._current = None

    def _build(self) -> Configuration:
        with self._store.read() as connection:
            snapshot = configuration.snapshot(connection)
        services = self.services(snapshot.hub_id)
        return Configuration(snapshot, [self.connect(stored, services) for stored in snapshot.connections])

    def services(self, hub_id: str) -> Services:
        """Return what the hub lends to providers."""
        return Services(http=self._http, now=self._now, hub_id=hub_id, base_url=self._base_url)

    def connect(self, stored: StoredConnection, services: Services) -> Connection:
        """Return a connection with its provider, or broken with the reason."""
        provider_class = self.plugins.kinds.get((stored.role, stored.kind))
        if provider_class is None:
            problem = f"no installed plugin offers the {stored.role} kind {stored.kind!r}; its work waits"
            return Connection(stored=stored, problem=problem)
        try:
            config = provider_class.config_schema().load(self.reveal(stored.config))
            return Connection(stored=stored, provider=provider_class(stored.name, cast("Any", config), services))
        except ConfigError as error:
            return Connection(stored=stored, problem="; ".join(error.problems))
        except ValidationError as error:
            return Connection(stored=stored, problem=f"its settings are not valid: {error.messages}")
        except Exception as error:
            log.exception("The provider of %s.%s could not be made", stored.role.plural, stored.name)
            return Connection(stored=stored, problem=f"its plugin failed: {type(error).__name__}: {error}")

    def reveal(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a stored configuration with its secrets in the clear. Raises ConfigError."""
        return {name: self._reveal(name, value) for name, value in config.items()}

    def _reveal(self, name: str, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if "sealed" in value:
            secret = self.keys.unseal(value["sealed"])
            conceal(secret)
            return secret
        if "env" in value:
            found = self._environ.get(value["env"])
            if not found:
                raise ConfigError([f"{name}: the environment variable {value['env']} is not set"])
            conceal(found)
            return found
        return value

    def _http(self) -> requests.Session:
        if not hasattr(self._sessions, "session"):
            self._sessions.session = requests.Session()
        return cast("requests.Session", self._sessions.session)
