"""The commands about people who log in: for whoever lost the password, and for scripts."""

from __future__ import annotations

import sys

import click

from hub.admin.access import accounts as administering
from hub.admin.access.accounts import AccountRole
from hub.cli.common import explains_trouble, opened_hub, say

ROLES = click.Choice([role.value for role in AccountRole])


@click.group()
def accounts() -> None:
    """People who log in, and what they may do."""


@accounts.command(name="list")
@explains_trouble
def list_accounts() -> None:
    """List the accounts, their roles, and when they were last seen."""
    with opened_hub() as hub:
        found = administering.accounts(hub)
    if not found:
        click.echo("There is no account.")
    for one in found:
        seen = f"last seen {one.last_seen_at:%Y-%m-%d %H:%M} UTC" if one.last_seen_at else "never logged in"
        say(f"{one.name:30}  {one.role:6}  {seen}{'  DISABLED' if one.disabled_at else ''}")


@accounts.command()
@click.argument("name")
@click.option("--role", type=ROLES, default=AccountRole.ADMIN.value, show_default=True, help="What they may do.")
@explains_trouble
def add(name: str, role: str) -> None:
    """Add an account called NAME, a login name or mail address. Asks for the password, or reads it from a pipe."""
    with opened_hub() as hub:
        made = administering.add(hub, name, _password(), AccountRole(role))
    say(f"Added {made.name}, {made.role}.")


@accounts.command()
@click.argument("name")
@explains_trouble
def password(name: str) -> None:
    """Set the password of NAME and end their sessions. Asks for it, or reads it from a pipe."""
    with opened_hub() as hub:
        administering.account_named(hub, name)
        changed = administering.set_password(hub, name, _password())
    say(f"{changed.name} has another password; their sessions ended.")


@accounts.command()
@click.argument("name")
@click.argument("role", type=ROLES)
@explains_trouble
def role(name: str, role: str) -> None:
    """Change what NAME may do to ROLE, and end their sessions."""
    with opened_hub() as hub:
        changed = administering.set_role(hub, name, AccountRole(role))
    say(f"{changed.name} is {changed.role}.")


@accounts.command()
@click.argument("name")
@explains_trouble
def remove(name: str) -> None:
    """Remove the account NAME and end its sessions. What it did stays in the audit log."""
    with opened_hub() as hub:
        administering.remove(hub, name)
    say(f"Removed {name}.")


def _password() -> str:
    """Return a password: typed twice without being shown, else the first line of what is piped in."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


COMMANDS = (accounts,)
