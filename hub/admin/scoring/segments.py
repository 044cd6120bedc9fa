"""By which traits scores can be looked at, next to the language of an answer: chosen by a person, a few at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.admin import audit
from hub.admin.audit import Action
from hub.config import ConfigError
from hub.pipeline import count
from hub.pipeline.hub import Hub
from hub.store import segment_values
from hub.store.configuration import raise_revision
from hub.store.score_counts import LANGUAGE
from hub.store.types import is_storable

MOST_TRAITS = 5
LONGEST_NAME = 64


@dataclass(frozen=True, kw_only=True)
class Segments:
    """The traits, and whether answers of before they were chosen are still being counted by them."""

    traits: Sequence[str]
    is_filling: bool


def segments(hub: Hub) -> Segments:
    """Return by which traits scores are counted."""
    traits = hub.registry.current().segment_traits
    with hub.store.read() as connection:
        return Segments(traits=traits, is_filling=count.is_filling(connection))


def choose(hub: Hub, names: Sequence[str]) -> Sequence[str]:
    """Have scores counted by these traits; return them as they are kept. Raises ConfigError.

    Earlier answers are counted by them in the background, each by what is known of the person now.
    """
    wanted = list(dict.fromkeys(stripped for name in names if (stripped := name.strip())))
    problems = [f"traits: {problem}" for problem in _problems(wanted)]
    if problems:
        raise ConfigError(problems)
    if wanted != list(hub.registry.current().segment_traits):
        with hub.store.write() as connection:
            count.choose_traits(connection, wanted, hub.now())
            raise_revision(connection)
            audit.note(hub, connection, Action.SCORE_TRAITS, "scores", traits=wanted)
    return wanted


def values(hub: Hub, survey_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return the values that answers were counted under, by language and by each trait; of very many the first."""
    names = (LANGUAGE, *hub.registry.current().segment_traits)
    with hub.store.read() as connection:
        return segment_values.values_of(connection, survey_ids, names)


def _problems(names: Sequence[str]) -> list[str]:
    problems = [f"{len(names)} are too many; choose {MOST_TRAITS} at most"] if len(names) > MOST_TRAITS else []
    for name in names:
        if not is_storable(name) or len(name) > LONGEST_NAME:
            problems.append(f"{name[:20]!r} is no name of a trait; one has {LONGEST_NAME} characters at most")
        elif name == LANGUAGE:
            problems.append("scores are counted by the language of an answer anyway; leave it out")
    return problems
