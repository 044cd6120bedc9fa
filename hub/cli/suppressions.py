"""The commands about who is never mailed."""

from __future__ import annotations

from pathlib import Path

import click

from hub.admin.people import suppressions as suppressing
from hub.admin.people.suppressions import ADDABLE
from hub.admin.records import format_of, read_records
from hub.admin.spreadsheets import rearmed
from hub.cli.common import explains_trouble, opened_hub, say
from hub.config import ConfigError
from hub.domain.reasons import Stop

REASONS = click.Choice([reason.value for reason in ADDABLE])


@click.group()
def suppressions() -> None:
    """Who is never mailed."""


@suppressions.command()
@click.argument("address")
@click.option("--reason", type=REASONS, default=Stop.UNSUBSCRIBED.value, show_default=True, help="Why.")
@click.option("--note", help="Something to remember about it.")
@explains_trouble
def add(address: str, reason: str, note: str | None) -> None:
    """Never mail ADDRESS again."""
    with opened_hub() as hub:
        found, is_new = suppressing.add(hub, address, Stop(reason), note)
    click.echo("Suppressed." if is_new else f"It is suppressed already: {found.reason}.")


@suppressions.command()
@click.argument("address")
@explains_trouble
def remove(address: str) -> None:
    """Let ADDRESS be mailed again; not one of an erased person."""
    with opened_hub() as hub:
        suppressing.remove(hub, suppressing.id_of(address))
    click.echo("It may be mailed again.")


@suppressions.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--reason", type=REASONS, help="For lines without a reason of their own.")
@explains_trouble
def import_file(file: Path, reason: str | None) -> None:
    """Suppress the addresses in FILE: CSV with a column `email`, JSON (.json) or JSON lines (.jsonl).

    `reason`, `note` and `created_at` are read where they are. Ends with 1 when a line was not taken.
    """
    try:
        with opened_hub() as hub, file.open("rb") as stream:
            records = read_records(stream, format_of(file.name), any_of=["email"], cell=rearmed)
            done = suppressing.import_records(hub, records, reason=Stop(reason) if reason else None)
    except OSError as error:
        raise ConfigError([f"{file} cannot be read: {error.strerror}"]) from None
    for problem in done.problems:
        say(f"line {problem.line}: {problem.why}", err=True)
    click.echo(f"Suppressed {done.added}; {done.known} were suppressed before; {done.refused} lines were not taken.")
    if done.refused:
        raise SystemExit(1)


@suppressions.command()
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@explains_trouble
def export(as_json: bool) -> None:
    """Print all suppressed addresses as CSV that `hub suppressions import` reads."""
    with opened_hub() as hub:
        for part in suppressing.export_json(hub) if as_json else suppressing.export_csv(hub):
            click.echo(part, nl=False)


COMMANDS = (suppressions,)
