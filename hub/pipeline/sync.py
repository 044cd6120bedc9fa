"""Sync: the newest answer of every person flows back to every target, at least once."""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from functools import partial
from itertools import islice
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from hub import containment, stopping
from hub.containment import Hung, contained
from hub.domain.identity import IdKind
from hub.failpoints import failpoint
from hub.pipeline.hub import Hub
from hub.plugin import CustomerUpdate, Done, Limits, Parked, Person, Retry, SyncTarget
from hub.registry import Configuration
from hub.registry import Connection as Target
from hub.store import outboxes, pauses
from hub.store.configuration import Role
from hub.store.outboxes import Pending

log = logging.getLogger(__name__)

BATCH = 5_000
MOST_CALLS = 50
"""To a target before what it said is recorded."""
BATCH_S = 5.0
"""A target with a rate is given no more at once than it takes in this time: the answers are recorded in between."""
HUNG_PAUSE_S = 60.0
"""How long a target is left alone that did not come back, the first time."""
SETTLE_MINUTES = 5.0
DAILY = "daily"
MANUAL = "manual"
SOON = "soon"
Noted = Callable[[Connection, str], object]
"""Is told the name of a target for which a run begins."""


def start_daily_runs(hub: Hub) -> list[str]:
    """Start the run of every target whose daily time has come, also one missed while the hub was down.

    Return the names of the targets. Each day's run is one row: however many schedulers ask, it starts once.
    """
    configuration = hub.registry.current()
    now = hub.now()
    started = []
    for target in configuration.live(Role.TARGET):
        if _is_soon(target):
            continue
        slot = _latest_slot(target, now)
        if target.stored.created_at < slot and not _is_started(hub, target, slot):
            started += [target.stored.name] if _start(hub, target, DAILY, slot.isoformat(), now) else []
    return started


def _is_started(hub: Hub, target: Target, slot: datetime) -> bool:
    with hub.store.read() as connection:
        return outboxes.is_run_started(connection, target.id, DAILY, slot.isoformat())


def start_soon_runs(hub: Hub) -> list[str]:
    """Go on with the run of every target that is told of answers soon, when one has settled; return their names.

    Such a target has one run a day (UTC), which begins with the first answer, ends when none is left, and is taken up
    again with the next.
    """
    now = hub.now()
    started = []
    for target in hub.registry.current().live(Role.TARGET):
        if _is_soon(target) and _has_settled(hub, target, now):
            slot = now.astimezone(UTC).date().isoformat()
            is_taken_up = hub.store.transact(
                partial(outboxes.take_up_run, target_id=target.id, kind=SOON, slot=slot, now=now)
            )
            started += [target.stored.name] if is_taken_up else []
    return started


def _is_soon(target: Target) -> bool:
    return target.stored.options.get("sync") == SOON


def _has_settled(hub: Hub, target: Target, now: datetime) -> bool:
    """Return whether an answer waits whose time has come, and no run has begun that would take it."""
    with hub.store.read() as connection:
        return outboxes.is_due(connection, target.id, now - _settling(target), now) and not outboxes.is_under_way(
            connection, target.id, SOON
        )


def _settling(target: Target) -> timedelta:
    return timedelta(minutes=float(target.stored.options.get("settle_minutes", SETTLE_MINUTES)))


def horizon(configuration: Configuration, run: Any, now: datetime) -> datetime:
    """Return when an answer must have been given at the latest to belong to a run.

    A run of a target that is told soon takes what settles while it goes on; any other, what was there when it began.
    """
    target = configuration.connections[run.target_id]
    if run.kind == SOON and _is_soon(target):
        return now - _settling(target)
    return cast("datetime", run.started_at)


def start_now(hub: Hub, noted: Noted | None = None, *, target: str | None = None) -> list[str]:
    """Start a run of every target right now, or of one; return their names.

    `noted` writes each down in its transaction.
    """
    now = hub.now()
    slot = now.astimezone(UTC).isoformat()
    targets = [one for one in hub.registry.current().live(Role.TARGET) if target in (None, one.stored.name)]
    return [one.stored.name for one in targets if _start(hub, one, MANUAL, slot, now, noted)]


