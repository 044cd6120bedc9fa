"""Forget: what connections keep about an erased person is forgotten too, however long that takes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from hub import containment, stopping
from hub.containment import Hung, contained
from hub.failpoints import failpoint
from hub.pipeline.hub import Hub
from hub.plugin import Person, Provider
from hub.registry import Configuration, Connection
from hub.store import forgettings
from hub.store.configuration import Role
from hub.store.forgettings import Forgetting

log = logging.getLogger(__name__)

AT_ONCE = 500


def who_keep_something(configuration: Configuration) -> list[str]:
    """Return the ids of the connections that may keep something about people, retired and broken ones included."""
    return [
        id
        for id, one in configuration.connections.items()
        if one.provider is None or type(one.provider).erase is not Provider.erase
    ]


def forget_due(hub: Hub, *, until: float) -> int:
    """Ask connections to forget whom they still have to; return how many of these were forgotten.

    None is asked once the monotonic clock passes `until`. A connection that fails, or whose plugin is missing, is asked
    again after ever longer, up to a day. That is written down before it is asked: so it is where it ends the process,
    and nobody else asks it meanwhile.
    """
    with hub.store.read() as connection:
        found = forgettings.due(connection, hub.now(), AT_ONCE)
    configuration = hub.registry.current()
    forgotten = 0
    hung: set[str] = set()
    for one in found:
        if stopping.is_time_up(until):
            break
        keeper = configuration.connections[one.connection_id]
        with _told_nothing(hub, keeper) as is_idle:
            if not _take(hub, one, is_idle=is_idle) or keeper.id in hung:
                continue
            try:
                is_done = _forget(keeper, one.person)
            except Hung as error:
                log.error("%s could not forget a person: %s; it is asked again", keeper.label, error)  # noqa: TRY400
                hung.add(keeper.id)
                continue
        failpoint("forget.answered")
        if is_done:
            with hub.store.write() as connection:
                forgettings.done(connection, one)
            forgotten += 1
    return forgotten


_TOLD_UNDER: Mapping[Role, str] = {Role.TARGET: "sync", Role.LISTENER: "notify"}
"""The locks under which connections are told of people."""


@contextmanager
def _told_nothing(hub: Hub, keeper: Connection) -> Iterator[bool]:
    """Keep a connection from being told anything: it may be of whom it has just forgotten. Yield whether it was not."""
    lock = _TOLD_UNDER.get(keeper.stored.role)
    if lock is None:
        yield True
        return
    with hub.store.alone(f"{lock}-{keeper.id}") as mine:
        yield mine is not None


def _take(hub: Hub, one: Forgetting, *, is_idle: bool) -> bool:
    """Return whether a connection is to be asked now, and by this process."""
    with hub.store.write() as connection:
        if is_idle:
            return forgettings.put_off(connection, one, now=hub.now())
        forgettings.wait(connection, one, now=hub.now())
        return False


def _forget(keeper: Connection, person: Person) -> bool:
    """Return whether a connection forgot a person. Raises Hung."""
    provider = keeper.provider
    if provider is None:
        return False
    try:
        contained(lambda: provider.erase(person), of=keeper.id, doing="erase", within_s=containment.FORGOTTEN_WITHIN_S)
    except Hung:
        raise
    except Exception:
        log.exception("%s could not forget a person; it is asked again", keeper.label)
        return False
    return True
