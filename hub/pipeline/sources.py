"""Which sources may be read right now: one that does not come back, or kills workers, is left alone for a while."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from hub.pipeline.hub import Hub
from hub.pipeline.read import MAX_DEATHS
from hub.registry import Configuration
from hub.store import pauses
from hub.store.intake import AcceptedBody

log = logging.getLogger(__name__)


def readable_sources(hub: Hub) -> list[str]:
    """Return the sources whose bodies can be read now; those of the others wait."""
    with hub.store.read() as connection:
        paused = pauses.paused(connection, hub.now())
    return [id for id in hub.registry.current().working_sources() if id not in paused]


def leave_alone(hub: Hub, configuration: Configuration, source_id: str, why: str) -> None:
    """Pause a source; its bodies wait."""
    until, is_first = hub.store.transact(
        lambda connection: pauses.pause(connection, source_id, why=why, after_s=None, now=hub.now())
    )
    level = logging.ERROR if is_first else logging.INFO
    log.log(level, "%s is paused until %s: %s", configuration.connections[source_id].label, until, why)


def judge_sources(hub: Hub, configuration: Configuration, bodies: Sequence[AcceptedBody]) -> None:
    """Note which sources could read their bodies; pause one that killed workers with one body after the other."""
    given_up = [body.source_id for body in bodies if body.deaths >= MAX_DEATHS]
    for source_id in given_up:
        label = configuration.connections[source_id].label
        log.error("%s: %d workers died while reading one of its bodies; it was set aside", label, MAX_DEATHS)
        _count_fault(hub, configuration, source_id)
    with hub.store.read() as connection:
        troubled = pauses.troubled(connection)
    for source_id in troubled & {body.source_id for body in bodies if body.deaths < MAX_DEATHS}:
        with hub.store.write() as connection:
            pauses.resume(connection, source_id)


def _count_fault(hub: Hub, configuration: Configuration, source_id: str) -> None:
    with hub.store.write() as connection:
        faults = pauses.count_faults(connection, source_id, 1)
    if faults >= pauses.FAULTS_ALLOWED:
        leave_alone(hub, configuration, source_id, f"workers died while reading {faults} of its bodies in a row")
