"""The hub at a glance: what is connected, whether each survey asks anybody, what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.admin.health import Check, address_warning, gaps, readiness
from hub.admin.restore import held
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import pauses
from hub.store.configuration import Role, StoredSurvey


@dataclass(frozen=True, kw_only=True)
class SurveyRow:
    """A survey, and whether it asks anybody."""

    name: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Hint:
    """A next step, with the command that takes it."""

    sentence: str
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What the first page shows."""

    hints: Sequence[Hint]
    surveys: Sequence[SurveyRow]
    connections: Sequence[Check]
    parts: Sequence[Check]


def overview(hub: Hub) -> Overview:
    """Return the hub at a glance."""
    configuration = hub.registry.current()
    checks = readiness(hub)
    with hub.store.read() as connection:
        paused = pauses.paused(connection, hub.now())
    return Overview(
        hints=_hints(hub, configuration, checks),
        surveys=[SurveyRow(name=one.name, state=_state(one)) for one in configuration.surveys.values()],
        connections=_connections(configuration, {id: why for id, (_, why) in paused.items()}),
        parts=checks,
    )


def _connections(configuration: Configuration, paused: Mapping[str, str]) -> list[Check]:
    rows = []
    for role in Role:
        for connection in configuration.live(role):
            problem = connection.problem or paused.get(connection.id)
            sentence = f"Of kind {connection.stored.kind}." if problem is None else f"{problem.rstrip('.')}."
            rows.append(Check(name=connection.label, ok=problem is None, sentence=sentence))
    return rows


def _state(survey: StoredSurvey) -> str:
    if not survey.enabled:
        return "Off: asks nobody."
    missing = gaps(survey.connections)
    return f"On, but {'; '.join(missing)}." if missing else "Asks its customers."


def _hints(hub: Hub, configuration: Configuration, checks: Sequence[Check]) -> list[Hint]:
    sentence = held(hub)
    hints = [Hint(sentence=sentence, command="hub resume --stopped-at TIME")] if sentence else []
    hints += [Hint(sentence=sentence) for sentence in dict.fromkeys(one.sentence for one in checks if not one.ok)]
    warning = address_warning(hub)
    hints += [Hint(sentence=f"{warning}.")] if warning else []
    return hints
