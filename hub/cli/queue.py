"""What waits to be sent, and what the surge brake holds."""

from __future__ import annotations

from datetime import datetime

import click

from hub.admin.mails import queue as queueing
from hub.admin.operations.restore import held
from hub.cli.common import explains_trouble, opened_hub, say, wake


@click.group(invoke_without_command=True)
@click.option("--list", "as_list", is_flag=True, help="List whom the next 50 mails are for, and when.")
@click.option("--survey", help="List those of this survey alone.")
@click.pass_context
@explains_trouble
def queue(context: click.Context, as_list: bool, survey: str | None) -> None:
    """Show what waits to be sent; release or cancel what the surge brake holds."""
    if context.invoked_subcommand is not None:
        return
    with opened_hub() as hub:
        now = hub.now()
        sentence = held(hub)
        if as_list or survey:
            lines = [
                f"{_due(row.due_at, now)}  {row.state:9}  {row.survey:20}  {_whom(row)}"
                for row in queueing.first_waiting(hub, survey)
            ]
        else:
            lines = [
                f"{row.count:8}  {row.survey:20}  {row.state:9}  the next {_due(row.next_due_at, now).lstrip()}"
                for row in queueing.waiting(hub)
            ]
    for line in [*([sentence] if sentence else []), *(lines or ["Nothing waits."])]:
        say(line)


def _whom(row: queueing.WaitingPerson) -> str:
    return ". ".join([f"{row.person}, a reminder" if row.is_reminder else row.person, *filter(None, [row.waits])])


def _due(moment: datetime, now: datetime) -> str:
    return f"{'due since' if moment <= now else 'due':>9} {moment:%Y-%m-%d %H:%M UTC}"


@queue.command()
@click.argument("survey")
@explains_trouble
def release(survey: str) -> None:
    """Make the held invitations of SURVEY due now."""
    with opened_hub() as hub:
        count = queueing.release(hub, survey)
        wake(hub, "deliver")
    click.echo(f"Released {count}.")


@queue.command()
@click.argument("survey")
@explains_trouble
def cancel(survey: str) -> None:
    """Cancel the held invitations of SURVEY."""
    with opened_hub() as hub:
        count = queueing.cancel(hub, survey)
    click.echo(f"Cancelled {count}.")


COMMANDS = (queue,)
