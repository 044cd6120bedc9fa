"""`python3 run.py chaos`: kill, freeze, cut off and fill up a real hub at random, then prove what it promises."""

from __future__ import annotations

import argparse
import platform
import random
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.faults import CATALOGUE
from tests.chaos.plan import Play
from tests.chaos.run import Options, Result, recovery, run
from tests.chaos.stage import Missing
from tests.chaos.verdict import Finding

RECOVERED_WITHIN_S = 120.0
IDENTIFIES_A_SECOND = 34
SHOWN = 5


def main(arguments: Sequence[str]) -> int:
    """Run as told and print the verdict; 1 when an invariant is broken."""
    options, recovers = _options(arguments)
    print(f"Seed {options.seed}. Python {platform.python_version()} on {platform.platform()}.", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="survey-hub-chaos-"))
    started = time.monotonic()
    try:
        if recovers:
            seconds = recovery(directory=directory, database=options.database, seed=options.seed)
            print(f"{seconds:.0f} s after a kill -9 of all workers every mail had its outcome.")
            broken = seconds > RECOVERED_WITHIN_S
        else:
            result = run(options, directory=directory, tell=_tell)
            print(f"\n{table(result)}")
            broken = bool(result.broken)
    except Missing as missing:
        print(f"This machine cannot run it: {missing}.", file=sys.stderr)
        return 2
    print(f"It took {time.monotonic() - started:.0f} s.")
    if broken:
        print(f"The logs and databases are kept in {directory}.")
        return 1
    shutil.rmtree(directory)
    return 0


def _tell(line: str) -> None:
    print(line, flush=True)


def table(result: Result) -> str:
    """Return the verdict as people read it."""
    lines = [line for finding in result.findings for line in _verdict_lines(finding)]
    play, meanwhile, mails = result.play, result.meanwhile, result.mails.total()
    lines += ["", f"{play.begun.total()} faults, of which {play.hit.total()} hit:", *_fault_lines(play), ""]
    by = ", ".join(f"{number:,} by {name}" for name, number in sorted(result.mails.items()))
    lines += [
        f"{result.identifies:,} identifies; {mails:,} mails ({by}), {meanwhile.mails:,} of them during the faults."
    ]
    lines += [f"{result.unknown} mails are unknown, {result.most_unknown} could be; {result.unknown_arrived} arrived."]
    lines += [
        f"{result.answers:,} answers; Segment took {result.told:,} updates, {meanwhile.told:,} during the faults."
    ]
    lines += [f"{result.refused} mails were refused for good, {result.parked} answers are parked."]
    ended = ", ".join(f"{name} {number} times" for name, number in sorted(result.ended_alone.items()) if number)
    lines += [f"Ended by themselves and were started again: {ended or 'none'}."]
    return "\n".join(lines)


def _verdict_lines(finding: Finding) -> list[str]:
    lines = [f"{'holds ' if finding.holds else 'BROKEN'}  {finding.invariant}"]
    lines += [f"        {one}" for one in finding.broken_by[:SHOWN]]
    if len(finding.broken_by) > SHOWN:
        lines.append(f"        and {len(finding.broken_by) - SHOWN} more")
    return lines


def _fault_lines(play: Play) -> list[str]:
    lanes: dict[str, list[str]] = defaultdict(list)
    for name, number in sorted(play.begun.items()):
        hit = "" if play.hit[name] == number else f" ({play.hit[name]} hit)"
        lanes[CATALOGUE[name].lane].append(f"{number} {name.replace('_', ' ')}{hit}")
    return [f"  {lane}: {', '.join(words)}" for lane, words in sorted(lanes.items())]


def _options(arguments: Sequence[str]) -> tuple[Options, bool]:
    parser = argparse.ArgumentParser(prog="run.py chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeats the plan of an earlier run; default: a new one")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long faults happen; default: 1")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--identifies", type=int, help="how many; default: 34 a second")
    parser.add_argument("--recovery", action="store_true", help="only measure the recovery from a kill of all workers")
    chosen = parser.parse_args(arguments)
    seconds = chosen.minutes * 60
    options = Options(
        seed=random.randrange(1_000_000) if chosen.seed is None else chosen.seed,
        seconds=seconds,
        database=chosen.database,
        identifies=chosen.identifies or round(seconds * IDENTIFIES_A_SECOND),
    )
    return options, chosen.recovery


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
