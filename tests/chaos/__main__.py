"""`python3 run.py chaos`: kill, freeze, cut off and fill up a real hub at random, then prove what it promises."""

from __future__ import annotations

import argparse
import platform
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.faults import CATALOGUE
from tests.chaos.run import Options, Result, run
from tests.chaos.stage import Missing
from tests.chaos.verdict import Finding

LONG_S = 120.0
"""From here on a run ends with measuring the recovery from a kill, which takes up to two minutes more."""
IDENTIFIES_A_SECOND = 34
SHOWN = 5


def main(arguments: Sequence[str]) -> int:
    """Run as told and print the verdict; 1 when an invariant is broken."""
    options = _options(arguments)
    print(f"Seed {options.seed}. Python {platform.python_version()} on {platform.platform()}.", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="survey-hub-chaos-"))
    started = time.monotonic()
    try:
        result = run(options, directory=directory, tell=_tell)
    except Missing as missing:
        print(f"This machine cannot run it: {missing}.", file=sys.stderr)
        return 2
    print(f"\n{table(result)}\nIt took {time.monotonic() - started:.0f} s.")
    if result.broken:
        print(f"The logs and databases are kept in {directory}.")
        return 1
    shutil.rmtree(directory)
    return 0


def _tell(line: str) -> None:
    print(line, flush=True)


def table(result: Result) -> str:
    """Return the verdict as people read it."""
    lines = [line for finding in result.findings for line in _verdict_lines(finding)]
    lines += ["", f"{result.faults.total()} faults, of which:", *_fault_lines(result.faults), ""]
    lines += [f"{result.identifies:,} identifies, {result.mails:,} mails, {result.answers:,} answers."]
    lines += [f"{result.unknown} mails are unknown; {result.unknown_arrived} of them arrived."]
    ended = ", ".join(f"{name} {number} times" for name, number in sorted(result.ended_alone.items()) if number)
    lines += [f"Ended by themselves and were started again: {ended or 'none'}."]
    if result.recovery_s is not None:
        lines.append(f"After a kill -9 of all workers every mail had its outcome within {result.recovery_s:.0f} s.")
    return "\n".join(lines)


def _verdict_lines(finding: Finding) -> list[str]:
    lines = [f"{'holds ' if finding.holds else 'BROKEN'}  {finding.invariant}"]
    lines += [f"        {one}" for one in finding.broken_by[:SHOWN]]
    if len(finding.broken_by) > SHOWN:
        lines.append(f"        and {len(finding.broken_by) - SHOWN} more")
    return lines


def _fault_lines(faults: Counter[str]) -> list[str]:
    lanes: dict[str, list[str]] = defaultdict(list)
    for name, number in sorted(faults.items()):
        lanes[CATALOGUE[name].lane].append(f"{number} {name.replace('_', ' ')}")
    return [f"  {lane}: {', '.join(words)}" for lane, words in sorted(lanes.items())]


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="run.py chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeats the plan of an earlier run; default: a new one")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long faults happen; default: 1")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--identifies", type=int, help="how many; default: 34 a second")
    chosen = parser.parse_args(arguments)
    seconds = chosen.minutes * 60
    return Options(
        seed=random.randrange(1_000_000) if chosen.seed is None else chosen.seed,
        seconds=seconds,
        database=chosen.database,
        identifies=chosen.identifies or round(seconds * IDENTIFIES_A_SECOND),
        measure_recovery=seconds >= LONG_S,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
