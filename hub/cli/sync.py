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
        started = ", ".join(syncs.start_now(hub))
        broken = [target for target in hub.registry.current().live(Role.TARGET) if target.problem]
        is_woken = wake(hub, "sync") if started else True
    if not started:
        raise ConfigError(["No target is configured"])
    if is_woken:
        click.echo(f"Sync started for {started}.")
    elif hub.settings.redis_url is None:
        click.echo(f"The hub is not running; the sync for {started} starts when it is.")
    else:
        click.echo(f"Redis is away; the sync for {started} starts when it is back.")
    for target in broken:
        say(f"! {target.label} does not work, as seen from here: {target.problem}", err=True)


COMMANDS = (sync,)
