"""Notify: listeners are told what happened, at least once, soon after it did."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote

from sqlalchemy import Connection

from hub import containment, stopping
from hub.containment import Hung, contained
from hub.failpoints import failpoint
from hub.pipeline.hub import Hub
from hub.pipeline.sync import person_of
from hub.plugin import Done, Listener, Notice, NoticeKind, Parked, Retry
from hub.registry import Connection as Connected
from hub.store import notices, outboxes, pauses
from hub.store.configuration import Role
from hub.store.notices import Pending

log = logging.getLogger(__name__)

BATCH = 50
"""So many at most may be told twice when a worker dies."""


def drain(hub: Hub, *, until: float) -> int:
    """Tell what is due, until nothing is or the monotonic clock passes `until`; return how much listeners took."""
    told = 0
    for listener in hub.registry.current().live(Role.LISTENER):
        with hub.store.alone(f"notify-{listener.id}") as mine:
            if mine is not None and isinstance(listener.provider, Listener):
                told += _work_on(hub, listener, listener.provider, until=until)
    return told


def is_due(hub: Hub, connection: Connection) -> bool:
    """Return whether a listener that works, and is not left alone, could be told something right now."""
    working = [one.id for one in hub.registry.current().live(Role.LISTENER) if one.provider is not None]
    if not working:
        return False
    now = hub.now()
    paused = pauses.paused(connection, now)
    return notices.is_due(connection, [id for id in working if id not in paused], now)


def _work_on(hub: Hub, listener: Connected, provider: Listener, *, until: float) -> int:
    told = 0
    while not stopping.is_time_up(until) and not _is_paused(hub, listener.id):
        claim = secrets.token_hex(12)
        batch = _take(hub, listener, claim)
        if not batch:
            break
        failpoint("notify.leased")
        results = _tell(provider, listener.id, [notice for _, notice in batch], claim=claim, until=until)
        failpoint("notify.answered")
        _record(hub, listener.id, claim, [pending for pending, _ in batch], results)
        told += sum(isinstance(result, Done) for result in results)
    return told


def _is_paused(hub: Hub, listener_id: str) -> bool:
    with hub.store.read() as connection:
        return listener_id in pauses.paused(connection, hub.now())


def _take(hub: Hub, listener: Connected, claim: str) -> list[tuple[Pending, Notice]]:
    namespace = str(listener.stored.options.get("namespace", ""))

    def take(connection: Connection) -> list[tuple[Pending, Notice]]:
        batch = notices.lease(connection, listener.id, claim=claim, limit=BATCH, now=hub.now())
        people = {one.person_id for one in batch if one.person_id is not None}
        ids = outboxes.ids_at(connection, people, namespace) if people else {}
        return [
            (
                one,
                Notice(
                    id=one.id,
                    kind=one.kind,
                    at=one.at,
                    survey=one.survey,
                    person=person_of(ids.get(one.person_id, []), one.email) if one.person_id else None,
                    link=hub.settings.base_url + _page_of(one),
                    data=one.data,
                    answer_link=hub.settings.base_url + f"/responses/{one.response_id}" if _is_of_answer(one) else "",
                ),
            )
            for one in batch
        ]

    return hub.store.transact(take)


def _page_of(pending: Pending) -> str:
    """Return the path of the console's page about what happened."""
    if pending.person_id is not None:
        return f"/people/{pending.person_id}"
    if pending.kind is NoticeKind.CHANNEL_PAUSED:
        return f"/connections/channel/{quote(pending.data['channel'])}"
    return "/queue"


def _is_of_answer(pending: Pending) -> bool:
    return pending.kind in (NoticeKind.ANSWERED, NoticeKind.DETRACTOR) and pending.response_id is not None


def _tell(
    provider: Listener, listener_id: str, batch: Sequence[Notice], *, claim: str, until: float
) -> list[Done | Retry | Parked]:
    """Return a result for each notice that was tried: none is any more after one that has to be tried again."""
    results: list[Done | Retry | Parked] = []
    for notice in batch:
        if stopping.is_asked() or (results and time.monotonic() > until):
            break
        results.append(hear(provider, listener_id, notice, claim=claim))
        if isinstance(results[-1], Retry):
            break
    return results


def hear(provider: Listener, listener_id: str, notice: Notice, *, claim: str = "") -> Done | Retry | Parked:
    """Return what a listener says to one notice."""
    try:
        said: object = contained(
            lambda: provider.hear(notice),
            of=listener_id,
            doing="hear",
            within_s=containment.DONE_WITHIN_S,
            claim=claim,
        )
    except Hung as hung:
        log.error("Listener %s is left alone: %s", provider.name, hung)  # noqa: TRY400  there is no trace to see
        return Retry(why=str(hung), after_s=pauses.FIRST_PAUSE.total_seconds())
    except Exception as error:
        log.exception("Listener %s failed", provider.name)
        return Retry(why=f"{type(error).__name__}: {error}")
    if isinstance(said, Done | Retry | Parked):
        return said
    log.error("Listener %s gave something that is no result: %s", provider.name, type(said).__name__)
    return Retry(why=f"the listener's plugin gave a {type(said).__name__} for a result")


def _record(
    hub: Hub, listener_id: str, claim: str, batch: Sequence[Pending], results: Sequence[Done | Retry | Parked]
) -> None:
    """Record what was said. A listener that fails is left alone, first as long as its notice waits, then for longer."""
    trouble = results[-1] if results and isinstance(results[-1], Retry) else None

    def record(connection: Connection) -> None:
        now = hub.now()
        notices.conclude(connection, claim, list(zip(batch, results, strict=False)), now)
        notices.release(connection, claim, [one.id for one in batch[len(results) :]])
        if trouble is not None:
            first = max(notices.WAITS[0], timedelta(seconds=pauses.asked_s(trouble.after_s)))
            pauses.pause(connection, listener_id, why=trouble.why, after_s=first.total_seconds(), now=now)
            notices.give_up_old(connection, listener_id, why=trouble.why, now=now)
        elif results:
            pauses.resume(connection, listener_id)

    hub.store.transact(record)
