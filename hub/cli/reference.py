"""The pages of the documentation that are written from the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

import click

from hub.admin.configuration.reference import configuration_page
from hub.plugins import Plugins, find_plugins
from hub.web.api import openapi
from hub.web.api.reference import reference_page

DISTRIBUTION = "survey-hub"

_HEAD = """\
# Commands

This page is generated from the code by `python3 run.py docs`. `hub COMMAND --help` says the same.

Every command reads the [environment](configuration.md#environment) and works on the database it names; it needs no
running hub. `hub up`, `hub apply`, `hub db upgrade` and `hub restore` make a hub where there is none; `hub demo`
makes one of its own, `hub plugins`, `hub plugins check` and `hub plugin new` need none, and the others want one. On
SQLite the database is brought up to date first; on PostgreSQL that is done by `hub up` and `hub db upgrade` alone.

Commands end with 0; with 1 when the answer is no (`hub doctor` found an invariant broken, `hub why` knows nobody),
and when the database, Redis or a file cannot be used; with 2 when settings or arguments are wrong, after naming
every problem on standard error.
"""

_GROUPS = {
    "Run": ["up", "web", "worker", "scheduler", "db upgrade", "demo"],
    "Configure": ["apply", "export", "check", "channels", "channels resume", "sync now"],
    "Look": ["doctor", "events", "queue", "queue release", "queue cancel", "replay"],
    "People": [
        "why",
        "erase",
        "suppressions add",
        "suppressions remove",
        "suppressions import",
        "suppressions export",
    ],
    "Keep safe": [
        "accounts add",
        "accounts list",
        "accounts password",
        "accounts role",
        "accounts remove",
        "token add",
        "token list",
        "token revoke",
        "backup",
        "restore",
        "resume",
    ],
    "Plugins": ["plugins", "plugins check", "plugin new"],
}


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
    commands = dict(_commands(group, "hub"))
    parts = [part for path, command in commands.items() for part in _command(command, path)]
    return "\n".join([_HEAD, *_overview(commands), *parts])


def _shipped() -> Plugins:
    found = find_plugins()
    shipped = [plugin for plugin in found.installed if plugin.distribution == DISTRIBUTION]
    offered = {offer for plugin in shipped for offer in plugin.offers}
    return Plugins(installed=shipped, kinds={offer: kind for offer, kind in found.kinds.items() if offer in offered})


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in sorted(group.commands.items()):
        if not isinstance(command, click.Group):
            yield f"{path} {name}", command
            continue
        if command.invoke_without_command:
            yield f"{path} {name}", command
        yield from _commands(command, f"{path} {name}")


def _overview(commands: Mapping[str, click.Command]) -> Iterator[str]:
    """Yield a table with one line a command, by what one wants to do."""
    yield "| to | command | does |\n|---|---|---|"
    for purpose, names in _GROUPS.items():
        for name in names:
            path = f"hub {name}"
            first = re.split(r"(?<=\.)\s", _help(commands[path]))[0]
            link = f"[`{path}`](#{path.replace(' ', '-')})"
            yield f"| {f'**{purpose.lower()}**' if name == names[0] else ''} | {link} | {first} |"
    yield ""


def _help(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "")


def _command(command: click.Command, path: str) -> Iterator[str]:
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option)]
    names = [f"[{_name(one)}]" if not one.required else _name(one) for one in arguments]
    yield f"## {path}\n"
    yield "```console\n" + " ".join(["$", path, *(["[OPTIONS]"] if options else []), *names]) + "\n```\n"
    yield f"{_help(command)}\n"
    for one in arguments:
        if isinstance(one.type, click.Choice):
            yield f"{_name(one)} is {_either(one.type)}.\n"
    if options:
        yield "| option | default | meaning |\n|---|---|---|"
        yield from (_option(one) for one in options)
        yield ""


def _name(argument: click.Argument) -> str:
    return (argument.name or "").upper()


def _option(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.metavar or _value_of(option)}"
    default = "**required**" if option.required else f"`{_default(option)}`" if option.show_default else ""
    choices = _choices(option)
    return f"| `{option.opts[0]}{value}` | {default} | {option.help}{choices} |"


def _default(option: click.Option) -> object:
    return " ".join(map(str, option.default)) if isinstance(option.default, list | tuple) else option.default


def _choices(option: click.Option) -> str:
    """Return which values there are to choose from, where the help does not say so."""
    if not isinstance(option.type, click.Choice) or all(one in str(option.help) for one in option.type.choices):
        return ""
    return f" It is {_either(option.type)}."


def _either(choice: click.Choice[Any]) -> str:
    *others, last = [f"`{one}`" for one in choice.choices]
    return f"{', '.join(others)} or {last}"


def _value_of(option: click.Option) -> str:
    limits = option.type
    if isinstance(limits, click.IntRange):
        return f"{limits.min}-{limits.max}"
    return {"integer": "N", "path": "FILE"}.get(limits.name, limits.name.upper())
