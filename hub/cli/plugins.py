"""The commands for plugins and those who write them: plugins, plugins check, plugin new."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hub.admin.configuration import plugin_check as checking
from hub.cli import scaffold
from hub.cli.common import explains_trouble
from hub.config import ConfigError, load_settings
from hub.plugins import find_plugins
from hub.store.configuration import Role


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
@explains_trouble
def plugins(context: click.Context, as_json: bool) -> None:
    """List the installed plugins, what they offer, and what is wrong with them."""
    if context.invoked_subcommand is not None:
        return
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


@plugins.command()
@click.argument("name", required=False)
@explains_trouble
def check(name: str | None) -> None:
    """Look for what would be wrong with every plugin, or the one called NAME, in the hands of others."""
    found = find_plugins(plugins_dir=load_settings().plugins_dir)
    chosen = [plugin for plugin in found.installed if name in (None, plugin.name)]
    if not chosen:
        there = ", ".join(plugin.name for plugin in found.installed) or "none"
        raise ConfigError([f"There is no plugin {name!r}; there are: {there}" if name else "No plugin is installed"])
    verdicts = [verdict for plugin in chosen for verdict in checking.check(plugin, found)]
    for verdict in verdicts:
        for problem in verdict.problems:
            click.echo(f"PROBLEM {verdict.subject}: {problem}")
        if not verdict.problems:
            click.echo(f"ok      {verdict.subject} {verdict.what}")
    if any(verdict.problems for verdict in verdicts):
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
    help="source, channel, target or listener.",
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
