"""`hub ...`: everything the hub does, from a terminal."""

from __future__ import annotations

import logging
import os

import click

from hub import __version__
from hub.admin.audit import COMMAND_LINE, acting_as
from hub.cli import (
    accounts,
    backups,
    channels,
    configure,
    doctor,
    events,
    people,
    plugins,
    processes,
    queue,
    replay,
    suppressions,
    sync,
    token,
)
from hub.logs import configure_logging


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hub")
@click.pass_context
def main(context: click.Context) -> None:
    """A self-hosted survey hub: customer events in, surveys out, answers back."""
    os.umask(0o077)  # what the hub writes holds addresses and keys: nobody else reads it
    if not logging.getLogger().handlers:
        configure_logging(level=logging.WARNING)
    context.with_resource(acting_as(COMMAND_LINE))


COMMANDS = (
    *processes.COMMANDS,
    *configure.COMMANDS,
    *plugins.COMMANDS,
    *people.COMMANDS,
    *queue.COMMANDS,
    *replay.COMMANDS,
    *sync.COMMANDS,
    *doctor.COMMANDS,
    *channels.COMMANDS,
    *events.COMMANDS,
    *backups.COMMANDS,
    *token.COMMANDS,
    *accounts.COMMANDS,
    *suppressions.COMMANDS,
)
for command in COMMANDS:
    main.add_command(command)
