"""The traits that targets write: remembered, so that echoes are known, and warned of where surveys share one."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from hub import containment
from hub.containment import contained
from hub.pipeline.hub import Hub
from hub.plugin import SyncTarget
from hub.registry import Connection
from hub.store import tables
from hub.store.configuration import Role, StoredConnection
from hub.store.sql import upsert

log = logging.getLogger(__name__)


def remember(hub: Hub) -> None:
    """Keep the names of all traits that targets in use write, for ever."""
    configuration = hub.registry.current()
    names: set[str] = set()
    for target in configuration.live(Role.TARGET):
        if isinstance(target.provider, SyncTarget):
            surveys = configuration.surveys.values()
            writers = [one.name for one in surveys if target.id in one.connections[Role.TARGET]]
            names.update(*_names(target.provider, writers))
    with hub.store.write() as connection:
        upsert(connection, tables.echo_trait, [{"name": name} for name in sorted(names)])


def _names(target: SyncTarget, surveys: Iterable[str]) -> list[frozenset[str]]:
    try:
        return [frozenset(target.trait_names), *(frozenset(target.survey_trait_names(name)) for name in surveys)]
    except Exception:
        log.exception("Target %s could not say which traits it writes", target.name)
        return []


def shared(hub: Hub, targets: Sequence[StoredConnection], writers: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a warning for every target at which surveys would write the same traits; `writers` are these, by target.

    Targets are as they are to be stored.
    """
    return [warning for one in targets for warning in _shared_at(hub, one, writers.get(one.name, ()))]


def _shared_at(hub: Hub, stored: StoredConnection, surveys: Sequence[str]) -> Iterator[str]:
    if len(surveys) < 2:
        return
    target = hub.registry.connect(stored, hub.registry.services(hub.registry.current().hub_id))
    try:
        label = f"targets.{stored.name}"
        if not target.is_per_survey:
            yield f"{label}: {' and '.join(surveys)} write the same traits; the newest answer of a person wins"
        elif isinstance(target.provider, SyncTarget):
            yield from (f"{label}: {clash}" for clash in _clashes(target.provider, surveys))
    finally:
        _close(target)


def _clashes(target: SyncTarget, surveys: Sequence[str]) -> Iterator[str]:
    plain, *own = _names(target, surveys) or [frozenset[str]()]
    users: dict[str, list[str]] = defaultdict(list)
    for survey, names in zip(surveys, own, strict=False):
        for name in names:
            users[name].append(survey)
    for together, shared_names in _grouped({name: who for name, who in users.items() if len(who) > 1}):
        yield f"{' and '.join(together)} write the same traits ({', '.join(shared_names)}); give one another name"
    for together, taken in _grouped({name: users[name] for name in plain if name in users}):
        yield f"{' and '.join(together)} writes {', '.join(taken)}, where the newest answer to any survey stands"


def _grouped(users: Mapping[str, Sequence[str]]) -> Iterator[tuple[Sequence[str], Collection[str]]]:
    """Return the names by those who write them."""
    found: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in sorted(users):
        found[tuple(users[name])].append(name)
    yield from found.items()


def _close(target: Connection) -> None:
    if target.provider is None:
        return
    try:
        contained(target.provider.close, of=target.id, doing="close", within_s=containment.MADE_WITHIN_S)
    except Exception:
        log.exception("Target %s could not be closed", target.stored.name)
