"""One run: a hub at work, a crowd, a plan of faults; then everything is whole again, comes to rest and is judged."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from hub.domain.states import WAITING, State
from hub.pipeline import sync
from hub.store import intake
from hub.store.reminders import looked_until
from hub.store.tables import invitation, outbox
from tests.chaos.outside import HELD_FOR_S
from tests.chaos.people import Crowd, make_feed
from tests.chaos.plan import Injection, Play, make_plan, playing
from tests.chaos.stage import WORKERS, Stage, stage
from tests.chaos.verdict import Evidence, Finding, judge, most_unknown

START_WITHIN_S = 60.0
CLOCK_RATE = 20.0
SYNC_EVERY_S = 1.0
LONGEST_LEASE_S = 300.0
FREED_WITHIN_S = 60.0
ROUND_S = 1.0
STEP_S = 600.0
"""How far the clock is set ahead at every round of coming to rest: pauses and retries are waited for."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run is made of. `plan` None: drawn from the seed."""

    seed: int
    seconds: float
    database: str
    identifies: int
    plan: Sequence[Injection] | None = None
    source: Path | None = None
    """A folder with another `hub` package to run than this one."""
    rest_within_s: float = 180.0


@dataclass(frozen=True, kw_only=True)
class Meanwhile:
    """How far things went while faults happened: a hub that waits until all is well again proves nothing."""

    mails: int
    told: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a run."""

    findings: Sequence[Finding]
    play: Play
    meanwhile: Meanwhile
    identifies: int
    mails: Counter[str]
    """By mail system."""
    unknown: int
    unknown_arrived: int
    most_unknown: int
    answers: int
    told: int
    refused: int
    parked: int
    ended_alone: Counter[str]

    @property
    def broken(self) -> list[Finding]:
        """Return the invariants that do not hold."""
        return [finding for finding in self.findings if not finding.holds]


def run(options: Options, *, directory: Path, tell: Callable[[str], None] = lambda line: None) -> Result:
    """Carry out one run in an empty directory and judge it."""
    plan = options.plan
    if plan is None:
        plan = make_plan(options.seed, seconds=options.seconds, database=options.database)
    with stage(directory, database=options.database, clock_rate=CLOCK_RATE, source=options.source) as on:
        feed = make_feed(random.Random(options.seed), identifies=options.identifies, domain=on.canaries.domain)
        crowd = Crowd(
            url=on.url,
            api_keys=on.canaries.api_keys,
            feed=feed,
            post=on.outside.post,
            seed=options.seed,
            feed_for_s=options.seconds * 0.9,
        )
        tell(f"{len(plan)} faults over {options.seconds:.0f} s, {feed.identifies:,} identifies on {options.database}")
        problems = until(on.is_at_work, START_WITHIN_S, "everything at work")
        with crowd:
            with syncing(on), playing(on, plan, lambda one: tell(_line_of(one))) as play:
                play.wait_until_over()
            meanwhile = Meanwhile(mails=len(on.outside.post()), told=_count_told(on))
            tell("No more faults. Everything comes to rest.")
            problems += until(on.is_at_work, START_WITHIN_S, "everything at work again")
            problems += in_hand_too_long(on)
            problems += settle(on, crowd, options.rest_within_s)
        longest_fault_s = max((one.lasts_s + HELD_FOR_S for one in plan), default=0.0)
        evidence = Evidence.gathered(on, crowd, in_the_window=play.in_the_window, longest_fault_s=longest_fault_s)
        result = _result(evidence, play, meanwhile, problems)
    return replace(result, findings=[*result.findings, *_afterwards(on)])


def _line_of(one: Injection) -> str:
    return f"{one.at_s:6.1f} s  {one.fault.replace('_', ' ')}"


@contextmanager
def syncing(on: Stage) -> Iterator[None]:
    """Start a sync again and again meanwhile, as an impatient person would."""
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.wait(SYNC_EVERY_S):
            with suppress(SQLAlchemyError):
                sync.start_now(on.hub)

    thread = threading.Thread(target=ask, name="sync")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def in_hand_too_long(on: Stage) -> list[str]:
    """Let twice the longest lease pass; return what is still in the very hands in which it was before."""
    before = _in_hand(on)
    on.clock.step(2 * LONGEST_LEASE_S)
    return until(lambda: not before & _in_hand(on), FREED_WITHIN_S, "what workers that are gone had in hand is free")


def _in_hand(on: Stage) -> set[tuple[str, str]]:
    invitations = select(invitation.c.id, invitation.c.claim).where(invitation.c.state.in_(["claimed", "sending"]))
    answers = select(outbox.c.message_id, outbox.c.claim).where(outbox.c.state == "leased")
    with on.hub.store.read() as connection:
        return {(row[0], row[1]) for rows in (invitations, answers) for row in connection.execute(rows)}


def settle(on: Stage, crowd: Crowd, within_s: float) -> list[str]:
    """Have everything decided, mailed, answered and synced; return what takes too long."""
    problems = [
        *until(crowd.has_sent_all, within_s, "every identify accepted"),
        *come_to_rest(lambda: what_waits_for_mail(on) | whose_reminders_wait(on), on, within_s),
        *until(crowd.has_read_all, within_s, "every mail read"),
    ]
    crowd.finish(within_s)
    return problems + come_to_rest(lambda: what_waits(on), on, within_s)


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


def whose_reminders_wait(on: Stage) -> dict[str, int]:
    """Return how many surveys have sent mails that were not looked at for reminders yet."""
    sent = (invitation.c.state == State.SENT, invitation.c.sent_at.is_not(None), invitation.c.reminder_of.is_(None))
    newest = select(invitation.c.survey_id, func.max(invitation.c.sent_at).label("at"))
    with on.hub.store.read() as connection:
        sent_at = {
            row.survey_id: row.at for row in connection.execute(newest.where(*sent).group_by(invitation.c.survey_id))
        }
        looked = looked_until(connection)
    number = sum(1 for survey_id, at in sent_at.items() if survey_id not in looked or looked[survey_id] < at)
    return {"surveys with reminders": number} if number else {}


def until(condition: Callable[[], object], timeout_s: float, what: str) -> list[str]:
    """Wait for a condition; return nothing, or what did not come about."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return [f"{what}: not within {timeout_s:.0f} s"]
        time.sleep(0.1)
    return []


