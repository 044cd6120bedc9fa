"""The rules of a survey, tried on a file of events."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from hub.admin.rehearsing import replay as replaying
from hub.cli.common import explains_trouble, opened_hub
from hub.config import ConfigError
from hub.domain.reasons import SENTENCES, Outcome, Reason


@click.command()
@click.option("--survey", required=True, help="The survey whose rules decide.")
@click.option("--events", required=True, type=click.Path(path_type=Path), help="Events, one JSON object a line.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="A setting to try instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line an event.")
@explains_trouble
def replay(survey: str, events: Path, changes: tuple[str, ...], as_json: bool) -> None:
    """Show what a survey would have decided on a file of events. Stores and sends nothing."""
    settings = dict(_pair(change) for change in changes)
    counts: Counter[tuple[Outcome, Reason]] = Counter()
    with opened_hub() as hub:
        try:
            with events.open(encoding="utf-8", errors="surrogateescape") as lines:
                for line in replaying.replay(hub, survey, lines, settings):
                    counts[line.outcome, line.reason] += 1
                    if as_json:
                        click.echo(line.as_json())
        except OSError as error:
            raise ConfigError([f"{events} cannot be read: {error.strerror}"]) from None
    if not as_json:
        for (outcome, reason), count in counts.most_common():
            what = str(reason) if reason is Reason.SCHEDULED else f"{outcome}: {reason}"
            click.echo(f"{count:8}  {what:28}  {SENTENCES[reason]}")


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise ConfigError([f"--set {text}: write key=value"])
    return key.strip(), value.strip()


COMMANDS = (replay,)
