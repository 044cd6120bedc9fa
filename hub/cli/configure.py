"""The commands that change or check the configuration: apply, export, check, db."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.admin.configuration.export import export as exporting
from hub.admin.configuration.planning import Plan
from hub.admin.operations import trials as trying
from hub.admin.operations.restore import held
from hub.admin.words import counted
from hub.cli.common import bring_up_to_date, explains_trouble, is_there, made_hub, opened_hub, say
from hub.config import ConfigError, load_settings, misspelt_settings
from hub.pipeline.hub import Hub
from hub.registry import Connection
from hub.store.configuration import Role
from hub.store.engine import sqlite_path


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Change without asking.")
@click.option("--remove-all", is_flag=True, help="Allow a FILE that names nothing: everything is taken out of use.")
@explains_trouble
def apply(file: Path, yes: bool, remove_all: bool) -> None:
    """Make the configuration what FILE says. Shows what would change, then asks if there is a terminal."""
    text = _read(file)
    settings = load_settings()
    is_new = not is_there(settings)
    with made_hub(settings) as hub:
        if is_new:
            click.echo(f"Made a new hub in {sqlite_path(settings).parent}.")
        plan = planning.plan(hub, text)
        if plan.removes_everything and not remove_all:
            what = f"{file} names no connection and no survey, so everything would be taken out of use"
            raise ConfigError([f"{what}; if that is what you want, add --remove-all"])
        if _show(plan) and _is_wanted(yes):
            applying.apply(hub, plan)
            _tell(plan)


def _show(plan: Plan) -> bool:
    """Print what would change; return whether anything would."""
    for warning in plan.warnings:
        click.echo(f"! {warning}")
    for line in plan.lines or ["Nothing to change."]:
        click.echo(line)
    return bool(plan.lines)


def _is_wanted(yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        click.echo("No terminal: applying without asking.")
        return True
    wanted = click.confirm("Apply these changes?")
    if not wanted:
        click.echo("Nothing was changed.")
    return wanted


def _tell(plan: Plan) -> None:
    click.echo(f"Applied {counted(len(plan.lines), 'change')}.")
    for path, secret in plan.generated.items():
        click.echo(f"{path} = {secret}   (made just now; `hub export --reveal` shows it again)")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"{file} cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{file} is not UTF-8 text"]) from None


@click.command()
@click.option("--reveal", is_flag=True, help="Write secrets in the clear.")
@explains_trouble
def export(reveal: bool) -> None:
    """Print the configuration as TOML that `hub apply` reads."""
    with opened_hub() as hub:
        document = exporting(hub, reveal=reveal)
    if not document:
        click.echo("Nothing is configured yet; describe it in a file, and run `hub apply FILE`.", err=True)
        raise SystemExit(1)
    click.echo(document, nl=False)


@click.command()
@click.argument("name", required=False)
@explains_trouble
def check(name: str | None) -> None:
    """Ask every connection, or the one called NAME, whether it can work. Sends nothing."""
    for misspelt in misspelt_settings():
        click.echo(f"! {misspelt}", err=True)
    with opened_hub() as hub:
        configuration = hub.registry.current()
        connections = [c for role in Role for c in configuration.live(role) if name in (None, c.stored.name, c.label)]
        if not connections:
            raise ConfigError([f"There is no connection {name!r}" if name else "Nothing is configured yet"])
        verdicts = [_check(hub, connection) for connection in connections]
        if sentence := held(hub):
            click.echo(f"NOTE    sending: {sentence}")
    if not all(verdicts):
        raise SystemExit(1)


def _check(hub: Hub, connection: Connection) -> bool:
    checked = trying.check(hub, connection.stored.role, connection.stored.name)
    problem = "" if checked.ok else f": {checked.sentence}"
    say(f"{'ok     ' if checked.ok else 'TROUBLE'} {connection.label}{problem}")
    return checked.ok


@click.group()
def db() -> None:
    """The database."""


@db.command()
@explains_trouble
def upgrade() -> None:
    """Bring the database to the schema of this version."""
    changed = bring_up_to_date(load_settings(), postgresql=True)
    click.echo("The database was brought up to date." if changed else "The database is up to date.")


COMMANDS = (apply, export, check, db)
