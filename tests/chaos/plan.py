"""What will go wrong and when, drawn from a seed: the same seed makes the same plan."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.chaos.faults import CATALOGUE, Fault
from tests.chaos.stage import Stage

BETWEEN_FAULTS_S = {"processes": (0.5, 4.0)}
BETWEEN_OTHERS_S = (1.0, 7.0)


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
        at_s += dice.uniform(*BETWEEN_FAULTS_S.get(lane, BETWEEN_OTHERS_S))
        fault = dice.choice(faults)
        lasts_s = dice.uniform(*fault.lasts_s)
        if at_s + lasts_s > seconds:
            return
        yield Injection(at_s=at_s, lasts_s=lasts_s, fault=fault.name, seed=f"{seed}-{lane}-{at_s}")
        at_s += lasts_s


@contextmanager
def playing(stage: Stage, plan: Sequence[Injection], tell: Callable[[Injection], None]) -> Iterator[Callable[[], None]]:
    """Play a plan, a thread a lane; yield what waits for its end. `tell` hears of each fault as it begins."""
    players = [_Player(stage, lane, tell) for lane in _by_lane(plan)]
    for player in players:
        player.start()

    def wait_until_over() -> None:
        for player in players:
            player.join()

    yield wait_until_over
    for player in players:
        player.stop()
    for player in players:
        player.finish()


def _by_lane(plan: Sequence[Injection]) -> list[list[Injection]]:
    lanes: dict[str, list[Injection]] = defaultdict(list)
    for one in plan:
        lanes[CATALOGUE[one.fault].lane].append(one)
    return list(lanes.values())


class _Player(threading.Thread):
    """Plays one lane."""

    def __init__(self, stage: Stage, lane: Sequence[Injection], tell: Callable[[Injection], None]) -> None:
        super().__init__(name=f"faults-{CATALOGUE[lane[0].fault].lane}")
        self._stage = stage
        self._lane = lane
        self._tell = tell
        self._stopping = threading.Event()
        self._failure: BaseException | None = None

    def run(self) -> None:
        started = time.monotonic()
        try:
            for one in self._lane:
                if self._stopping.wait(max(0.0, started + one.at_s - time.monotonic())):
                    return
                self._tell(one)
                with CATALOGUE[one.fault].happen(self._stage, random.Random(one.seed)):
                    self._stopping.wait(one.lasts_s)
        except BaseException as error:  # noqa: BLE001  raised again where somebody sees it
            self._failure = error

    def stop(self) -> None:
        self._stopping.set()

    def finish(self) -> None:
        self.join()
        if self._failure is not None:
            raise self._failure