def _count_told(on: Stage) -> int:
    return sum(len(told) for told in list(on.outside.told.values()))


def _result(evidence: Evidence, play: Play, meanwhile: Meanwhile, problems: list[str]) -> Result:
    on, crowd = evidence.stage, evidence.crowd
    return Result(
        findings=[Finding(invariant="Everything comes to rest", broken_by=problems), *judge(evidence)],
        play=play,
        meanwhile=meanwhile,
        identifies=crowd.feed.identifies,
        mails=Counter(letter.via for letter in evidence.letters),
        unknown=len(evidence.unknown),
        unknown_arrived=len(evidence.unknown & evidence.arrived),
        most_unknown=most_unknown(evidence),
        answers=len(crowd.voted),
        told=_count_told(on),
        refused=sum(row.state == State.REJECTED for row in evidence.invitations.values()),
        parked=len(on.outside.parked),
        ended_alone=on.supervisor.ended,
    )


def _afterwards(on: Stage) -> list[Finding]:
    """Judge what is complete only after the last process has ended."""
    log = on.supervisor.log.read_text(errors="replace")
    tokens = [letter.link.rpartition("/")[2] for letter in on.outside.post()]
    told = [*on.canaries.seen_in(log), *(f"the link {token}" for token in tokens if token in log)]
    return [
        Finding(invariant="No log tells a secret, a link or an address", broken_by=told),
        Finding(invariant="No process outlives the one that started it", broken_by=on.supervisor.left_behind),
    ]


def recovery(*, directory: Path, database: str, seed: int) -> float:
    """Kill all workers while they send, and nothing else; return the seconds until every mail has its outcome."""
    with stage(directory, database=database) as on:
        feed = make_feed(random.Random(seed), identifies=400, domain=on.canaries.domain)
        crowd = Crowd(
            url=on.url, api_keys=on.canaries.api_keys, feed=feed, post=on.outside.post, seed=seed, feed_for_s=0.0
        )
        on.outside.greylists = False  # which has nothing to do with it, and costs a minute
        until(on.is_at_work, START_WITHIN_S, "everything at work")
        with crowd:
            until(lambda: len(on.outside.post()) > 20, START_WITHIN_S, "mails under way")
            with on.outside.holding("dot") as held:
                if until(held, START_WITHIN_S, "a mail at its dot"):
                    raise RuntimeError("no mail was under way")
                for name in WORKERS:
                    on.supervisor.kill(name)
                killed_at = time.monotonic()
            if until(lambda: crowd.has_sent_all() and not what_waits_for_mail(on), 600, "recovery"):
                raise RuntimeError("the hub did not recover within ten minutes")
            return time.monotonic() - killed_at
