"""The invariants, checked."""

from __future__ import annotations

import click

from hub.admin.operations import doctor as examining
from hub.cli.common import explains_trouble, opened_hub, say


@click.command()
@explains_trouble
def doctor() -> None:
    """Check the invariants; ends with 1 when one is broken."""
    with opened_hub() as hub:
        findings = examining.examine(hub)
    for finding in findings:
        mark = "ok    " if finding.ok else "note  " if finding.is_note else "BROKEN"
        say(f"{mark} {finding.name}: {finding.sentence}")
    if any(not finding.ok and not finding.is_note for finding in findings):
        raise SystemExit(1)


COMMANDS = (doctor,)
