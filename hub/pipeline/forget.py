"""Forget: what connections keep about an erased person is forgotten too, however long that takes."""

from __future__ import annotations

import logging

from hub import containment, stopping
from hub.containment import Hung, contained
from hub.failpoints import failpoint
from hub.pipeline.hub import Hub
from hub.plugin import Person, Provider
from hub.registry import Configuration, Connection
from hub.store import forgettings

log = logging.getLogger(__name__)

AT_ONCE = 500


def who_keep_something(configuration: Configuration) -> list[str]:
    """Return the ids of the connections that may keep something about people, retired and broken ones included."""
    return [
        id
        for id, one in configuration.connections.items()
        if one.provider is None or type(one.provider).erase is not Provider.erase
    ]


def forget_due(hub: Hub) -> int:
    """Ask connections to forget whom they still have to; return how many of these were forgotten.

    A connection that fails, or whose plugin is missing, is asked again after ever longer, up to a day. That is
    written down before it is asked: so it is where it ends the process.
    """
    now = hub.now()
    with hub.store.read() as connection:
        found = forgettings.due(connection, now, AT_ONCE)
    if not found:
        return 0
    configuration = hub.registry.current()
    forgotten = 0
    hung: set[str] = set()
    for one in found:
        if stopping.is_asked():
            break
        with hub.store.write() as connection:
            forgettings.put_off(connection, one, now=now)
        if one.connection_id in hung:
            continue
        keeper = configuration.connections[one.connection_id]
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
