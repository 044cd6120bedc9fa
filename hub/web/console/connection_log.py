"""What a connection did lately: a channel's attempts, a target's answers and runs, with the other side's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin.configuration import connections as admin
from hub.admin.operations import delivery_log, syncs, undelivered
from hub.admin.paging import Page, Slice
from hub.admin.people.people import names_of
from hub.admin.responses import parked
from hub.admin.words import counted
from hub.store.configuration import Role
from hub.web import guard
from hub.web.backing import hub, wake
from hub.web.console import queries
from hub.web.console.frame import pages, show

_RUNS = Slice(limit=5)
ATTEMPTS = {
    "sent": ("good", "sent"),
    "not_sent": ("attention", "not sent"),
    "rejected": ("bad", "refused"),
    "unknown": ("unknown", "in doubt"),
    "delivered": ("good", "delivered"),
    "deferred": ("attention", "deferred"),
    "dropped": ("bad", "dropped"),
    "bounced": ("bad", "bounced"),
    "complained": ("bad", "called spam"),
    "unsubscribed": ("held", "unsubscribed"),
}
SYNCS = {
    "pending": ("", "waits"),
    "leased": ("", "on its way"),
    "done": ("good", "written"),
    "parked": ("bad", "refused"),
    "superseded": ("", "overtaken"),
}


@pages.get("/connections/channel/<name>/log")
def channel_log(name: str) -> Any:
    """What a channel did with mails, and what its provider reported of them, newest first."""
    seen = admin.connection_of(hub(), Role.CHANNEL, name)
    page = delivery_log.attempts(hub(), name, queries.part())
    return show("channel_log.html", seen=seen, page=page, badges=ATTEMPTS)


@pages.get("/connections/target/<name>/log")
def target_log(name: str) -> Any:
    """What a target was told or is to be told, newest answers first, and its last runs."""
    seen = admin.connection_of(hub(), Role.TARGET, name)
    page = delivery_log.syncs(hub(), name, queries.part())
    runs = delivery_log.sync_runs(hub(), name, _RUNS).items
    refused = parked.refused(hub()).get(name)
    return show("target_log.html", seen=seen, page=page, names=_names(page), runs=runs, badges=SYNCS, refused=refused)


@pages.post("/connections/target/<name>/sync")
@guard.needs("editor")
def sync_target(name: str) -> Any:
    """Have a target told at once of the answers that wait for it."""
    seen = admin.connection_of(hub(), Role.TARGET, name)
    syncs.start_now(hub(), target=seen.name)
    is_woken = wake("sync")
    flash(syncs.told(hub(), [seen.name], is_woken=is_woken), "message" if is_woken else "attention")
    return redirect(url_for("console.target_log", name=name), 303)


@pages.get("/connections/target/<name>/refused")
def target_refused(name: str) -> Any:
    """What a target refused for good, newest first."""
    seen = admin.connection_of(hub(), Role.TARGET, name)
    page = parked.parked(hub(), queries.part(), target=name)
    refused = parked.refused(hub()).get(name)
    return show("target_refused.html", seen=seen, page=page, names=_names(page), refused=refused)


@pages.post("/connections/target/<name>/retry")
@guard.needs("editor")
def retry_answers(name: str) -> Any:
    """Have the next sync try again what a target refused: all of it, or the answers that are named."""
    count = parked.retry(hub(), target=name, message_ids=request.form.getlist("message_id") or None)
    flash(f"The next sync tries again: {counted(count, 'answer')}.")
    return redirect(url_for("console.target_refused", name=name), 303)


NOTICES = {
    "answered": "A customer answered",
    "detractor": "A detractor answered",
    "bounced": "A mail bounced",
    "channel_paused": "A channel was paused",
    "brake": "The surge brake began to hold",
}
TOLD = {
    "pending": ("", "waits"),
    "leased": ("", "on its way"),
    "done": ("good", "delivered"),
    "parked": ("bad", "not delivered"),
}


@pages.get("/connections/listener/<name>/log")
def listener_log(name: str) -> Any:
    """What a listener was told or is to be told, the newest first."""
    seen = admin.connection_of(hub(), Role.LISTENER, name)
    page = delivery_log.notices(hub(), name, queries.part())
    untold = undelivered.untold(hub()).get(name, 0)
    return show(
        "listener_log.html", seen=seen, page=page, names=_names(page), badges=TOLD, kinds=NOTICES, untold=untold
    )


def _names(page: Page[Any]) -> Mapping[str, str]:
    """Return what to call the people whom entries are about."""
    return names_of(hub(), {one.person_id for one in page.items if one.person_id is not None})


@pages.post("/connections/listener/<name>/retry")
@guard.needs("editor")
def retry_notices(name: str) -> Any:
    """Have a listener told again what was set aside."""
    count = undelivered.retry(hub(), name)
    wake("notify")
    flash(f"{name} is told again: {counted(count, 'notice')}.")
    return redirect(url_for("console.listener_log", name=name), 303)
