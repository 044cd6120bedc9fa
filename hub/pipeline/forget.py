"""Forget: what connections keep about an erased person is forgotten too, however long that takes."""

from __future__ import annotations

import logging

from hub import stopping
from hub.failpoints import failpoint
from hub.pipeline.hub import Hub
from hub.plugin import Provider
from hub.registry import Configuration
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

    A connection that fails, or whose plugin is missing, is asked again after ever longer, up to a day.
    """
    now = hub.now()
    with hub.store.read() as connection:
        found = forgettings.due(connection, now, AT_ONCE)
    if not found:
        return 0
    configuration = hub.registry.current()
    forgotten = 0
    for one in found:
        if stopping.is_asked():
            break
        is_done = _forget(configuration, one)
        failpoint("forget.answered")
        with hub.store.write() as connection:
            if is_done:
                forgettings.done(connection, one)
            else:
                forgettings.put_off(connection, one, now=now)
        forgotten += is_done
    return forgotten


def _forget(configuration: Configuration, one: forgettings.Forgetting) -> bool:
    target = configuration.connections[one.connection_id]
    if target.provider is None:
        return False
    try:
        target.provider.erase(one.person)
    except Exception:
        log.exception("%s could not forget a person; it is asked again", target.label)
        return False
    return True
