"""Answers on their way to targets."""

from __future__ import annotations

import click

from hub.admin.operations import syncs
from hub.cli.common import explains_trouble, opened_hub, say, wake
from hub.config import ConfigError
from hub.store.configuration import Role


@click.group()
def sync() -> None:
    """Answers on their way to the targets."""


@sync.command()
@explains_trouble
def now() -> None:
    """Start a sync of every target right now."""
    with opened_hub() as hub:
        started = syncs.start_now(hub)
        broken = [target for target in hub.registry.current().live(Role.TARGET) if target.problem]
        if not started:
            raise ConfigError(["No target is configured"])
        click.echo(syncs.told(hub, started, is_woken=wake(hub, "sync")))
    for target in broken:
        say(f"! {target.label} does not work, as seen from here: {target.problem}", err=True)


COMMANDS = (sync,)
