"""People brought in from a file: the source and the file are chosen, then it is told which rows were not taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hub.admin.people import people_import as admin
from hub.admin.trouble import by_field
from hub.config import ConfigError
from hub.store.configuration import Role
from hub.store.group_commit import Overloaded
from hub.web import guard
from hub.web.api.schemas.people import ImportPeopleQuery
from hub.web.backing import backing, hub, wake
from hub.web.console.files import LARGEST_FILE, SHOWN_PROBLEMS, chosen_file, typed_beside
from hub.web.console.forms import Choice, Field
from hub.web.console.frame import pages, show

_FIELDS = ("source", "batch")
_SOURCE_HELP = "Whose customers they are: its surveys decide on them, and their ids are that source's."
_BATCH_HELP = "Within a batch the same row again is a duplicate. A new name has all rows decided once more."
_FULL = "The hub cannot take it in right now. Import it again shortly: what is there already stays as it is."


@pages.get("/people/import")
@guard.needs("editor")
def importing_people() -> Any:
    """Ask for a source and a file."""
    return _ask({}, {})


@pages.post("/people/import")
@guard.needs("editor", largest=LARGEST_FILE)
def import_people() -> Any:
    """Take the people of a file in, and tell which rows were not taken."""
    typed = typed_beside(_FIELDS)
    problems = _problems(typed)
    try:
        with chosen_file(any_of=admin.IDS) as file:
            if problems:
                return _ask(typed, problems)
            done = admin.import_people(hub(), records=file.records, receive=backing().receive, **typed)
    except ConfigError as error:
        return _ask(typed, {**problems, **by_field(error)})
    except Overloaded:
        return _ask(typed, {"file": _FULL}, 503)
    wake("decide")
    shown = done.problems[:SHOWN_PROBLEMS]
    return show("people_imported.html", done=done, name=file.name, source=typed["source"], problems=shown)


def _problems(typed: Mapping[str, str]) -> dict[str, str]:
    if not typed:
        return {}
    found = {name: " ".join(said) for name, said in ImportPeopleQuery().validate(typed).items()}
    if typed["source"] not in _sources():
        found["source"] = "Choose a source."
    return found


def _ask(typed: Mapping[str, str], problems: Mapping[str, str], status: int = 422) -> Any:
    sources = [Choice(value=name, label=name) for name in _sources()]
    if len(sources) > 1:
        sources.insert(0, Choice(value="", label="Choose one"))
    fields = [
        Field(name="source", label="Source", kind="select", choices=sources, help=_SOURCE_HELP),
        Field(name="batch", label="Batch", help=_BATCH_HELP),
    ]
    source, batch = (replace(one, value=typed.get(one.name, ""), problem=problems.get(one.name, "")) for one in fields)
    return show(
        "people_import.html",
        status if problems else 200,
        source=source,
        batch=batch,
        file_problem=problems.get("file") or problems.get("", ""),
    )


def _sources() -> list[str]:
    return [one.stored.name for one in hub().registry.current().live(Role.SOURCE)]
