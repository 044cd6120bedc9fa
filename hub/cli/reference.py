"""The pages of the documentation that are written from the code."""

from __future__ import annotations

from collections.abc import Iterator

import click

from hub.admin.reference import configuration_page
from hub.plugins import Plugins, find_plugins
from hub.web.api import openapi
from hub.web.api.reference import reference_page

DISTRIBUTION = "survey-hub"

_HEAD = """\
# Commands

This page is generated from the code by `python3 run.py docs`. `hub COMMAND --help` says the same.

Every command reads the [environment](configuration.md#environment) and works on the database it names; it needs no
running hub. `hub up`, `hub apply` and `hub db upgrade` make a hub where there is none; the others want one. On SQLite
the database is brought up to date first; on PostgreSQL that is done by `hub up` and `hub db upgrade` alone. Commands
end with 0; with 1 when the answer is no (`hub doctor` found an invariant broken, `hub why` knows nobody); with 2 when
settings or arguments are wrong, after naming every problem on standard error.
"""


def pages(hub: click.Group) -> dict[str, str]:
    """Return the generated pages by file name; `hub` is the whole command line.

    Only kinds that come with the hub itself are described.
    """
    return {
        "configuration.md": configuration_page(_shipped()),
        "commands.md": commands_page(hub),
        "api-reference.md": reference_page(openapi()),
    }


def commands_page(group: click.Group) -> str:
    """Return every command of a group with its help, as markdown."""
    return "\n".join([_HEAD, *_commands(group, "hub")])


def _shipped() -> Plugins:
    found = find_plugins()
    shipped = [plugin for plugin in found.installed if plugin.distribution == DISTRIBUTION]
    offered = {offer for plugin in shipped for offer in plugin.offers}
    return Plugins(installed=shipped, kinds={offer: kind for offer, kind in found.kinds.items() if offer in offered})


def _commands(group: click.Group, path: str) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield from _command(command, f"{path} {name}")
            yield from _commands(command, f"{path} {name}")
        else:
            yield from _command(command, f"{path} {name}")


def _command(command: click.Command, path: str) -> Iterator[str]:
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option)]
    names = [f"[{_name(one)}]" if not one.required else _name(one) for one in arguments]
    yield f"## {path}\n"
    yield "```console\n" + " ".join(["$", path, *(["[OPTIONS]"] if options else []), *names]) + "\n```\n"
    yield f"{command.help}\n"
    if options:
        yield "| option | default | meaning |\n|---|---|---|"
        yield from (_option(one) for one in options)
        yield ""


def _name(argument: click.Argument) -> str:
    return (argument.name or "").upper()


def _option(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.metavar or _value_of(option)}"
    default = "**required**" if option.required else f"`{option.default}`" if option.show_default else ""
    return f"| `{option.opts[0]}{value}` | {default} | {option.help} |"


def _value_of(option: click.Option) -> str:
    limits = option.type
    if isinstance(limits, click.IntRange):
        return f"{limits.min}-{limits.max}"
    return {"integer": "N", "path": "FILE"}.get(limits.name, limits.name.upper())