def _start(hub: Hub, target: Target, kind: str, slot: str, now: datetime, noted: Noted | None = None) -> bool:
    def work(connection: Connection) -> bool:
        is_first = outboxes.start_run(connection, target.id, kind, slot, now)
        if is_first and noted is not None:
            noted(connection, target.stored.name)
        return is_first

    is_first = hub.store.transact(work)
    failpoint("sync.started")
    return is_first


def _latest_slot(target: Target, now: datetime) -> datetime:
    """Return the newest daily moment that is not in the future."""
    zone = ZoneInfo(str(target.stored.options.get("sync_timezone", "UTC")))
    hour, minute = str(target.stored.options.get("sync_at", "03:00")).split(":")
    local = now.astimezone(zone)
    slot = datetime.combine(local.date(), time_of_day(int(hour), int(minute)), tzinfo=zone)
    return slot if slot <= local else slot - timedelta(days=1)


def drain(hub: Hub, *, until: float) -> int:
    """Work on the runs that have not ended, until nothing is due or the monotonic clock passes `until`.

    A run ends when nothing of it is left to be tried again. Return the number of updates that targets took.
    """
    done = 0
    with hub.store.read() as connection:
        runs = outboxes.unfinished_runs(connection)
    for run in runs:
        with hub.store.alone(f"sync-{run.target_id}") as mine:
            if mine is not None:
                done += _work_on(hub, run, until=until)
    return done


def _work_on(hub: Hub, run: Any, *, until: float) -> int:
    configuration = hub.registry.current()
    target = configuration.target(run.target_id)
    if target is None and configuration.connections[run.target_id].stored.retired_at is None:
        return 0
    counts: Counter[str] = Counter()
    while target is not None and not stopping.is_time_up(until) and not _is_paused(hub, run.target_id):
        pushed = _push_batch(hub, configuration, run, target, until=until)
        if not pushed:
            break
        counts.update(pushed)

    def record(connection: Connection) -> None:
        before = horizon(configuration, run, hub.now())
        is_finished = target is None or not outboxes.is_open(connection, run.target_id, before)
        outboxes.add_to_run(connection, run, counts, hub.now() if is_finished else None)

    hub.store.transact(record)
    return counts["done"]


def _is_paused(hub: Hub, target_id: str) -> bool:
    with hub.store.read() as connection:
        return target_id in pauses.paused(connection, hub.now())


def _push_batch(
    hub: Hub, configuration: Configuration, run: Any, target: SyncTarget, *, until: float
) -> dict[str, int]:
    """Push one batch; return what became of it, or nothing when there was none."""
    claim = secrets.token_hex(12)
    size = _batch_size(target.limits)
    namespace = str(configuration.connections[run.target_id].stored.options.get("namespace", ""))

    def take(connection: Connection) -> tuple[list[Pending], list[CustomerUpdate]]:
        pending = outboxes.lease(
            connection,
            run.target_id,
            before=horizon(configuration, run, hub.now()),
            claim=claim,
            limit=size,
            now=hub.now(),
            per_survey=run.target_id in configuration.per_survey,
        )
        return pending, _updates(connection, pending, namespace)

    pending, updates = hub.store.transact(take)
    if not pending:
        return {}
    failpoint("sync.leased")
    results, trouble = _push_parts(run.target_id, target, updates, claim=claim, until=until)
    failpoint("sync.answered")
    pairs = list(zip(pending, results, strict=False))

    def record(connection: Connection) -> dict[str, int]:
        if trouble is not None:
            pauses.pause(connection, run.target_id, why=trouble.why, after_s=trouble.after_s, now=hub.now())
        elif results:
            pauses.resume(connection, run.target_id)
        counts = outboxes.conclude(connection, run.target_id, claim, pairs, hub.now())
        if len(results) < len(pending):
            outboxes.release(connection, run.target_id, claim)
        return counts

    counts = hub.store.transact(record)
    failpoint("sync.recorded")
    return counts


def _batch_size(limits: Limits) -> int:
    within_rate = limits.per_second * BATCH_S if limits.per_second > 0 else BATCH
    return max(1, int(min(BATCH, limits.count * MOST_CALLS, within_rate)))


