"""What a connection did lately: a channel's attempts, a target's answers and runs, with the other side's words."""

from __future__ import annotations

from typing import Any

from hub.admin import connections as admin
from hub.admin import delivery_log
from hub.admin.paging import Slice
from hub.store.configuration import Role
from hub.web.backing import hub
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
    return show("target_log.html", seen=seen, page=page, runs=runs, badges=SYNCS)
