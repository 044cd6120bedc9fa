"""Turns stored connections into providers that work, anew whenever the configuration changes."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import requests
from marshmallow import Schema, ValidationError

from hub import containment
from hub.config import ConfigError
from hub.containment import Hung, contained
from hub.domain.settings import rules_of
from hub.domain.texts import texts_of
from hub.domain.world import Survey
from hub.logs import conceal, masked
from hub.outbound import BoundedSession
from hub.plugin import EventSource, Listener, NoticeKind, Provider, Secret, Services, SurveyChannel, SyncTarget
from hub.plugins import Plugins
from hub.store import configuration, notices
from hub.store.configuration import Role, Snapshot, StoredConnection, StoredSurvey
from hub.store.engine import Store
from hub.store.keys import Keys, hash_key

log = logging.getLogger(__name__)

ProviderT = TypeVar("ProviderT", bound=Provider)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A stored connection and its provider, or why there is none."""

    stored: StoredConnection
    provider: Provider | None = None
    problem: str | None = None
    keys: Sequence[str] = ()
    """Hashes of the credentials by which its events find it."""
    is_per_survey: bool = False
    """Of a target: whether it wants the newest answer to each survey."""

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
        self.stored = snapshot.connections
        self.connections = {connection.id: connection for connection in connections}
        self.surveys = {survey.id: survey for survey in snapshot.surveys}
        self.segment_traits = tuple(snapshot.segment_traits)
        self.rules = [_survey_rules(survey) for survey in snapshot.surveys]
        self.texts = {survey.id: texts_of(survey.settings) for survey in snapshot.surveys}
        self.source_of_key = _keys_of(connections)
        self.per_survey = frozenset(one.id for one in connections if one.is_per_survey)
        """The targets that want the newest answer to each survey."""
        self.per_survey_perhaps = self.per_survey | {
            one.id for one in connections if one.stored.role is Role.TARGET and one.provider is None
        }
        """These, and those that nobody can ask: nothing is given up that they may want."""

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

    def listener(self, connection_id: str) -> Listener | None:
        """Return a working listener."""
        return self._provider(connection_id, Listener)  # type: ignore[type-abstract]

    def hearing(self, kind: NoticeKind, surveys: Collection[str] = ()) -> list[str]:
        """Return the ids of the listeners that hear of such a thing; `surveys` are names of those it concerns."""
        return notices.hearing(self.stored, kind, surveys)

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
                close = connection.provider.close
                try:
                    contained(close, of=connection.id, doing="close", within_s=containment.MADE_WITHIN_S)
                except Hung as hung:
                    log.error("%s could not be closed: %s", connection.label, hung)  # noqa: TRY400  no trace to see
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
    return {key: one.id for one in connections if one.stored.retired_at is None for key in one.keys}


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
        return self.at(revision)

    def at(self, revision: int) -> Configuration:
        """Return the configuration as it stands, for who read its revision along with something else."""
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
            config = self.reveal(stored.config)
            return contained(
                lambda: _made(stored, provider_class, config, services),
                of=stored.id,
                doing="__init__",
                within_s=containment.MADE_WITHIN_S,
            )
        except ConfigError as error:
            return Connection(stored=stored, problem="; ".join(error.problems))
        except ValidationError as error:
            return Connection(stored=stored, problem=f"its settings are not valid: {error.messages}")
        except Hung as hung:
            return Connection(stored=stored, problem=str(hung))
        except Exception as error:
            log.exception("The provider of %s.%s could not be made", stored.role.plural, stored.name)
            return Connection(stored=stored, problem=masked(f"its plugin failed: {type(error).__name__}: {error}"))

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
            self._sessions.session = BoundedSession()
        return cast("requests.Session", self._sessions.session)


def _made(
    stored: StoredConnection, provider_class: type[Provider], config: Mapping[str, Any], services: Services
) -> Connection:
    schema = provider_class.config_schema()
    loaded = cast("dict[str, Any]", schema.load(config))
    keys = [hash_key(loaded[name]) for name in _lookups(schema) if loaded.get(name)]
    provider = provider_class(stored.name, loaded, services)
    lacking = [name for name in ("name", "config", "services") if not hasattr(provider, name)]
    if lacking:
        raise TypeError(f"self.{lacking[0]} is not there; call super().__init__(name, config, services) in __init__")
    return Connection(
        stored=stored,
        provider=provider,
        keys=keys if isinstance(provider, EventSource) else (),
        is_per_survey=isinstance(provider, SyncTarget) and bool(provider.per_survey),
    )


def _lookups(schema: Schema) -> list[str]:
    return [name for name, one in schema.fields.items() if isinstance(one, Secret) and one.lookup]
