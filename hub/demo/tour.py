"""`hub demo` for a person: raises the stage, plays the first steps, says what to look at, and stays."""

from __future__ import annotations

import logging
import shlex
import shutil
import sys
import threading
from pathlib import Path

import click
import requests

from hub.admin.health import readiness
from hub.demo.customers import ADA
from hub.demo.patience import Patience, Unexpected
from hub.demo.sessions import left_over
from hub.demo.stage import ACCOUNT, DOCUMENT, LOG, Stage, raised
from hub.demo.stand_in import Echo
from hub.demo.story import FIRST_ANSWERS, Play

WITHIN_S = 120.0


def show(folder: Path, *, port: int, stopping: threading.Event) -> None:
    """Run the demo until somebody stops it. Raises Unexpected when a step of it goes wrong, Stopped when cut short."""
    logging.getLogger("hub").setLevel(logging.ERROR)
    click.echo("Starting Valkey, web, two workers and the scheduler ...")
    try:
        with raised(folder, port=port, stopping=stopping) as stage:
            sessions = set(stage.supervisor.ids().values())
            play = Play(stage=stage, patience=Patience(within_s=WITHIN_S, stopping=stopping))
            _first_steps(play)
            click.echo(tour(play))
            stage.supervisor.watch()
            sessions |= set(stage.supervisor.ids().values())
            click.echo("\nStopping ...")
    except requests.RequestException as error:
        raise Unexpected(f"The hub did not answer: {type(error).__name__}.") from error
    _verify_end(sessions)


def _first_steps(play: Play) -> None:
    stage = play.stage
    play.patience.wait_for("the workers", lambda: all(check.ok for check in readiness(stage.hub)))
    stage.segment.listen(Echo(stage.address, stage.write_key))
    click.echo(f"Telling the hub about {len(play.cast)} invented customers ...")
    play.feed()
    for given in FIRST_ANSWERS:
        play.answer(given)
    play.sync_now(len(FIRST_ANSWERS))
    play.see_again(ADA)


def _verify_end(sessions: set[int]) -> None:
    try:
        patience = Patience(within_s=5.0, stopping=threading.Event())
        patience.wait_for("processes to end", lambda: not left_over(sessions))
    except Unexpected:
        raise Unexpected(f"Still running after the end: processes {left_over(sessions)}.") from None


def tour(play: Play) -> str:
    """Return what to look at and what to try, with links and commands to copy."""
    stage = play.stage
    count = len(stage.mailbox.mails())
    answered = " and ".join(play.customer(given.user_id).name.split()[0] for given in FIRST_ANSWERS)
    mail = play.mail_to(ADA)
    return f"""
{_bold("Survey Hub is up.")} {len(play.cast)} customers came in, {count} were due and got a mail,
{answered} have answered.

  The console           {_link(stage.address + "/")}   (name {ACCOUNT}, password {stage.password})
  Mailbox               {_link(stage.pages + "/mails")}
  Synced to Segment     {_link(stage.pages + "/synced")}

{_bold("Try this")}
  1. Answer as Ada. Her mail, and the page behind its links:
       {_link(f"{stage.pages}/mails/{mail.number}")}
       {_link(mail.survey_url)}
  2. Push her answer to Segment, which otherwise happens once a day, then look at it:
       {command(stage, "sync now")}
       {_link(stage.pages + "/synced")}
  3. Ask why she was mailed, and Grace was not:
       {command(stage, "why ada")}
       {command(stage, "why grace")}
  4. Check that every promise holds:
       {command(stage, "doctor")}

  Its configuration is {stage.folder / DOCUMENT}; its log is {stage.folder / LOG}.
  Ctrl-C stops everything."""


def command(stage: Stage, words: str) -> str:
    """Return a line for the shell that runs `hub ...` on this demo's data."""
    return f"HUB_DATA_DIR={shlex.quote(str(stage.folder))} {_program()} {words}"


def _program() -> str:
    """Return how this very program is called from here: `hub` where the shell finds it."""
    beside = Path(sys.executable).with_name("hub")
    found = shutil.which("hub")
    if found and Path(found).absolute() == beside:
        return "hub"
    if not beside.exists():
        return f"{shlex.quote(sys.executable)} -m hub"
    here = Path.cwd()
    return shlex.quote(str(beside.relative_to(here) if beside.is_relative_to(here) else beside))


def _bold(text: str) -> str:
    return click.style(text, bold=True)


def _link(url: str) -> str:
    return click.style(url, fg="cyan", underline=True)