def _push_parts(
    target_id: str, target: SyncTarget, updates: Sequence[CustomerUpdate], *, claim: str, until: float
) -> tuple[list[Done | Retry | Parked], Retry | None]:
    """Return a result for each update, and the trouble that ended it early: a target that takes nothing is left alone.

    What was not tried by then waits as long as what was. There are fewer results when the time is up, or when this
    process was asked to end.
    """
    results: list[Done | Retry | Parked] = []
    for part in _parts(updates, target.limits.count):
        started = time.monotonic()
        if stopping.is_asked() or (results and started > until):
            break
        said = _push(target_id, target, part, claim)
        results += said
        trouble = _trouble(said)
        if trouble is not None:
            return [*results, *[trouble] * (len(updates) - len(results))], trouble
        _keep_to_rate(target.limits, len(part), started)
    return results, None


def _trouble(said: Sequence[Done | Retry | Parked]) -> Retry | None:
    """Return why a target takes nothing at all right now, None when it may be about a single update."""
    refused = [result for result in said if isinstance(result, Retry)]
    longest = max(refused, key=lambda one: pauses.asked_s(one.after_s), default=None)
    if longest is None or len(refused) < len(said) or (len(said) == 1 and longest.after_s is None):
        return None
    return longest


def _parts(updates: Sequence[CustomerUpdate], size: int) -> list[Sequence[CustomerUpdate]]:
    return [updates[start : start + size] for start in range(0, len(updates), size)]


def _keep_to_rate(limits: Limits, count: int, started: float) -> None:
    """Wait until the target may be called again."""
    if limits.per_second > 0:
        stopping.sleep(max(0.0, started + count / limits.per_second - time.monotonic()))


def _push(
    target_id: str, target: SyncTarget, updates: Sequence[CustomerUpdate], claim: str
) -> Sequence[Done | Retry | Parked]:
    try:
        results: list[object] = contained(
            lambda: list(islice(target.push(list(updates)), len(updates) + 1)),
            of=target_id,
            doing="push",
            within_s=containment.DONE_WITHIN_S,
            claim=claim,
        )
    except Hung as hung:
        log.error("Target %s is left alone: %s", target.name, hung)  # noqa: TRY400  there is no trace to see
        return [Retry(why=str(hung), after_s=HUNG_PAUSE_S) for _ in updates]
    except Exception as error:
        log.exception("Target %s failed", target.name)
        return [Retry(why=f"{type(error).__name__}: {error}") for _ in updates]
    if len(results) != len(updates):
        log.error("Target %s gave a wrong number of results for %d updates", target.name, len(updates))
        return [Retry(why="the target's plugin gave a wrong number of results") for _ in updates]
    return [_checked(target, result) for result in results]


def _checked(target: SyncTarget, result: object) -> Done | Retry | Parked:
    if isinstance(result, Done | Retry | Parked):
        return result
    log.error("Target %s gave something that is no result: %s", target.name, type(result).__name__)
    return Retry(why=f"the target's plugin gave a {type(result).__name__} for a result")


def _updates(connection: Connection, pending: Sequence[Pending], namespace: str) -> list[CustomerUpdate]:
    ids = outboxes.ids_at(connection, {one.person_id for one in pending}, namespace)
    return [
        CustomerUpdate(
            message_id=one.message_id,
            person=person_of(ids.get(one.person_id, []), one.email),
            survey=one.survey,
            rating=one.score,
            comment=one.comment,
            rated_at=one.rated_at,
            first_rated_at=one.first_rated_at,
            given_at=one.given_at,
            is_rating_told=one.is_rating_told,
            is_newest=one.is_newest,
        )
        for one in pending
    ]


def person_of(ids: Sequence[tuple[IdKind, str]], email: object) -> Person:
    """Return a person by the ids that mean something to whom is told of them: those of its namespace."""
    return Person(
        user_id=next((value for kind, value in ids if kind is IdKind.USER), None),
        anonymous_ids=tuple(value for kind, value in ids if kind is IdKind.ANONYMOUS),
        email=email if isinstance(email, str) else None,
    )
