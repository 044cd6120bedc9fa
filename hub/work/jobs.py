"""What workers do: each job drains one kind of work for a few seconds, then asks to be woken again."""

from __future__ import annotations

import gc
import logging
import signal
import time
from collections.abc import Callable, Mapping

from rq import get_current_job

from hub.admin.reporting import weekly_sending
from hub.admin.words import counted
from hub.config import Settings, load_settings
from hub.lifeline import die_with_parent
from hub.logs import job_id
from hub.pipeline import count, decide, deliver, forget, notify, remind, sync
from hub.pipeline.hub import Hub, open_hub
from hub.pipeline.sources import readable_sources
from hub.plugins import Plugins, find_plugins
from hub.store import intake, leases, notices, sessions
from hub.wake import Wake

log = logging.getLogger(__name__)

BOX_S = 5.0
"""How long a job works before it makes room for others."""
COUNTING_BOX_S = 1.0
"""How long counting takes at a time: nobody waits for it."""

_GARBAGE = (50_000, 20, 20)
"""How many objects are made before garbage is looked for: a chunk makes hundreds of thousands, none in circles."""

_settings: Settings | None = None
_plugins: Plugins | None = None


def preload(settings: Settings) -> None:
    """Load the plugins before workers fork, so that no job pays for it, nor for looking for garbage among them.

    Jobs go by these settings, whatever a plugin does to the environment or the working directory.
    """
    global _settings, _plugins
    _settings = settings
    _plugins = find_plugins(plugins_dir=settings.plugins_dir)
    gc.freeze()
    gc.set_threshold(*_GARBAGE)


def settings() -> Settings:
    """Return the settings that were there before any plugin was loaded."""
    return _settings or load_settings()


def run(name: str) -> None:
    """Do the work of this name. Every job of the hub is this function: workers refuse all others."""
    die_with_parent(by=signal.SIGKILL)  # SIGTERM would have it finish its work
    job = get_current_job()
    job_id.set(job.id if job else "")
    wake = Wake(settings().effective_redis_url)
    wake.started(name)
    hub = open_hub(settings(), plugins=_plugins, pool_size=4)
    try:
        for follow_up in JOBS[name](hub):
            wake(follow_up)
    except BaseException:
        wake.rest(name)
        raise
    finally:
        hub.registry.close()
        hub.close()


def _decide(hub: Hub) -> list[str]:
    number = decide.drain(hub, until=time.monotonic() + BOX_S)
    if number:
        log.info("Decided on %s", counted(number, "event"))
    again = ["decide"] if number and intake.is_anything_waiting(hub.store, readable_sources(hub)) else []
    return [*again, "deliver"] if number else again


def _deliver(hub: Hub) -> list[str]:
    started = time.monotonic()
    with hub.store.read() as connection:
        is_time = remind.is_any_due(connection, hub.registry.current(), hub.now())
    reminded = remind.remind(hub, until=started + BOX_S) if is_time else 0
    if reminded:
        log.info("Scheduled %s", counted(reminded, "reminder"))
    number = deliver.drain(hub, until=started + BOX_S)
    if number:
        log.info("Tried to send %s", counted(number, "mail"))
    return ["deliver"] if time.monotonic() - started >= BOX_S else []


def _sync(hub: Hub) -> list[str]:
    started = time.monotonic()
    number = sync.drain(hub, until=started + BOX_S)
    if number:
        log.info("Synced %s", counted(number, "answer"))
    return ["sync"] if time.monotonic() - started >= BOX_S else []


def _notify(hub: Hub) -> list[str]:
    started = time.monotonic()
    count = notify.drain(hub, until=started + BOX_S)
    if count:
        log.info("Told listeners of %s", counted(count, "thing"))
    return ["notify"] if time.monotonic() - started >= BOX_S else []


def _report(hub: Hub) -> list[str]:
    started = time.monotonic()
    count = weekly_sending.send_due(hub, until=started + BOX_S)
    if count:
        log.info("Sent %s", counted(count, "weekly report"))
    return ["report"] if time.monotonic() - started >= BOX_S else []


def _sweep(hub: Hub) -> list[str]:
    requeued, unknown = hub.store.transact(lambda connection: leases.expire_leases(connection, hub.now()))
    if requeued or unknown:
        log.warning("Workers were lost: %s put back, %d unknown", counted(requeued, "invitation"), unknown)
    hub.store.transact(lambda connection: sessions.sweep(connection, hub.now()))
    hub.store.transact(lambda connection: notices.sweep(connection, hub.now()))
    return ["deliver"] if requeued else []


def _forget(hub: Hub) -> list[str]:
    started = time.monotonic()
    count = forget.forget_due(hub, until=started + BOX_S)
    if count:
        log.info("Connections forgot erased people: %s", counted(count, "time"))
    return ["forget"] if time.monotonic() - started >= BOX_S else []


def _count(hub: Hub) -> list[str]:
    return [] if count.drain(hub, until=time.monotonic() + COUNTING_BOX_S) else ["count"]


JOBS: Mapping[str, Callable[[Hub], list[str]]] = {
    "decide": _decide,
    "deliver": _deliver,
    "sync": _sync,
    "notify": _notify,
    "report": _report,
    "sweep": _sweep,
    "forget": _forget,
    "count": _count,
}
