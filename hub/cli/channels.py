"""The commands about channels: seeing how they do, and trying one again."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from hub.admin.configuration.connections import Health
from hub.admin.configuration.connections import resume as resume_connection
from hub.admin.operations import channels as administering
from hub.admin.operations.channels import Channel
from hub.cli.common import explains_trouble, opened_hub, plain, say
from hub.config import Settings
from hub.store.configuration import Role
from hub.wake import Wake


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
@explains_trouble
def channels(context: click.Context, as_json: bool) -> None:
    """Show which channels work, which are paused and why, and where their providers send reports."""
    if context.invoked_subcommand is not None:
        return
    with opened_hub() as hub:
        found = administering.channels(hub)
    if as_json:
        click.echo(json.dumps([asdict(channel) for channel in found], indent=2, default=plain))
        return
    if not found:
        click.echo("No channel is configured.")
    for channel in found:
        _tell(channel, hub.settings.base_url)


def _tell(channel: Channel, base_url: str) -> None:
    say(f"{channel.name} ({channel.kind}): {_sentence(channel)}")
    if channel.surveys:
        click.echo(f"  sends for {', '.join(channel.surveys)}{f', at most {channel.rate}' if channel.rate else ''}")
    if channel.reports_path:
        click.echo(f"  its provider reports to {_address(base_url)}{channel.reports_path}")


def _address(base_url: str) -> str:
    """Return this hub's address as others know it, as far as this shell does."""
    return base_url if base_url != Settings.base_url else "https://THE-ADDRESS-OF-THIS-HUB"


def _sentence(channel: Channel) -> str:
    if channel.state is Health.WORKING:
        return "works."
    if channel.paused_until is not None:
        times = "" if channel.failures < 2 else f" It failed {channel.failures} times in a row."
        return f"PAUSED until {channel.paused_until:%Y-%m-%d %H:%M:%S UTC}: {channel.sentence}{times}"
    return f"{channel.state.replace('_', ' ').upper()}: {channel.sentence}"


@channels.command()
@click.argument("name")
@explains_trouble
def resume(name: str) -> None:
    """Try the paused channel NAME again at once."""
    with opened_hub() as hub:
        was_paused = resume_connection(hub, Role.CHANNEL, name)
        Wake(hub.settings.effective_redis_url)("deliver")
    click.echo(f"{name} is tried again." if was_paused else f"{name} was not paused.")


COMMANDS = (channels,)
