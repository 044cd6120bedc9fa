"""People: found by id or address, and each one's story; unsubscribed, taken out as a file, erased."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, flash, redirect, request, url_for

from hub.admin import audit
from hub.admin.mails import invitations
from hub.admin.mails.reminders_ahead import reminders_of
from hub.admin.paging import Slice
from hub.admin.people import people as stories
from hub.admin.people import suppressions
from hub.admin.people.next_event import next_identify
from hub.admin.people.people import Story
from hub.admin.people.person_export import export_person
from hub.admin.people.stories import Entry
from hub.admin.trouble import NotThere
from hub.config import ConfigError
from hub.domain.created_at import UNREADABLE, read_created_at
from hub.domain.reasons import Outcome, Stop
from hub.domain.scores import band_of
from hub.store.types import is_storable
from hub.web import guard
from hub.web.backing import hub
from hub.web.console import queries
from hub.web.console.frame import pages, show
from hub.web.console.tones import tone

AT_ONCE = 50
"""Moments of a story on one page."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One moment of a story: an event with the decisions on it, or anything else."""

    entry: Entry
    decisions: Sequence[Entry]
    tone: str


@pages.get("/people")
def people() -> Any:
    """Show a page of people; with `who` those of this id or address, one alone at once."""
    who = queries.text("who")
    page = stories.people(hub(), queries.part(), who=who)
    if who is not None and len(page.items) == 1:
        return redirect(url_for("console.person", person_id=page.items[0].id))
    return show("people.html", page=page, who=who, name_of=stories.name_of)


@pages.get("/people/<string:person_id>")
def person(person_id: str) -> Any:
    """Tell a person's story, the newest first, and what can be done for them."""
    story = stories.why_id(hub(), person_id)
    moments = _moments(story.entries)
    start = _start()
    shown = moments[start : start + AT_ONCE]
    return show(
        "person.html",
        one=story,
        name=stories.name_of(story),
        traits=_traits(story),
        moments=shown,
        older=str(start + AT_ONCE) if len(moments) > start + AT_ONCE else None,
        is_cut=len(story.entries) == stories.LONGEST_STORY,
        stops=[entry for entry in story.entries if entry.what == "stopped"],
        is_erasure=any(entry.code == Stop.ERASED for entry in story.entries),
        ahead=next_identify(hub(), person_id),
        reminders=reminders_of(hub(), person_id),
        surveys={one.name for one in hub().registry.current().surveys.values()},
        mails=invitations.invitations(hub(), invitations.Wanted(person=person_id), Slice(limit=10)).items,
    )


@pages.get("/people/<string:person_id>/export")
def person_export(person_id: str) -> Any:
    """Hand out all that the hub holds about a person, as a file."""
    content = export_person(hub(), person_id)
    headers = {"Content-Disposition": f'attachment; filename="person-{person_id}.json"'}
    return Response(content, mimetype="application/json", headers=headers)


@pages.post("/people/<string:person_id>/unsubscribe")
@guard.needs("editor")
def unsubscribe(person_id: str) -> Any:
    """Never mail a person's address again."""
    story = stories.why_id(hub(), person_id)
    if story.email is None:
        flash("No address is known of this person, so there is none to stop.", "attention")
        return _to(person_id)
    suppressions.add(hub(), story.email, Stop.UNSUBSCRIBED, note="Unsubscribed in the console")
    flash(f"{story.email} is never mailed again. What waits for it is not sent.")
    return _to(person_id)


@pages.post("/people/<string:person_id>/allow")
@guard.needs("editor")
def allow(person_id: str) -> Any:
    """Let a person's address be mailed again."""
    story = stories.why_id(hub(), person_id)
    try:
        suppressions.remove(hub(), suppressions.id_of(story.email or ""))
    except ConfigError as error:
        flash(f"{error.problems[0]}.", "attention")
    else:
        flash(f"{story.email} may be mailed again, under the rules of each survey.")
    return _to(person_id)


@pages.get("/people/<string:person_id>/erase")
@guard.needs("admin")
def erasure(person_id: str) -> Any:
    """Say what erasing a person does, and ask for their name."""
    return _erasure(stories.why_id(hub(), person_id))


@pages.post("/people/<string:person_id>/erase")
@guard.needs("admin")
def erase(person_id: str) -> Any:
    """Erase a person, if their name was typed, and show the receipt."""
    story = stories.why_id(hub(), person_id)
    if request.form.get("confirm", "").strip().casefold() != _word(story).casefold():
        return _erasure(story, problem="This is not what stands above. Nobody was erased.")
    stories.erase_id(hub(), person_id)
    return redirect(url_for("console.receipt", person_id=person_id), 303)


@pages.get("/people/<string:person_id>/receipt")
def receipt(person_id: str) -> Any:
    """Show what was deleted where when a person was erased, as the audit log has it."""
    wanted = audit.Wanted(action=audit.Action.PERSON_ERASED, subject=person_id)
    found = audit.entries(hub(), wanted, Slice(limit=1)).items if is_storable(person_id) else []
    if not found:
        raise NotThere(f"There is no receipt of a person {person_id}")
    owing = stories.still_to_forget(hub())
    return show(
        "receipt.html",
        person_id=person_id,
        entry=found[0],
        deleted=found[0].detail["deleted"],
        connections=[(label, label not in owing) for label in stories.keepers(hub())],
    )


def _erasure(story: Story, *, problem: str = "") -> Any:
    return show(
        "erasure.html",
        422 if problem else 200,
        one=story,
        name=stories.name_of(story),
        word=_word(story),
        problem=problem,
        keepers=stories.keepers(hub()),
    )


def _word(story: Story) -> str:
    """Return what is typed to confirm: what is read most easily, and names nobody else."""
    return story.email or next(iter([*story.user_ids, *story.anonymous_ids]), story.id)


def _to(person_id: str) -> Any:
    return redirect(url_for("console.person", person_id=person_id), 303)


def _traits(story: Story) -> dict[str, str | datetime]:
    """Return what the page does not say anyway; a createdAt that can be read is a moment."""
    found: dict[str, str | datetime] = {
        name: story.traits[name] for name in sorted(story.traits, key=str.casefold) if name != "email"
    }
    created_at = read_created_at(story.traits.get("createdAt"))
    return found if created_at is UNREADABLE else {**found, "createdAt": created_at}


def _start() -> int:
    wanted = queries.text("cursor") or "0"
    if not wanted.isdecimal() or len(wanted) > 6:
        raise ConfigError(["cursor: is none that this list gave; leave it out to begin anew"])
    return int(wanted)


def _moments(entries: Sequence[Entry]) -> list[Moment]:
    """Return what happened, the newest first; decisions stand with the event that they were made on."""
    made: dict[str, list[Entry]] = defaultdict(list)
    for one in entries:
        if one.what == "decision":
            made[one.details["event_id"]].append(one)
    events = {one.details["event_id"] for one in entries if one.what == "event"}
    found = []
    for one in reversed(entries):
        if one.what == "event":
            decisions = made.get(one.details["event_id"], [])
            found.append(Moment(entry=one, decisions=decisions, tone=_tone_of_event(decisions)))
        elif one.what != "decision" or one.details["event_id"] not in events:
            found.append(Moment(entry=one, decisions=[], tone=_tone(one)))
    return found


def _tone_of_event(decisions: Sequence[Entry]) -> str:
    return "good" if any(one.details["outcome"] == Outcome.SCHEDULED for one in decisions) else ""


def _tone(entry: Entry) -> str:
    if entry.what == "answer":
        return tone(band_of(entry.details["score"]))
    return "bad" if entry.what == "stopped" else tone(entry.code)
