"""Home: what customers say, and whether the hub is well."""

from __future__ import annotations

from typing import Any

from hub.admin.overview import overview
from hub.admin.scores import scores
from hub.web.backing import hub
from hub.web.console.forms import Choice, Field
from hub.web.console.frame import pages, show


@pages.get("/")
def home() -> Any:
    """What needs attention, then the surveys with their scores, then the hub's parts."""
    return show("home.html", overview=overview(hub()), scores={one.survey: one for one in scores(hub())})


@pages.get("/settings/components")
def components() -> Any:
    """Every component, for whoever adds a page."""
    return show("components.html", fields=_EXAMPLES)


_EXAMPLES = [
    Field(name="host", label="Host", is_required=True, help="Name or address of the mail server."),
    Field(name="port", label="Port", kind="number", value="x", problem="Write a whole number."),
    Field(name="min_delay_days", label="Wait", kind="number", value="3", unit="days"),
    Field(name="password", label="Password", kind="secret", placeholder="kept as it is"),
    Field(name="note", label="Note", kind="text area"),
    Field(name="role", label="Role", kind="select", choices=[Choice(value="viewer", label="Viewer")]),
    Field(name="enabled", label="Automation", kind="switch", value=True, help="Whether it asks anybody."),
    Field(
        name="sources",
        label="Sources",
        kind="choices",
        value=["app"],
        choices=[Choice(value="app", label="app"), Choice(value="site", label="site")],
    ),
]
