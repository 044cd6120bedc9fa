"""What will be sent when, and what stands still, counted without ever counting a big table to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, exists, func, literal, select

from hub.admin.counts import Count
from hub.admin.mails.invitations import LEAVES_BY_ITSELF
from hub.admin.names import survey_named
from hub.domain.states import WAITING, State
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store.tables import invitation as table

MOST = 10_000
MOST_HELD = 100_000
DAYS = 14
STANDING = tuple(state for state in State if state in WAITING or state is State.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Day:
    """How many mails leave on a UTC day if nothing else happens; today's with what is overdue."""

    day: date
    count: Count


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How many invitations of a survey stand in each state that is not an end."""

    survey: str
    counts: Mapping[State, Count]


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """The next two weeks; `first_later_at` is when the first after them is due."""

    days: Sequence[Day]
    standing: Sequence[Standing]
    first_later_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Brake:
    """A survey of which the surge brake holds invitations. `with_others`: people hold some of them.

    `newest` is the id of the one that was made last.
    """

    survey: str
    held: Count
    with_others: bool
    newest: str

    @property
    def seen(self) -> Mapping[str, str | int | None]:
        """What `hub.admin.mails.queue` is told, so that only these are released or cancelled."""
        return {"up_to": self.newest, "at_most": None if self.held.is_more else self.held.number}


def outlook(hub: Hub, survey: str | None = None) -> Outlook:
    """Return what waits, of one survey or of all. Raises NotThere for an unknown survey."""
    chosen = _chosen(hub.registry.current(), survey)
    today = hub.now().replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [today + timedelta(days=number) for number in range(DAYS + 1)]
    with hub.store.read() as connection:
        days = [_by_day(connection, id, starts) for id in chosen]
        standing = [_standing(connection, id, name) for id, name in chosen.items()]
        later = [_first_from(connection, id, starts[-1]) for id in chosen]
    return Outlook(
        days=[
            Day(day=start.date(), count=sum((one[place] for one in days), Count(number=0)))
            for place, start in enumerate(starts[:-1])
        ],
        standing=[one for one in standing if any(one.counts.values())],
        first_later_at=min((moment for moment in later if moment is not None), default=None),
    )


def brakes(hub: Hub) -> list[Brake]:
    """Return the surveys of which the surge brake holds something."""
    chosen = _chosen(hub.registry.current(), None)
    with hub.store.read() as connection:
        found = [_brake(connection, id, name) for id, name in chosen.items()]
    return [one for one in found if one is not None]


def in_doubt(hub: Hub) -> Count:
    """Return of how many mails nobody can know whether they left."""
    ids = _chosen(hub.registry.current(), None)
    with hub.store.read() as connection:
        numbers = [_at_most(MOST, table.c.survey_id == id, table.c.state == State.UNKNOWN) for id in ids]
        found = _row(connection, numbers) if numbers else []
    return sum((Count.up_to(MOST, number) for number in found), Count(number=0))


def _chosen(configuration: Configuration, name: str | None) -> dict[str, str]:
    """Return names of surveys by id, in the order of names."""
    named = [survey_named(configuration, name)] if name is not None else configuration.surveys.values()
    return {one.id: one.name for one in sorted(named, key=lambda one: one.name)}


def _by_day(connection: Connection, survey_id: str, starts: Sequence[datetime]) -> list[Count]:
    """Return the counts between each start and the next. All that was due before belongs to the first."""
    at = table.c.next_attempt_at
    spans: list[ScalarSelect[int]] = []
    for number, end in enumerate(starts[1:]):
        since = [at >= starts[number]] if number else []
        spans.append(_at_most(MOST, table.c.survey_id == survey_id, LEAVES_BY_ITSELF, at < end, *since))
    return [Count.up_to(MOST, number) for number in _row(connection, spans)]


def _standing(connection: Connection, survey_id: str, name: str) -> Standing:
    numbers = [_at_most(MOST, table.c.survey_id == survey_id, table.c.state == state) for state in STANDING]
    counts = [Count.up_to(MOST, number) for number in _row(connection, numbers)]
    return Standing(survey=name, counts=dict(zip(STANDING, counts, strict=True)))


def _first_from(connection: Connection, survey_id: str, start: datetime) -> datetime | None:
    theirs = (table.c.survey_id == survey_id, LEAVES_BY_ITSELF, table.c.next_attempt_at >= start)
    moment: datetime | None = connection.scalar(select(func.min(table.c.next_attempt_at)).where(*theirs))
    return moment


def _brake(connection: Connection, survey_id: str, name: str) -> Brake | None:
    held = (table.c.survey_id == survey_id, table.c.state == State.HELD)
    number, by_brake, by_people, newest = connection.execute(
        select(
            _at_most(MOST_HELD, *held),
            exists().where(*held, table.c.reason == "surge"),
            exists().where(*held, table.c.reason.is_(None)),
            select(func.max(table.c.id)).where(*held).scalar_subquery(),
        )
    ).one()
    if not by_brake:
        return None
    return Brake(survey=name, held=Count.up_to(MOST_HELD, number), with_others=by_people, newest=newest)


def _at_most(most: int, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """Return the selection of a count that goes no further than one above the most."""
    some = select(literal(1).label("one")).select_from(table).where(*conditions).limit(most + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def _row(connection: Connection, columns: Sequence[ScalarSelect[int]]) -> Sequence[Any]:
    return connection.execute(select(*(column.label(f"n{place}") for place, column in enumerate(columns)))).one()
