"""What the hub knows about somebody: told, and erased."""

from __future__ import annotations

import json
from typing import Any

import click

from hub.admin.people import people
from hub.admin.people.people import Story
from hub.cli.common import explains_trouble, opened_hub, plain, say


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

COMMANDS = (why, erase)
