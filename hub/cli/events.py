"""The command about events: what came in last, and what became of it."""

from __future__ import annotations

import click

from hub.admin.events import SeenEvent, Wanted, events
from hub.admin.paging import LARGEST_PAGE, Slice
from hub.cli.common import explains_trouble, opened_hub, say


@click.command(name="events")
@click.option("--rejected", is_flag=True, help="Only those that could not be taken.")
@click.option(
    "--last", default=20, show_default=True, type=click.IntRange(1, LARGEST_PAGE), help="How many, the newest first."
)
@explains_trouble
def show(rejected: bool, last: int) -> None:
    """Show which events came last and what became of them; those rejected with what was wrong."""
    wanted = Wanted(outcome="rejected") if rejected else Wanted()
    with opened_hub() as hub:
        page = events(hub, wanted, Slice(limit=last))
    if not page.items:
        click.echo("No event was rejected." if rejected else "No event has come yet.")
    for event in page.items:
        _tell(event)


def _tell(event: SeenEvent) -> None:
    code = f"  [{event.reason}]" if event.reason else ""
    kind = event.type or "event"
    say(f"{event.arrived_at:%Y-%m-%d %H:%M:%S}  {event.outcome:9} {kind} from {event.source}{code}")
    said = event.note or event.sentence
    for line in [said] if said else [f"{one.survey}: {one.sentence}  [{one.reason}]" for one in event.decisions]:
        say(f"{'':21}{line}")


COMMANDS = (show,)
