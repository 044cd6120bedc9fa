"""The hub at a glance: what is connected, what each survey found out, what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.admin.health import Check, address_warning, gaps, readiness
from hub.admin.restore import held
from hub.admin.words import counted
from hub.domain.scores import FEW, Band, band_of, net_promoter_score
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store import pauses, score_counts
from hub.store.configuration import Role, StoredSurvey
from hub.store.score_counts import Part


@dataclass(frozen=True, kw_only=True)
class SurveyRow:
    """Two sentences about a survey."""

    name: str
    state: str
    score: str


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
        scores = score_counts.by_score(connection, list(configuration.surveys), Part())
    return Overview(
        hints=_hints(hub, configuration, checks),
        surveys=[_survey(survey, scores[id]) for id, survey in configuration.surveys.items()],
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


def _survey(survey: StoredSurvey, counts: Mapping[int, int]) -> SurveyRow:
    return SurveyRow(name=survey.name, state=_state(survey), score=score_sentence(counts))


def _state(survey: StoredSurvey) -> str:
    if not survey.enabled:
        return "Off: asks nobody."
    missing = gaps(survey.connections)
    return f"On, but {'; '.join(missing)}." if missing else "Asks its customers."


def score_sentence(counts: Mapping[int, int]) -> str:
    """Return the score of answers counted by score, with their number."""
    score, number = net_promoter_score(counts), sum(counts.values())
    if score is None:
        return "No answers yet."
    if number >= FEW:
        return f"NPS {score:.0f} from {number} answers."
    in_band = Counter[Band]()
    for given, count in counts.items():
        in_band[band_of(given)] += count
    bands = ", ".join(counted(in_band[band], band) for band in reversed(Band))
    return f"{counted(number, 'answer')}: {bands}; too few for a score."


def _hints(hub: Hub, configuration: Configuration, checks: Sequence[Check]) -> list[Hint]:
    sentence = held(hub)
    hints = [Hint(sentence=sentence, command="hub resume --stopped-at TIME")] if sentence else []
    hints += [Hint(sentence=sentence) for sentence in dict.fromkeys(one.sentence for one in checks if not one.ok)]
    warning = address_warning(hub)
    hints += [Hint(sentence=f"{warning}.")] if warning else []
    return hints
