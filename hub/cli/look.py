"""The commands that look at data or act on it: why, replay, sync, doctor, erase."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from hub.admin.mails import queue as queueing
from hub.admin.operations import doctor as examining
from hub.admin.operations import syncs
from hub.admin.operations.restore import held
from hub.admin.people import people
from hub.admin.people.people import Story
from hub.admin.rehearsing import replay as replaying
from hub.cli.common import explains_trouble, opened_hub, plain, say
from hub.config import ConfigError
from hub.domain.reasons import SENTENCES, Outcome, Reason
from hub.pipeline.hub import Hub
from hub.store.configuration import Role
from hub.wake import Wake


@click.command()
@click.argument("person")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@explains_trouble
def why(person: str, as_json: bool) -> None:
    """Tell the whole story of PERSON, a userId, anonymousId or address."""
    with opened_hub() as hub:
        stories = people.why(hub, person)
    if as_json:
        click.echo(json.dumps([_as_json(story) for story in stories], indent=2))
    elif not stories:
        say(f"Nobody is known as {person!r}.")
    for story in stories if not as_json else []:
        _tell(story)
    if not stories:
        raise SystemExit(1)


def _tell(story: Story) -> None:
    _introduce(story)
    for entry in story.entries:
        code = f"  [{entry.code}]" if entry.code else ""
        say(f"  {entry.at:%Y-%m-%d %H:%M:%S}  {entry.what:10} {entry.sentence}{code}")
        for name in ("detail", "facts"):
            if entry.details.get(name):
                say(f"{'':33}{entry.details[name]}")


def _introduce(story: Story) -> None:
    ids = [f"userId {one}" for one in story.user_ids] + [f"anonymousId {one}" for one in story.anonymous_ids]
    say(f"{story.name or 'A person without a name'} <{story.email or 'no address'}>")
    say(f"  known as {', '.join(ids)}")
    for entry in story.entries:
        if entry.what == "stopped":
            say(f"  {entry.sentence[0].lower()}{entry.sentence[1:].rstrip('.')}, {entry.at:%-d %B %Y}")


def _as_json(story: Story) -> dict[str, Any]:
    return {
        "name": story.name,
        "email": story.email,
        "user_ids": list(story.user_ids),
        "anonymous_ids": list(story.anonymous_ids),
        "first_seen_at": plain(story.first_seen_at),
        "is_suppressed": story.is_suppressed,
        "entries": [
            {
                "at": plain(entry.at),
                "what": entry.what,
                "code": entry.code,
                "sentence": entry.sentence,
                **{key: plain(value) for key, value in entry.details.items()},
            }
            for entry in story.entries
        ],
    }


@click.command()
@click.option("--survey", required=True, help="The survey whose rules decide.")
@click.option("--events", required=True, type=click.Path(path_type=Path), help="Events, one JSON object a line.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="A setting to try instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line an event.")
@explains_trouble
def replay(survey: str, events: Path, changes: tuple[str, ...], as_json: bool) -> None:
    """Show what a survey would have decided on a file of events. Stores and sends nothing."""
    settings = dict(_pair(change) for change in changes)
    counts: Counter[tuple[Outcome, Reason]] = Counter()
    with opened_hub() as hub:
        try:
            with events.open(encoding="utf-8", errors="surrogateescape") as lines:
                for line in replaying.replay(hub, survey, lines, settings):
                    counts[line.outcome, line.reason] += 1
                    if as_json:
                        click.echo(line.as_json())
        except OSError as error:
            raise ConfigError([f"{events} cannot be read: {error.strerror}"]) from None
    if not as_json:
        for (outcome, reason), count in counts.most_common():
            what = str(reason) if reason is Reason.SCHEDULED else f"{outcome}: {reason}"
            click.echo(f"{count:8}  {what:28}  {SENTENCES[reason]}")


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise ConfigError([f"--set {text}: write key=value"])
    return key.strip(), value.strip()


@click.group(invoke_without_command=True)
@click.option("--list", "as_list", is_flag=True, help="List whom the next 50 mails are for, and when.")
@click.option("--survey", help="List those of this survey alone.")
@click.pass_context
@explains_trouble
def queue(context: click.Context, as_list: bool, survey: str | None) -> None:
    """Show what waits to be sent; release or cancel what the surge brake holds."""
    if context.invoked_subcommand is not None:
        return
    with opened_hub() as hub:
        now = hub.now()
        sentence = held(hub)
        if as_list or survey:
            lines = [
                f"{_due(row.due_at, now)}  {row.state:9}  {row.survey:20}  {_whom(row)}"
                for row in queueing.first_waiting(hub, survey)
            ]
        else:
            lines = [
                f"{row.count:8}  {row.survey:20}  {row.state:9}  the next {_due(row.next_due_at, now).lstrip()}"
                for row in queueing.waiting(hub)
            ]
    for line in [*([sentence] if sentence else []), *(lines or ["Nothing waits."])]:
        say(line)


def _whom(row: queueing.WaitingPerson) -> str:
    return ". ".join([f"{row.person}, a reminder" if row.is_reminder else row.person, *filter(None, [row.waits])])


def _due(moment: datetime, now: datetime) -> str:
    return f"{'due since' if moment <= now else 'due':>9} {moment:%Y-%m-%d %H:%M UTC}"


@queue.command()
@click.argument("survey")
@explains_trouble
def release(survey: str) -> None:
    """Make the held invitations of SURVEY due now."""
    with opened_hub() as hub:
        count = queueing.release(hub, survey)
        _wake(hub, "deliver")
    click.echo(f"Released {count}.")


@queue.command()
@click.argument("survey")
@explains_trouble
def cancel(survey: str) -> None:
    """Cancel the held invitations of SURVEY."""
    with opened_hub() as hub:
        count = queueing.cancel(hub, survey)
    click.echo(f"Cancelled {count}.")


@click.group()
def sync() -> None:
    """Answers on their way to the targets."""


@sync.command()
@explains_trouble
def now() -> None:
    """Start a sync of every target right now."""
    with opened_hub() as hub:
        started = ", ".join(syncs.start_now(hub))
        broken = [target for target in hub.registry.current().live(Role.TARGET) if target.problem]
        is_woken = _wake(hub, "sync") if started else True
    if not started:
        raise ConfigError(["No target is configured"])
    if is_woken:
        click.echo(f"Sync started for {started}.")
    elif hub.settings.redis_url is None:
        click.echo(f"The hub is not running; the sync for {started} starts when it is.")
    else:
        click.echo(f"Redis is away; the sync for {started} starts when it is back.")
    for target in broken:
        say(f"! {target.label} does not work, as seen from here: {target.problem}", err=True)


def _wake(hub: Hub, job_name: str) -> bool:
    """Wake a worker; the command itself says what it means when Redis is away."""
    logging.getLogger("hub.wake").setLevel(logging.ERROR)
    return Wake(hub.settings.effective_redis_url)(job_name)


@click.command()
@explains_trouble
def doctor() -> None:
    """Check the invariants; ends with 1 when one is broken."""
    with opened_hub() as hub:
        findings = examining.examine(hub)
    for finding in findings:
        mark = "ok    " if finding.ok else "note  " if finding.is_note else "BROKEN"
        say(f"{mark} {finding.name}: {finding.sentence}")
    if any(not finding.ok and not finding.is_note for finding in findings):
        raise SystemExit(1)


@click.command()
@click.argument("person")
@click.option("--yes", is_flag=True, help="Erase without asking.")
@explains_trouble
def erase(person: str, yes: bool) -> None:
    """Forget PERSON (a userId, anonymousId or address) everywhere, and never mail them again."""
    with opened_hub() as hub:
        stories = people.why(hub, person)
        if not stories:
            say(f"Nobody is known as {person!r}.")
            raise SystemExit(1)
        for story in stories:
            _introduce(story)
        if not yes and not click.confirm("Erase everything about them? This cannot be undone"):
            click.echo("Nothing was erased.")
            return
        counts = people.erase(hub, person) or {}
        late = people.still_to_forget(hub)
    erased = [f"{count} {_SINGULAR[name] if count == 1 else name}" for name, count in counts.items() if count]
    click.echo(f"Erased: {', '.join(erased)}.")
    if late:
        click.echo(f"Could not forget people yet, and are asked again until they have: {', '.join(late)}.")


_SINGULAR = {
    "events": "event",
    "sync entries": "sync entry",
    "answer versions": "answer version",
    "answers": "answer",
    "delivery attempts": "delivery attempt",
    "invitations": "invitation",
    "ids": "id",
    "people": "person",
}

COMMANDS = (why, queue, replay, sync, doctor, erase)
