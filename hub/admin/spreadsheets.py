"""Cells that a spreadsheet would run as formulas, written so that it shows them, and read back as they were.

The characters are those of OWASP's page on CSV injection; a note may be what a stranger's mail server said.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*\s*[=+\-@\t\r]")
"""With apostrophes before it, so that each of ours is told from those that were there."""


def disarmed(cell: str) -> str:
    """Return a cell with an apostrophe before what would be a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def rearmed(cell: str) -> str:
    """Return the cell that `disarmed` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
