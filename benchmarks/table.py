"""The table of a run: printed, and kept in docs/performance.md between the markers of each stage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Row

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
_HEAD = ("what", "measured", "range", "goal", "the hub", "beside")


def as_markdown(rows: Sequence[Row]) -> str:
    """Return rows as a table that is readable in a terminal, too."""
    lines = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in (lines[0], rule, *lines[1:])
    )


def write_down(stage: str, rows: Sequence[Row], machine: str) -> None:
    """Replace what the page says of a stage. Raises ValueError when the page has no place for it."""
    text = PAGE.read_text()
    begin, end = f"<!-- bench {stage} -->", f"<!-- end {stage} -->"
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"{PAGE} has no place for the stage {stage}: add the lines {begin} and {end}")
    PAGE.write_text(f"{before}{begin}\n{as_markdown(rows)}\n\n{machine}\n{end}{after}")


def _cells(row: Row) -> tuple[str, ...]:
    met = "" if row.is_met else " (missed)"
    low, high = min(row.values), max(row.values)
    spread = f"{_number(low)} to {_number(high)}" if len(row.values) > 1 else ""
    measured = f"{_number(row.value)} {row.unit}".strip()
    return (row.what, measured, spread, f"{row.goal}{met}", row.hub, row.beside)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
