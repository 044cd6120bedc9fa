"""The hub at a glance: what needs attention, whether each survey asks anybody, and what is left to set up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, select

from hub.admin.configuration import weekly
from hub.admin.configuration.connections import Health, troubles_of
from hub.admin.health import address_warning, gaps, readiness
from hub.admin.mails.forecast import brakes, in_doubt
from hub.admin.operations.restore import held
from hub.admin.operations.undelivered import untold
from hub.admin.responses.parked import refused
from hub.admin.words import counted
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store.configuration import Role, StoredSurvey
from hub.store.tables import event


@dataclass(frozen=True, kw_only=True)
class SurveyRow:
    """A survey, and whether it asks anybody."""

    name: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Hint:
    """What needs attention, and what it is about.

    That is a role with a name, `refused` with a target's, `notices` with a listener's, `sending` (held after a
    restore), `queue` or `report`.
    """

    sentence: str
    about: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of the first set-up: mail, survey, events or on."""

    what: str
    is_done: bool


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What the first page shows; `steps` are there until all of them are done."""

    hints: Sequence[Hint]
    surveys: Sequence[SurveyRow]
    steps: Sequence[Step]


def overview(hub: Hub) -> Overview:
    """Return the hub at a glance."""
    configuration = hub.registry.current()
    return Overview(
        hints=list(_hints(hub, configuration)),
        surveys=[SurveyRow(name=one.name, state=_state(one)) for one in configuration.surveys.values()],
        steps=_steps(hub, configuration),
    )


def _state(survey: StoredSurvey) -> str:
    if not survey.enabled:
        return "Off: asks nobody."
    missing = gaps(survey.connections)
    return f"On, but {'; '.join(missing)}." if missing else "Asks its customers."


def _hints(hub: Hub, configuration: Configuration) -> Iterator[Hint]:
    stopped = held(hub)
    if stopped:
        yield Hint(sentence=stopped, about="sending")
    for sentence in dict.fromkeys(one.sentence for one in readiness(hub) if not one.ok):
        yield Hint(sentence=sentence)
    for brake in brakes(hub):
        number = brake.held
        sentence = f"The surge brake holds surveys of {brake.survey}: {number} wait for you to release or cancel them."
        yield Hint(sentence=sentence, about="queue")
    doubts = in_doubt(hub)
    if doubts:
        what, it = ("1 mail left: it counts", "it") if doubts.is_one else (f"{doubts} mails left: they count", "they")
        yield Hint(sentence=f"Nobody can know whether {what} as sent until you say that {it} did not.", about="queue")
    yield from _connections(hub, configuration)
    for name, answers in refused(hub).items():
        sentence = f"{answers} {'answer was' if answers.is_one else 'answers were'} refused by the target {name}."
        yield Hint(sentence=sentence, about="refused", name=name)
    for name, things in untold(hub).items():
        sentence = f"{counted(things, 'notice')} did not reach the listener {name}."
        yield Hint(sentence=sentence, about="notices", name=name)
    for sentence in weekly.troubles(hub):
        yield Hint(sentence=sentence, about="report")
    warning = address_warning(hub)
    if warning:
        yield Hint(sentence=f"{warning}.")


def _connections(hub: Hub, configuration: Configuration) -> Iterator[Hint]:
    troubles = troubles_of(hub)
    for role in Role:
        for connection in configuration.live(role):
            health, why = troubles.health_of(connection)
            if health in (Health.BROKEN, Health.PAUSED):
                what = "does not work" if health is Health.BROKEN else "is paused"
                name = connection.stored.name
                yield Hint(sentence=f"The {role} {name} {what}: {why.rstrip('.')}.", about=role, name=name)


def _steps(hub: Hub, configuration: Configuration) -> list[Step]:
    surveys = configuration.surveys.values()
    with hub.store.read() as connection:
        has_events = bool(connection.scalar(select(exists().where(event.c.id.is_not(None)))))
    steps = [
        Step(what="mail", is_done=bool(configuration.live(Role.CHANNEL))),
        Step(what="survey", is_done=bool(surveys)),
        Step(what="events", is_done=has_events),
        Step(what="on", is_done=any(one.enabled for one in surveys)),
    ]
    return [] if all(step.is_done for step in steps) else steps
