"""What a worker says of a process of its that died in the hands of a plugin."""

from __future__ import annotations

import logging
import os
import signal

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from hub.config import Settings
from hub.containment import Note, last_note
from hub.registry import utc_now
from hub.store import configuration, leases, notices, outboxes, pauses
from hub.store.engine import Store

log = logging.getLogger(__name__)

_SENDING = ("send", "push", "hear")
"""What waits while its connection is paused. Bodies that kill are counted, and what failed to forget is put off."""


_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)
"""An operator does that, or the system when memory is short: no proof against a plugin until it comes again."""


def report_death(settings: Settings, status: int | None) -> None:
    """Name the plugin in whose hands a process ended, and leave its channel, target or listener alone for a while.

    What the process had in hand is free at once. `status` is as `os.wait` gives it, None for a process that was
    killed because it took too long.
    """
    note = last_note()
    if note is None:
        return
    code = None if status is None else os.waitstatus_to_exitcode(status)
    why = f"a worker died in its {note.doing} ({_how(code)})"
    store = Store(settings, pool_size=1)
    try:
        label = store.transact(lambda connection: _record(connection, note, code, why))
        log.error("%s: %s", label, why)
    except SQLAlchemyError as error:
        log.error("Connection %s: %s; that could not be recorded: %s", note.of, why, type(error).__name__)  # noqa: TRY400
    finally:
        store.dispose()


def _how(code: int | None) -> str:
    if code is None:
        return "it took too long, and could not be stopped"
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _record(connection: Connection, note: Note, code: int | None, why: str) -> str:
    now, known = utc_now(), configuration.snapshot(connection)
    if note.doing in _SENDING:
        leases.end_leases(connection, note.claim, now)
        outboxes.end_leases(connection, note.claim, now)
        notices.end_leases(connection, note.claim, now)
        is_proof = code is None or -code not in _FROM_OUTSIDE
        if is_proof or pauses.count_faults(connection, note.of, 1) >= pauses.FAULTS_ALLOWED:
            until, is_first = pauses.pause(connection, note.of, why=why, after_s=None, now=now)
            if is_first and note.doing == "send":
                all_there_is = (known.connections, known.surveys)
                notices.tell_of_pause(connection, *all_there_is, note.of, why=why, until=until, now=now)
    found = next((one for one in known.connections if one.id == note.of), None)
    return f"{found.role.plural}.{found.name}" if found else note.of
