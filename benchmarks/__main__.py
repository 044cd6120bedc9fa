"""`python3 run.py bench [STAGE ...]`: measure the hub beside its floors and beside the naive ways, in one run."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib import import_module

from benchmarks.machine import Missing, describe
from benchmarks.measure import ROUNDS, Options, Row, tell
from benchmarks.table import as_markdown, write_down

STAGES = {
    "intake": "identifies by HTTP until they are durable",
    "idle": "a hub to which nothing happens",
    "render": "a mail made ready to send",
    "smtp": "mails handed over by SMTP, without the hub around it",
    "decide": "events decided",
    "mail": "mails that are due, sent",
    "whole": "identifies by HTTP until their mails have arrived",
    "sync": "answers told to Segment",
    "pages": "pages of the console among many people",
    "growth": "what a piece of work costs among many people",
}
"""Each is a module here whose `measure(options)` returns the rows of its table."""


def main(arguments: Sequence[str]) -> int:
    """Measure the stages asked for, print their table; 1 when a goal was missed."""
    asked = _parse(arguments)
    options = Options(rounds=asked.rounds, scale=asked.scale, databases=asked.database or Options().databases)
    machine = describe()
    tell(machine)
    rows: list[Row] = []
    for stage in asked.stage or STAGES:
        started = time.monotonic()
        tell(f"{stage}: {STAGES[stage]}")
        try:
            found = import_module(f"benchmarks.{stage}").measure(options)
        except Missing as missing:
            print(f"{stage} cannot be measured here: {missing}.", file=sys.stderr)
            return 2
        tell(f"  took {time.monotonic() - started:.0f} s")
        if asked.write:
            write_down(stage, found, machine)
        rows += found
    print(as_markdown(rows))
    return 0 if all(row.is_met for row in rows) else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    stages = "\n".join(f"  {name:<8} {what}" for name, what in STAGES.items())
    parser = argparse.ArgumentParser(
        prog="python3 run.py bench",
        description="Measure the hub beside its floors and beside the naive ways.",
        epilog=f"stages:\n{stages}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", nargs="*", type=_stage, help="what to measure; everything when left out")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of a comparison (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="size of a round; 0.1 is a quick look")
    parser.add_argument("--database", action="append", choices=Options().databases, help="only on this database")
    parser.add_argument("--write", action="store_true", help="keep the table in docs/performance.md")
    return parser.parse_args(arguments)


def _stage(name: str) -> str:
    if name not in STAGES:
        raise argparse.ArgumentTypeError(f"{name!r} is no stage; there are {', '.join(STAGES)}")
    return name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
