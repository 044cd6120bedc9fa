"""The commands that keep a hub safe: backup, restore, resume."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from hub.admin.operations import backup as backing_up
from hub.admin.operations import restore as restoring
from hub.cli.common import explains_trouble, opened_hub
from hub.cli.up import only_one
from hub.config import ConfigError, load_settings


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@explains_trouble
def backup(folder: Path) -> None:
    """Write database and key file to FOLDER, a new or empty one. Safe while the hub runs."""
    manifest = backing_up.backup(load_settings(), folder)
    click.echo(f"Backed up {', '.join(manifest.files)} to {folder}.")
    if backing_up.KEY_FILE not in manifest.files:
        click.echo("HUB_SECRET_KEY is not in it; without it the backup is of no use.")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@explains_trouble
def restore(folder: Path) -> None:
    """Make the backup in FOLDER the hub of an empty HUB_DATA_DIR or database; it sends nothing until `hub resume`."""
    settings = load_settings()
    with only_one(settings):
        manifest = restoring.restore(settings, folder)
    click.echo(f"Restored the backup of {manifest.made_at:%Y-%m-%d %H:%M:%S UTC}.")
    click.echo("Nothing is sent yet: mails that left after it are not known here.")
    click.echo("Say when the hub before stopped:  hub resume --stopped-at TIME")


@click.command()
@click.option("--stopped-at", required=True, metavar="TIME", help="When the hub before stopped: 2026-03-01T12:00Z.")
@click.option("--yes", is_flag=True, help="Resume without asking.")
@explains_trouble
def resume(stopped_at: str, yes: bool) -> None:
    """Send again after a restore. What the hub before may have sent until TIME counts as sent, and never is."""
    moment = _moment(stopped_at)
    with opened_hub() as hub:
        count = restoring.may_have_left(hub, moment)
        click.echo(f"{count} waiting invitations may have left until {moment:%Y-%m-%d %H:%M:%S %Z}.")
        click.echo("They become unknown: they count as sent, and are never sent again.")
        if not yes and not click.confirm("Go on, and send what is due from now on?"):
            click.echo("Nothing was changed.")
            return
        count = restoring.resume(hub, moment)
    click.echo(f"Sending goes on. {count} invitations are unknown.")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigError([f"--stopped-at {text}: write a time with its zone, such as 2026-03-01T12:00Z"])
    return moment


COMMANDS = (backup, restore, resume)
