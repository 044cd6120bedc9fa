"""Count: what is too much to be counted while somebody waits for a page, a little at a time.

Mails and their answers are counted by day; a day is counted anew after a two-hundredth of its age, for the older it is
the less happens to it. People are counted once an hour. Answers that were given before somebody chose to look at scores
by a trait are counted under it, too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Text, select, type_coerce

from hub import stopping
from hub.pipeline.hub import Hub
from hub.store import asking_counts, score_counts
from hub.store.configuration import SEGMENT_TRAITS, read_setting, write_setting
from hub.store.score_counts import Key, day_of, keys_of, segments_of
from hub.store.sql import is_among, update_many
from hub.store.tables import invitation, person, response, setting
from hub.store.types import EPOCH
from hub.store.worlds import read_profile

EVERY = timedelta(minutes=5)
PEOPLE_EVERY = timedelta(hours=1)
ANSWERS_AT_ONCE = 250
DAYS_AT_ONCE = 50
STRAGGLERS = timedelta(minutes=1)
"""Answers that were on their way when a trait was chosen have arrived after so long."""
_ROUND, _BACKFILL = "count_round", "segment_backfill"
_BREATH_S = 0.005


def is_due(connection: Connection, now: datetime) -> bool:
    """Return whether there is something to count."""
    if is_filling(connection):
        return True
    last = read_setting(connection, _ROUND)
    return last is None or asking_counts.is_old(last, now, EVERY)


def drain(hub: Hub, *, until: float) -> bool:
    """Count what is due until then (`time.monotonic()`); return whether everything was."""
    with hub.store.alone("count") as lock:
        if lock is None:
            return True
        is_done = _backfill(hub, until) and _days(hub, until) and _people(hub, until)
        with hub.store.write() as connection:
            write_setting(connection, _ROUND, hub.now().isoformat())
        return is_done


# Mails and their answers, by day


def _days(hub: Hub, until: float) -> bool:
    survey_ids = list(hub.registry.current().surveys)
    with hub.store.read() as connection:
        due = _due_days(connection, survey_ids, hub.now())
    for start in range(0, len(due), DAYS_AT_ONCE):
        if _is_over(until):
            return False
        with hub.store.read() as connection:
            counts = [asking_counts.count_day(connection, *one) for one in due[start : start + DAYS_AT_ONCE]]
        now = hub.now()
        hub.store.transact(lambda connection: asking_counts.keep_days(connection, counts, now))  # noqa: B023
    return True


def _due_days(connection: Connection, survey_ids: Sequence[str], now: datetime) -> list[tuple[str, int]]:
    """Return the days to be counted, the newest first: until they are, there is nothing to show."""
    counted, today = asking_counts.counted_days(connection), day_of(now.date())
    found = []
    for survey_id, first in asking_counts.first_days(connection, survey_ids).items():
        for day in range(first, today + 1):
            at = counted.get((survey_id, day))
            if at is None or now - at >= _lasts(day, now):
                found.append((survey_id, day))
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _lasts(day: int, now: datetime) -> timedelta:
    return max(EVERY, (now - EPOCH - timedelta(days=day + 1)) / 200)


# People


def _people(hub: Hub, until: float) -> bool:
    with hub.store.read() as connection:
        if not asking_counts.reach_is_due(connection, hub.now(), PEOPLE_EVERY):
            return True
    while not _is_over(until):
        if hub.store.prepare_and_write(
            lambda connection: asking_counts.count_people(connection, hub.now()), asking_counts.keep_people
        ):
            return True
        time.sleep(_BREATH_S)
    return False


# Answers of before somebody chose a trait


def choose_traits(connection: Connection, names: Sequence[str], now: datetime) -> None:
    """Have scores counted by these traits from now on, earlier answers in the background. The caller raises the
    revision of the configuration.
    """
    write_setting(connection, _BACKFILL, {"after": "", "since": now.isoformat()})
    write_setting(connection, SEGMENT_TRAITS, list(names))


def is_filling(connection: Connection) -> bool:
    """Return whether earlier answers are still being counted under the traits that were chosen."""
    return bool(read_setting(connection, _BACKFILL))


def _backfill(hub: Hub, until: float) -> bool:
    while not _is_over(until):
        if not hub.store.transact(lambda connection: _fill_some(connection, hub.now())):
            return True
        time.sleep(_BREATH_S)
    return False


def _fill_some(connection: Connection, now: datetime) -> bool:
    """Count some more answers under what they have to be counted under; return whether there may be more."""
    # Locked, so that nobody chooses other traits meanwhile.
    state = connection.scalar(select(setting.c.value).where(setting.c.name == _BACKFILL).with_for_update())
    if not state:
        return False
    names: Sequence[str] = read_setting(connection, SEGMENT_TRAITS) or []
    some = select(response.c.id, response.c.invitation_id).where(response.c.id > state["after"])
    found = connection.execute(some.order_by(response.c.id).limit(ANSWERS_AT_ONCE)).all()
    if not found:
        if asking_counts.is_old(state["since"], now, STRAGGLERS):
            score_counts.forget_segments(connection, but=names)
            write_setting(connection, _BACKFILL, {})
        return False
    # As who answers does, so that no answer changes meanwhile.
    invitations = sorted(row.invitation_id for row in found)
    locking = select(invitation.c.id).where(is_among(connection, invitation.c.id, invitations))
    connection.execute(locking.order_by(invitation.c.id).with_for_update())
    _count_anew(connection, [row.id for row in found], names)
    write_setting(connection, _BACKFILL, {**state, "after": found[-1].id})
    return True


def _count_anew(connection: Connection, ids: Sequence[str], names: Sequence[str]) -> None:
    columns = (response.c[name] for name in ("id", "survey_id", "rated_at", "score", "language", "ratings", "segments"))
    rows = connection.execute(
        select(*columns, type_coerce(person.c.profile, Text).label("profile"))
        .outerjoin(person, person.c.id == response.c.person_id)
        .where(is_among(connection, response.c.id, list(ids)))
    ).all()
    changes: Counter[Key] = Counter()
    changed = []
    for row in rows:
        kept = {name: value for name, value in row.segments.items() if name in names}
        segments = {**_segments(row.profile, names), **kept}
        if segments != row.segments:
            changed.append({"id": row.id, "segments": segments})
            said = (row.survey_id, row.rated_at, row.score, row.language)
            changes.update(keys_of(*said, segments, row.ratings))
            changes.subtract(keys_of(*said, row.segments, row.ratings))
    update_many(connection, response, changed, where=["id"], computed={})
    score_counts.add(connection, changes)


def _segments(profile: Any, names: Sequence[str]) -> Mapping[str, str]:
    return segments_of(read_profile(profile), names) if profile else {}


def _is_over(until: float) -> bool:
    return time.monotonic() >= until or stopping.is_asked()
