"""Sides of a comparison take turns, round after round, so that a slow moment of the machine meets them all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every stage is told. `scale` multiplies the size of a round: 0.1 is a quick look, 1 is for the record."""

    rounds: int = ROUNDS
    scale: float = 1.0
    databases: Sequence[str] = ("sqlite", "postgres")

    def sized(self, count: int) -> int:
        """Return how many pieces a round has that has `count` at full scale."""
        return max(100, int(count * self.scale))


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a figure is to reach: at least, or at most."""

    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, value: float) -> bool:
        """Return whether a value is within this goal."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        parts = {"≥": self.at_least, "≤": self.at_most}
        return " ".join(f"{sign} {number:g}" for sign, number in parts.items() if number is not None)


NO_GOAL = Goal()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. `values` are of the rounds; a ratio's `hub` and `beside` are median rates."""

    what: str
    values: Sequence[float]
    unit: str = ""
    goal: Goal = NO_GOAL
    hub: str = ""
    beside: str = ""

    @property
    def value(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def is_met(self) -> bool:
        """Whether the median reaches the goal."""
        return self.goal.is_met(self.value)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One way to do a stage's work: `run` does a round of it and returns pieces a second."""

    name: str
    run: Callable[[], float]
    goal: Goal = NO_GOAL
    """What the hub's rate divided by this side's is to reach."""


def compare(what: str, *, unit: str, hub: Callable[[], float], beside: Sequence[Side], rounds: int) -> list[Row]:
    """Return a row for each side that the hub's way is measured beside: the ratio of both rates, round by round.

    Each round starts with another side. One round before the first is thrown away.
    """
    sides = [Side(name="the hub", run=hub), *beside]
    rates: dict[str, list[float]] = {side.name: [] for side in sides}
    for side in sides:
        side.run()
    for number in range(rounds):
        first = number % len(sides)
        for side in [*sides[first:], *sides[:first]]:
            rates[side.name].append(side.run())
        tell(f"  {what}, round {number + 1}: " + ", ".join(f"{name} {_rate(r[-1], unit)}" for name, r in rates.items()))
    ours = rates["the hub"]
    return [
        Row(
            what=f"{what} / {side.name}",
            values=[mine / other for mine, other in zip(ours, rates[side.name], strict=True)],
            goal=side.goal,
            hub=_rate(median(ours), unit),
            beside=_rate(median(rates[side.name]), unit),
        )
        for side in beside
    ]


def figure(what: str, values: Sequence[float], unit: str, goal: Goal = NO_GOAL) -> Row:
    """Return a row for something that is no ratio: a time, a share, a size."""
    return Row(what=what, values=list(values), unit=unit, goal=goal)


def tell(line: str) -> None:
    """Print what goes on; the table comes at the end."""
    print(line, file=sys.stderr, flush=True)


def _rate(pieces: float, unit: str) -> str:
    return f"{pieces:,.0f} {unit}/s"
