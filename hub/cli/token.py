"""The commands about tokens of the API."""

from __future__ import annotations

import click

from hub.admin.access import tokens
from hub.admin.access.tokens import Scope
from hub.cli.common import explains_trouble, opened_hub


@click.group()
def token() -> None:
    """Tokens of the API."""


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=[Scope.READ.value],
    show_default="read",
    type=click.Choice([scope.value for scope in Scope]),
    help="What it allows; may be given several times. None includes another.",
)
@explains_trouble
def add(name: str, scopes: tuple[str, ...]) -> None:
    """Make a token called NAME and print it, once."""
    with opened_hub() as hub:
        secret = tokens.add(hub, name, {Scope(scope) for scope in scopes})
    click.echo(secret)
    click.echo("Keep it now: it is not shown again.", err=True)


@token.command(name="list")
@explains_trouble
def list_tokens() -> None:
    """List the tokens, what they allow, and when they were last used."""
    with opened_hub() as hub:
        found = tokens.tokens(hub)
    if not found:
        click.echo("There is no token.")
    for one in found:
        used = f"last used {one.last_used_at:%Y-%m-%d %H:%M} UTC" if one.last_used_at else "never used"
        scopes = ", ".join(scope for scope in Scope if scope in one.scopes)
        click.echo(f"{one.name:20}  {scopes:18}  made {one.created_at:%Y-%m-%d}  {used}")


@token.command()
@click.argument("name")
@explains_trouble
def revoke(name: str) -> None:
    """End the token called NAME at once."""
    with opened_hub() as hub:
        tokens.revoke(hub, name)
    click.echo(f"Revoked {name}.")


COMMANDS = (token,)
