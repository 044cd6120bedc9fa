"""What listeners could not be told: counted, and tried once more when a person says so."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from hub.admin import audit
from hub.admin.names import connection_named
from hub.pipeline.hub import Hub
from hub.store import again, notices
from hub.store.configuration import Role


def untold(hub: Hub) -> Mapping[str, int]:
    """Return how many notices wait for a person, by the name of each listener in use that has any."""
    with hub.store.read() as connection:
        parked = notices.parked_by_listener(connection)
    listeners = hub.registry.current().live(Role.LISTENER)
    return {one.stored.name: parked[one.id] for one in listeners if one.id in parked}


def retry(hub: Hub, listener: str) -> int:
    """Have all that a listener was not told tried again at once; return how many notices. Raises NotThere."""
    found = connection_named(hub.registry.current(), Role.LISTENER, listener)

    def work(connection: Connection) -> int:
        count = notices.try_parked_again(connection, found.id, hub.now())
        again.use_again(connection, found.id, hub.now())
        audit.note(hub, connection, audit.Action.NOTICES_RETRIED, found.label, count=count)
        return count

    return hub.store.transact(work)
