"""One run: a hub at work, a crowd, a plan of faults; then everything is whole again, comes to rest and is judged."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import func, select

from hub.domain.states import WAITING, State
from hub.pipeline import sync
from hub.store import intake
from hub.store.tables import invitation, outbox
from tests.chaos.faults import CATALOGUE
from tests.chaos.people import Crowd, make_feed
from tests.chaos.plan import Injection, make_plan, playing
from tests.chaos.stage import WORKERS, Stage, stage
from tests.chaos.verdict import Evidence, Finding, judge

START_WITHIN_S = 60.0
ROUND_S = 1.0
STEP_S = 600.0
"""How far the clock is set ahead at every round of coming to rest: leases, pauses and retries are waited for."""
RECOVERED_WITHIN_S = 120.0
KEPT_BACK = 0.03
"""The share of the identifies that the closing act gets."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run is made of. `plan` None: drawn from the seed."""

    seed: int
    seconds: float
    database: str
    identifies: int
    measure_recovery: bool = False
    plan: Sequence[Injection] | None = None
    source: Path | None = None
    """A folder with another `hub` package to run than this one."""
    rest_within_s: float = 180.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a run."""

    findings: Sequence[Finding]
    faults: Counter[str]
    identifies: int
    mails: int
    unknown: int
    unknown_arrived: int
    answers: int
    ended_alone: Counter[str]
    recovery_s: float | None

    @property
    def broken(self) -> list[Finding]:
        """Return the invariants that do not hold."""
        return [finding for finding in self.findings if not finding.holds]


def run(options: Options, *, directory: Path, tell: Callable[[str], None] = lambda line: None) -> Result:
    """Carry out one run in an empty directory and judge it."""
    plan = options.plan
    if plan is None:
        plan = make_plan(options.seed, seconds=options.seconds, database=options.database)
    with stage(directory, database=options.database, source=options.source) as on:
        feed = make_feed(random.Random(options.seed), identifies=options.identifies, domain=on.canaries.domain)
        crowd = Crowd(
            url=on.url,
            api_key=on.canaries.api_key,
            feed=feed,
            post=on.outside.post,
            seed=options.seed,
            feed_for_s=options.seconds * 0.9,
            kept_back=KEPT_BACK if options.measure_recovery else 0.0,
        )
        tell(f"{len(plan)} faults over {options.seconds:.0f} s, {feed.identifies:,} identifies on {options.database}")
        _until(on.is_at_work, START_WITHIN_S, "everything at work")
        with crowd:
            with playing(
                on, plan, lambda one: tell(f"{one.at_s:6.1f} s  {one.fault.replace('_', ' ')}")
            ) as wait_until_over:
                wait_until_over()
            tell("No more faults. Everything comes to rest.")
            problems = settle(on, crowd.has_sent_the_first, crowd, options.rest_within_s)
            recovery_s = recovery(on, crowd) if options.measure_recovery else None
            problems += settle(on, crowd.has_sent_all, crowd, options.rest_within_s)
            crowd.finish(options.rest_within_s)
            problems += come_to_rest(lambda: what_waits(on), on, options.rest_within_s)
        result = _result(on, crowd, plan, problems, recovery_s)
    left_behind = [f"process group {pid}" for pid in on.supervisor.left_behind]
    alone = Finding(invariant="No process outlives the one that started it", broken_by=left_behind)
    return replace(result, findings=[*result.findings, alone])


def settle(on: Stage, is_fed: Callable[[], bool], crowd: Crowd, within_s: float) -> list[str]:
    """Have everything decided, mailed, answered and synced; return what takes too long."""
    return [
        *_until(is_fed, within_s, "every identify accepted"),
        *come_to_rest(lambda: what_waits_for_mail(on), on, within_s),
        *_until(crowd.has_read_all, within_s, "every mail read"),
        *come_to_rest(lambda: what_waits(on), on, within_s),
    ]


def come_to_rest(waits: Callable[[], dict[str, int]], on: Stage, within_s: float) -> list[str]:
    """Let time pass until nothing waits any more; return what still does when it takes too long."""
    deadline = time.monotonic() + within_s
    while left := waits():
        if time.monotonic() > deadline:
            return [f"{number} {what} left after {within_s:.0f} s of rest" for what, number in left.items()]
        sync.start_now(on.hub)
        time.sleep(ROUND_S)
        on.clock.step(STEP_S)
    return []


def what_waits(on: Stage) -> dict[str, int]:
    """Return how much of what is not done yet; nothing that is done."""
    with on.hub.store.read() as connection:
        answers = connection.scalar(select(func.count()).where(outbox.c.state.in_(["pending", "leased"]))) or 0
    return what_waits_for_mail(on) | ({"answers": answers} if answers else {})


def what_waits_for_mail(on: Stage) -> dict[str, int]:
    """Return how much is to be decided or mailed."""
    with on.hub.store.read() as connection:
        waiting = connection.scalar(select(func.count()).where(invitation.c.state.in_(sorted(WAITING)))) or 0
    found = {"bodies": intake.waiting(on.hub.store)[0], "invitations": waiting}
    return {what: number for what, number in found.items() if number}


def recovery(on: Stage, crowd: Crowd) -> float:
    """Kill all workers while they send; return after how many seconds every mail has its outcome again."""
    before = len(on.outside.post())
    with on.outside.mail_does(lambda phase, mailbox: time.sleep(0.2)):
        crowd.send_the_rest()
        _until(lambda: len(on.outside.post()) > before + 5 and on.outside.at_phase["dot"], 60, "mails under way")
        for name in WORKERS:
            on.supervisor.kill(name)
        killed_at = time.monotonic()
    _until(lambda: crowd.has_sent_all() and not what_waits_for_mail(on), 2 * RECOVERED_WITHIN_S, "recovery")
    return time.monotonic() - killed_at


def _until(condition: Callable[[], object], timeout_s: float, what: str) -> list[str]:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return [f"{what}: not within {timeout_s:.0f} s"]
        time.sleep(0.1)
    return []


def _result(
    on: Stage, crowd: Crowd, plan: Sequence[Injection], problems: list[str], recovery_s: float | None
) -> Result:
    lanes = Counter(CATALOGUE[one.fault].lane for one in plan)
    evidence = Evidence.gathered(on, crowd, window_faults=lanes["processes"] + lanes["database"] + lanes["redis"])
    unknown = {id for id, row in evidence.invitations.items() if row.state == State.UNKNOWN}
    findings = [Finding(invariant="Everything comes to rest", broken_by=problems), *judge(evidence)]
    if recovery_s is not None:
        late = [f"it took {recovery_s:.0f} s"] if recovery_s > RECOVERED_WITHIN_S else []
        findings.append(Finding(invariant="Every mail has its outcome 120 s after a kill -9", broken_by=late))
    return Result(
        findings=findings,
        faults=Counter(one.fault for one in plan),
        identifies=crowd.feed.identifies,
        mails=sum(evidence.mailed.values()),
        unknown=len(unknown),
        unknown_arrived=len(unknown & evidence.letters.keys()),
        answers=len(crowd.voted),
        ended_alone=on.supervisor.ended,
        recovery_s=recovery_s,
    )
