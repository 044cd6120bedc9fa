"""The processes of the hub: which are there, where, and when each was last heard of."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rq import Worker
from rq.serializers import JSONSerializer

from hub.admin.health import SILENCE
from hub.pipeline.hub import Hub
from hub.store import processes as beats
from hub.wake import connect

_TIMEOUT_S = 1.0
_STARTED_AT = datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process; `is_silent` when it should have been heard of since. `doing` is what it says of itself.

    One that `is_starting` has said nothing but that it is there.
    """

    role: str
    host: str
    pid: int | None
    started_at: datetime | None
    seen_at: datetime | None
    is_silent: bool
    doing: str = ""
    is_starting: bool = False


def this_one(hub: Hub) -> Process:
    """Return the process that answers right now."""
    return Process(
        role="web",
        host=platform.node(),
        pid=os.getpid(),
        started_at=_STARTED_AT,
        seen_at=hub.now(),
        is_silent=False,
        doing="answers you",
    )


def schedulers(hub: Hub) -> Sequence[Process]:
    """Return the schedulers that were there within the last day, the one heard of last first."""
    now = hub.now()
    with hub.store.read() as connection:
        rows = beats.of_role(connection, "scheduler")
    return [
        Process(
            role="scheduler",
            host=row.host,
            pid=row.pid,
            started_at=row.started_at,
            seen_at=row.seen_at,
            is_silent=now - row.seen_at >= SILENCE,
        )
        for row in rows
    ]


def workers(hub: Hub) -> Sequence[Process]:
    """Return the workers that Redis knows, the one heard of last first. Raises RedisError when it cannot be asked."""
    redis = connect(hub.settings.effective_redis_url, timeout_s=_TIMEOUT_S)
    now = datetime.now(UTC)
    found = [
        Process(
            role="worker",
            host=str(one.hostname or ""),
            pid=one.pid,
            started_at=aware(one.birth_date),
            seen_at=aware(one.last_heartbeat),
            is_silent=one.last_heartbeat is None or now - (aware(one.last_heartbeat) or now) >= SILENCE,
            doing=_DOING.get(one.get_state(), ""),
            is_starting=one.get_state() not in _DOING,
        )
        for one in Worker.all(redis, serializer=JSONSerializer)
    ]
    return sorted(found, key=lambda one: one.seen_at or datetime.min.replace(tzinfo=UTC), reverse=True)


def aware(moment: datetime | None) -> datetime | None:
    """Return a moment of RQ's, which may lack its zone, as one of UTC."""
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


_DOING = {"idle": "waits for work", "busy": "at work", "started": "waits for work", "suspended": "suspended"}
