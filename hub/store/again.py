"""A connection that a person has used again: its pause is forgotten, and what waits because of it is due at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from hub.store import claims, notices, outboxes, pauses


def use_again(connection: Connection, connection_id: str, now: datetime) -> bool:
    """Forget failures and pause of a connection, and look at what waits for it; return whether there were any.

    Where it did not fail, nothing is hurried: what waits then waits for a reason of its own.
    """
    if not pauses.resume(connection, connection_id):
        return False
    claims.look_again_for_channel(connection, connection_id)
    outboxes.look_again(connection, connection_id, now)
    notices.look_again(connection, connection_id, now)
    return True
