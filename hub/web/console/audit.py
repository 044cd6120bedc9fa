"""The audit log: who changed what, and when."""

from __future__ import annotations

from typing import Any

from hub.admin import audit as admin
from hub.admin.audit import WORDS, Action, Wanted
from hub.web.backing import hub
from hub.web.console import moments, queries
from hub.web.console.forms import Choice
from hub.web.console.frame import pages, show

_ACTIONS = [
    Choice(value="", label="Anything"),
    *(Choice(value=str(one), label=f"{words[0].upper()}{words[1:]}") for one, words in WORDS.items()),
]


@pages.get("/settings/audit")
def audit() -> Any:
    """Show a page of the log, of one person or one kind of change where that is asked for."""
    action = queries.one_of("action", list(Action))
    wanted = Wanted(
        who=queries.text("who"),
        action=Action(action) if action else None,
        subject=queries.text("subject"),
        since=moments.typed("since", queries.text("since") or ""),
        until=moments.typed("until", queries.text("until") or ""),
    )
    return show(
        "settings_audit.html",
        page=admin.entries(hub(), wanted, queries.part()),
        words=WORDS,
        is_filtered=wanted != Wanted(),
        action=queries.select("action", "What", _ACTIONS),
    )
