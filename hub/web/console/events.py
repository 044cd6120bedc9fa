"""Events: what comes in and what is decided on it, as it happens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response, request

from hub.admin import events as seen
from hub.admin.configuration.source_addresses import doors
from hub.admin.events import DECIDED, REASONS, Wanted
from hub.admin.refused_keys import refused_keys
from hub.config import ConfigError
from hub.domain.reasons import Outcome, Reason
from hub.web.backing import hub
from hub.web.console import moments, queries
from hub.web.console.forms import Choice
from hub.web.console.frame import is_part, pages, show

LONGEST_PAYLOAD = 100_000
"""Characters; of a longer one the beginning is shown."""
OUTCOMES: Mapping[str, str] = {
    DECIDED: "Decided by the surveys",
    Outcome.SCHEDULED: "Will be asked",
    Outcome.MERGED: "Waits to be asked already",
    Outcome.SKIPPED: "Not asked",
    Outcome.IGNORED: "Ignored",
    Outcome.REJECTED: "Rejected",
}


@pages.get("/events")
def events() -> Any:
    """Show the newest events; the first page follows what comes in, unless `live=no` is asked for."""
    wanted = _wanted()
    page = seen.events(hub(), wanted, queries.part())
    shown: dict[str, Any] = {"page": page, "senders": seen.senders(hub(), page.items), "copies": seen.copies(hub())}
    if is_part() and "first" in request.args:
        return Response(status=200 if page.items else 204, headers={"HX-Refresh": "true"} if page.items else {})
    if is_part():
        return show("event_rows.html", **shown)
    is_filtered = wanted != Wanted()
    can_follow = not request.args.get("cursor") and wanted.until is None
    return show(
        "events.html",
        **shown,
        is_filtered=is_filtered,
        can_follow=can_follow,
        follows=can_follow and request.args.get("live") != "no",
        doors=[] if page.items or is_filtered else doors(hub()),
        refused=refused_keys(hub()),
        outcome=queries.select("outcome", "What became of it", _OUTCOMES),
        reason=queries.select("reason", "Reason", _REASONS),
    )


@pages.get("/events/<string:event_id>")
def event(event_id: str) -> Any:
    """Show one event: as it came, what was decided, and who it is about."""
    one = seen.event_of(hub(), event_id)
    sender = seen.senders(hub(), [one]).get(one.person_id or "")
    payload = pretty(one.payload)
    return show(
        "event.html",
        one=one,
        sender=sender,
        payload=payload[:LONGEST_PAYLOAD],
        is_cut=len(payload) > LONGEST_PAYLOAD,
        outcomes=OUTCOMES,
    )


def pretty(payload: Any) -> str:
    """Return a payload as people read it, "" for one that was erased."""
    if payload is None:
        return ""
    if isinstance(payload, str):
        return _writable(payload)
    try:
        return _writable(json.dumps(payload, indent=2, ensure_ascii=False))
    except RecursionError:
        return "It is nested too deeply to be shown."


def _writable(text: str) -> str:
    """Return text with halves of surrogate pairs written out: a page cannot hold them."""
    return text.encode(errors="backslashreplace").decode()


def _wanted() -> Wanted:
    outcome = queries.one_of("outcome", REASONS)
    reason = queries.one_of("reason", [choice.value for choice in _REASONS if choice.value])
    since = moments.typed("since", queries.text("since") or "")
    until = moments.typed("until", queries.text("until") or "")
    wanted = Wanted(
        person=queries.text("person"),
        outcome=outcome,
        reason=Reason(reason) if reason else None,
        since=since,
        until=until,
    )
    if since and until and since >= until:
        raise ConfigError(["until: is not after since; no event could lie between"])
    return wanted


_OUTCOMES = [
    Choice(value="", label="Anything"),
    *(Choice(value=str(value), label=label) for value, label in OUTCOMES.items()),
]
_REASONS = [
    Choice(value="", label="Any"),
    *(Choice(value=str(reason), label=str(reason)) for reasons in REASONS.values() for reason in reasons if reason),
]
