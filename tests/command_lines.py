"""Whether a line of a page or a file is a command of the hub, with options it has."""

from __future__ import annotations

import click

from hub.__main__ import main


def is_a_command(line: str) -> bool:
    """Tell whether the words name a command and the options are its own."""
    command: click.Command = main
    for word in line.split()[1:]:
        if isinstance(command, click.Group) and not word.startswith("--"):
            if word not in command.commands:
                return command.invoke_without_command and word.isupper()
            command = command.commands[word]
        elif word.startswith("--") and word.split("=")[0] not in options_of(command):
            return False
    return not isinstance(command, click.Group) or command.invoke_without_command


def options_of(command: click.Command) -> set[str]:
    """Return the options of a command."""
    return {"--help", *(option for parameter in command.params for option in parameter.opts)}
