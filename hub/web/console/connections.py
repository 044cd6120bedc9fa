"""Connections: how they do, by role, and which surveys use them; taken out of use and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin.configuration import connections as admin
from hub.admin.configuration import weekly
from hub.admin.configuration.connections import Health, SeenConnection
from hub.admin.configuration.kinds import broken_plugins, kinds
from hub.admin.configuration.uses import Use, uses
from hub.admin.operations.undelivered import untold
from hub.admin.responses.parked import refused
from hub.store.configuration import Role
from hub.web import guard
from hub.web.backing import hub, wake
from hub.web.console.frame import pages, show

ONE = "/connections/<any(source, channel, target, listener):role>/<name>"
WHAT = {
    Role.SOURCE: "Where your customers' events come from.",
    Role.CHANNEL: "How survey mails go out.",
    Role.TARGET: "Where answers are written.",
    Role.LISTENER: "Who is told at once what happens.",
}
BADGES = {
    Health.WORKING: ("good", "no trouble"),
    Health.PAUSED: ("held", "paused"),
    Health.ON_TRIAL: ("attention", "on trial"),
    Health.BROKEN: ("bad", "broken"),
}
_TROUBLED = (Health.PAUSED, Health.BROKEN)


@dataclass(frozen=True, kw_only=True)
class _Row:
    seen: SeenConnection
    uses: Sequence[Use]


@pages.get("/connections")
def connections() -> Any:
    """All connections by role; before them what is in trouble, and what can be done about it."""
    configuration = hub().registry.current()
    rows = [_Row(seen=one, uses=uses(configuration, one.id)) for one in admin.connections(hub())]
    return show(
        "connections.html",
        groups=[(role, WHAT[role], [row for row in rows if row.seen.role is role]) for role in Role],
        troubled=[row.seen for row in rows if row.seen.state in _TROUBLED],
        badges=BADGES,
        broken_plugins=broken_plugins(hub()),
        untold=untold(hub()),
        refused=refused(hub()),
    )


@pages.get("/connections/new")
def new_connection() -> Any:
    """Every kind of every installed plugin, to choose from."""
    offered = kinds(hub())
    groups = [(role, WHAT[role], [one for one in offered if one.role is role]) for role in Role]
    return show("connection_new.html", groups=groups, broken_plugins=broken_plugins(hub()))


@pages.post(f"{ONE}/resume")
@guard.needs("editor")
def resume_connection(role: str, name: str) -> Any:
    """Use a paused connection again at once."""
    was_paused = admin.resume(hub(), Role(role), name)
    wake(admin.WORK_OF[Role(role)])
    flash(f"{name} is tried again now." if was_paused else f"{name} was not paused.")
    return redirect(url_for("console.connection", role=role, name=name), 303)


@pages.get(f"{ONE}/retire")
@guard.needs("admin")
def retire_connection(role: str, name: str) -> Any:
    """Ask whether a connection is to be taken out of use."""
    return _retire_page(admin.connection_of(hub(), Role(role), name))


@pages.post(f"{ONE}/retire")
@guard.needs("admin")
def retire_connection_now(role: str, name: str) -> Any:
    """Take a connection out of use."""
    seen = admin.connection_of(hub(), Role(role), name)
    if request.form.get("confirm", "").strip() != name:
        return _retire_page(seen, f"Type {name}, the name of the {role}.", status=422)
    admin.retire(hub(), seen.role, name)
    flash(f"{name} is out of use.")
    return redirect(url_for("console.connections"), 303)


def _retire_page(seen: SeenConnection, problem: str = "", status: int = 200) -> Any:
    used = uses(hub().registry.current(), seen.id)
    is_of_report = seen.role is Role.CHANNEL and weekly.uses_channel(hub(), seen.name)
    return show("connection_retire.html", status, seen=seen, uses=used, is_of_report=is_of_report, problem=problem)
