"""The commands that change or check the configuration: apply, export, check, db."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hub.admin import apply as applying
from hub.admin.export import export as exporting
from hub.cli.common import bring_up_to_date, explains_trouble, opened_hub
from hub.config import ConfigError, load_settings
from hub.plugin import CheckFailed
from hub.registry import Connection
from hub.store.configuration import Role


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Change without asking.")
@explains_trouble
def apply(file: Path, yes: bool) -> None:
    """Make the configuration what FILE says. Shows what would change, then asks."""
    with opened_hub() as hub:
        plan = applying.plan(hub, _read(file))
        for warning in plan.warnings:
            click.echo(f"! {warning}")
        if not plan.lines:
            click.echo("Nothing to change.")
            return
        for line in plan.lines:
            click.echo(line)
        if not yes and sys.stdin.isatty() and not click.confirm("Apply these changes?"):
            click.echo("Nothing was changed.")
            return
        applying.apply(hub, plan)
        changes = "1 change" if len(plan.lines) == 1 else f"{len(plan.lines)} changes"
        click.echo(f"Applied {changes}.")
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
        click.echo(exporting(hub, reveal=reveal), nl=False)


@click.command()
@click.argument("name", required=False)
@explains_trouble
def check(name: str | None) -> None:
    """Ask every connection, or the one called NAME, whether it can work. Sends nothing."""
    with opened_hub() as hub:
        configuration = hub.registry.current()
        connections = [c for role in Role for c in configuration.live(role) if name in (None, c.stored.name, c.label)]
        if not connections:
            raise ConfigError([f"There is no connection {name!r}" if name else "Nothing is configured yet"])
        verdicts = [_check(connection) for connection in connections]
    if not all(verdicts):
        raise SystemExit(1)


def _check(connection: Connection) -> bool:
    problem = connection.problem
    if connection.provider is not None:
        try:
            connection.provider.check()
        except CheckFailed as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001  a plugin may raise anything
            problem = f"its check failed: {type(error).__name__}: {error}"
    click.echo(f"{'ok     ' if problem is None else 'TROUBLE'} {connection.label}{f': {problem}' if problem else ''}")
    return problem is None


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
