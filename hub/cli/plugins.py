"""The commands for plugins and those who write them: plugins, plugin new."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hub.cli import scaffold
from hub.cli.common import explains_trouble
from hub.config import load_settings
from hub.registry import find_plugins
from hub.store.configuration import Role


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@explains_trouble
def plugins(as_json: bool) -> None:
    """List the installed plugins, what they offer, and what is wrong with them."""
    found = find_plugins(plugins_dir=load_settings().plugins_dir)
    if as_json:
        rows = [
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "file": str(plugin.file) if plugin.file else None,
                "offers": [f"{role}:{kind}" for role, kind in plugin.offers],
                "problems": plugin.problems,
            }
            for plugin in found.installed
        ]
        click.echo(json.dumps(rows, indent=2))
    else:
        for plugin in found.installed:
            offers = ", ".join(f"{role} {kind!r}" for role, kind in plugin.offers) or "nothing"
            click.echo(f"{plugin.name} ({plugin.origin}): {offers}")
            for problem in plugin.problems:
                click.echo(f"  PROBLEM {problem}")
    if found.problems:
        raise SystemExit(1)


@click.group()
def plugin() -> None:
    """A plugin of your own."""


@plugin.command()
@click.argument("name")
@click.option(
    "--kind",
    "role",
    type=click.Choice([str(role) for role in Role]),
    metavar="ROLE",
    default=str(Role.SOURCE),
    show_default=True,
    help="source, channel or target.",
)
@explains_trouble
def new(name: str, role: str) -> None:
    """Write a package for a plugin called NAME into ./survey-hub-NAME, with tests that pass."""
    found = find_plugins(plugins_dir=load_settings().plugins_dir)
    made = scaffold.new_plugin(name, Role(role), found)
    for path in scaffold.write(made, Path()):
        click.echo(f"wrote {path}")
    click.echo(f"Next: pip install -e ./{made.distribution} && pytest ./{made.distribution}")


COMMANDS = (plugins, plugin)
