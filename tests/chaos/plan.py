"""What will go wrong and when, drawn from a seed: the same seed makes the same plan."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.chaos.faults import CATALOGUE, Fault
from tests.chaos.stage import Stage

BETWEEN_FAULTS_S = {
    "processes": (3.0, 8.0),
    "redis": (5.0, 15.0),
    "database": (5.0, 15.0),
    "clock": (3.0, 10.0),
    "mail": (2.0, 7.0),
    "sendgrid": (2.0, 8.0),
    "segment": (1.0, 5.0),
}
"""Whoever is struck down needs some seconds to get up: a hub that never works cannot break its promises."""
ASKED = ("mail", "sendgrid", "segment")
"""Lanes whose faults hit only when the hub asks something meanwhile."""
LEAVES_IN_DOUBT = ("processes", "database", "clock")


@dataclass(frozen=True, kw_only=True)
class Injection:
    """A fault with its time, in seconds from the start. `seed` decides on its details."""

    at_s: float
    lasts_s: float
    fault: str
    seed: str


def make_plan(seed: int, *, seconds: float, database: str) -> list[Injection]:
    """Return the faults of a run, in the order of time."""
    lanes: dict[str, list[Fault]] = defaultdict(list)
    for fault in CATALOGUE.values():
        if fault.only_on in (None, database):
            lanes[fault.lane].append(fault)
    plan = [one for lane, faults in lanes.items() for one in _lane(seed, lane, faults, seconds)]
    return sorted(plan, key=lambda one: (one.at_s, one.fault))


def _lane(seed: int, lane: str, faults: Sequence[Fault], seconds: float) -> Iterator[Injection]:
    dice = random.Random(f"{seed}-{lane}")
    at_s = 0.0
    while True:
        at_s += dice.uniform(*BETWEEN_FAULTS_S[lane])
        fault = dice.choice(faults)
        lasts_s = dice.uniform(*fault.lasts_s)
        if at_s + lasts_s > seconds:
            return
        yield Injection(at_s=at_s, lasts_s=lasts_s, fault=fault.name, seed=f"{seed}-{lane}-{at_s}")
        at_s += lasts_s


@dataclass
class Play:
    """A plan being played, and what came of it."""

    begun: Counter[str] = field(default_factory=Counter)
    """Faults, by name."""
    hit: Counter[str] = field(default_factory=Counter)
    """Those that changed something for the hub."""
    in_the_window: int = 0
    """How often processes, database or clock were hit while mail was under way."""
    players: list[_Player] = field(default_factory=list)

    def wait_until_over(self) -> None:
        """Return when the last fault is over."""
        for player in self.players:
            player.join()


@contextmanager
def playing(stage: Stage, plan: Sequence[Injection], tell: Callable[[Injection], None]) -> Iterator[Play]:
    """Play a plan, a thread a lane. `tell` hears of each fault as it begins. What goes wrong with it is raised."""
    play = Play()
    play.players = [_Player(stage, lane, play, tell) for lane in _by_lane(plan)]
    for player in play.players:
        player.start()
    yield play
    for player in play.players:
        player.stop()
    for player in play.players:
        player.finish()


def _by_lane(plan: Sequence[Injection]) -> list[list[Injection]]:
    lanes: dict[str, list[Injection]] = defaultdict(list)
    for one in plan:
        lanes[CATALOGUE[one.fault].lane].append(one)
    return list(lanes.values())


class _Player(threading.Thread):
    """Plays one lane."""

    def __init__(
        self, stage: Stage, injections: Sequence[Injection], play: Play, tell: Callable[[Injection], None]
    ) -> None:
        self._lane = CATALOGUE[injections[0].fault].lane
        super().__init__(name=f"faults-{self._lane}")
        self._stage = stage
        self._injections = injections
        self._play = play
        self._tell = tell
        self._stopping = threading.Event()
        self._failure: BaseException | None = None

    def run(self) -> None:
        started = time.monotonic()
        try:
            for one in self._injections:
                if self._stopping.wait(max(0.0, started + one.at_s - time.monotonic())):
                    return
                self._tell(one)
                self._inject(one)
        except BaseException as error:  # noqa: BLE001  raised again where somebody sees it
            self._failure = error

    def _inject(self, one: Injection) -> None:
        strikes = self._stage.outside.strikes
        before, has_mail = strikes[self._lane], self._stage.outside.has_mail_under_way()
        with CATALOGUE[one.fault].happen(self._stage, random.Random(one.seed)) as answer:
            self._stopping.wait(one.lasts_s)
        is_hit = strikes[self._lane] > before if self._lane in ASKED else answer is not False
        self._play.begun[one.fault] += 1
        self._play.hit[one.fault] += is_hit
        if is_hit and self._lane in LEAVES_IN_DOUBT:
            self._play.in_the_window += has_mail or self._stage.outside.has_mail_under_way()

    def stop(self) -> None:
        self._stopping.set()

    def finish(self) -> None:
        self.join()
        if self._failure is not None:
            raise self._failure
