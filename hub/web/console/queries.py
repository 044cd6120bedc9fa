"""What the address of a page asks for: filters and the part of a list, checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flask import request

from hub.admin.configuration.surveys import surveys
from hub.admin.paging import Slice
from hub.config import ConfigError
from hub.store.types import storable
from hub.web.backing import hub
from hub.web.console.forms import Choice, Field


def part() -> Slice:
    """Return the part of a list that is asked for."""
    return Slice(cursor=text("cursor"))


def text(name: str) -> str | None:
    """Return a filter without the blanks around it, None when it is left empty.

    What no database keeps is replaced by U+FFFD, and so finds nothing.
    """
    return storable(request.args.get(name, "")).strip() or None


def one_of(name: str, values: Iterable[str]) -> str | None:
    """Return a filter that is one of these values, None when it is left empty. Raises ConfigError."""
    value, known = text(name), list(values)
    if value is not None and value not in known:
        raise ConfigError([f"{name}: {value[:100]} is none of {', '.join(known)}"])
    return value


def select(name: str, label: str, choices: Sequence[Choice]) -> Field:
    """Return a filter as a field, at what is asked for."""
    return Field(name=name, label=label, kind="select", value=text(name) or "", choices=choices)


def survey_field() -> Field:
    """Return the filter by survey."""
    names = [one.name for one in surveys(hub())]
    return select("survey", "Survey", [_ANY, *(Choice(value=name, label=name) for name in names)])


_ANY = Choice(value="", label="All surveys")
