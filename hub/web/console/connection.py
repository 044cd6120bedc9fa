"""One connection: its form, out of its plugin's schema; how it does, and what to paste where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import flash, g, redirect, request, url_for

from hub.admin.configuration import connections as admin
from hub.admin.configuration.connections import SeenConnection
from hub.admin.configuration.credentials import made_secrets, reveal
from hub.admin.configuration.edits import changes_of, told
from hub.admin.configuration.kinds import Kind, kind_of
from hub.admin.configuration.planning import Plan
from hub.admin.configuration.schemas import OPTIONS
from hub.admin.configuration.uses import uses
from hub.admin.operations import channels as channels_admin
from hub.admin.operations import trials
from hub.admin.operations.undelivered import untold
from hub.admin.responses.parked import refused
from hub.admin.trouble import Conflict
from hub.config import ConfigError
from hub.mail.addresses import check_address
from hub.store.configuration import Role
from hub.web import guard
from hub.web.backing import hub
from hub.web.console.connection_form import (
    Form,
    Problems,
    form_of,
    free_name,
    problems_of,
    problems_of_new,
    read_table,
    renewed_secrets,
)
from hub.web.console.connections import BADGES, ONE
from hub.web.console.forms import Field
from hub.web.console.frame import pages, show
from hub.web.console.inputs import options_of

_NEW = "/connections/new/<any(source, channel, target, listener):role>/<kind>"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of a check or a test mail; `words` are the provider's."""

    tone: str
    sentence: str
    words: str = ""
    provider_id: str = ""
    dialogue: Sequence[str] = ()


_SEEN_BY = dict.fromkeys(Role, "Surveys refer to it") | {Role.LISTENER: "These pages and the log call it so"}
_AT_FIRST = dict.fromkeys(Role, "No survey uses it yet") | {Role.LISTENER: "It is told what happens from now on"}
_TONES = {"sent": "good", "not_sent": "bad", "rejected": "bad", "unknown": "unknown"}


@pages.get(_NEW)
@guard.needs("admin")
def new_connection_of_kind(role: str, kind: str) -> Any:
    """The form of a kind, for a new connection."""
    offered = kind_of(hub(), Role(role), kind)
    return _new_page(offered, free_name(offered), {}, Problems())


@pages.post(_NEW)
@guard.needs("admin")
def make_connection(role: str, kind: str) -> Any:
    """Make a connection, or check what it would be."""
    offered = kind_of(hub(), Role(role), kind)
    name = request.form.get("name", "").strip()
    table = read_table(offered, None)
    problems = problems_of_new(offered, name, table)
    if problems is not None:
        return _new_page(offered, name, table, problems, status=422)
    if _is_check():
        try:
            checked = trials.check_edited(hub(), offered.role, name, table)
        except ConfigError as error:
            return _new_page(offered, name, table, problems_of(error, offered, name), status=422)
        return _new_page(offered, name, table, Problems(), trial=_trial_of(checked))
    made = admin.put(hub(), offered.role, name, table)
    is_back = any("back in use" in line for line in made.lines)
    flash(f"{name} is there{' again, with the secrets it had' if is_back else ''}. {_AT_FIRST[offered.role]}.")
    return _after(made, offered.role, name, has_new_secrets=bool(made.generated))


@pages.get(ONE)
def connection(role: str, name: str) -> Any:
    """How a connection does, who uses it, what to paste where, and its settings."""
    seen = admin.connection_of(hub(), Role(role), name)
    return _page(seen, seen.settings, Problems())


@pages.post(ONE)
@guard.needs("admin")
def save_connection(role: str, name: str) -> Any:
    """Save a connection's settings, or check them as they were edited."""
    seen = admin.connection_of(hub(), Role(role), name)
    offered = kind_of(hub(), seen.role, seen.kind)
    table = read_table(offered, seen.settings)
    if _is_check():
        return _checked(seen, offered, table)
    renewed = renewed_secrets(offered)
    try:
        made = admin.save(hub(), seen.role, name, {**table, **renewed}, since=request.form.get("since"))
    except Conflict:
        return _overtaken(seen.role, name, table)
    except ConfigError as error:
        return _page(seen, table, problems_of(error, offered, name), status=422)
    flash(f"Saved. {'; '.join(told(made))}." if made.lines else "Nothing was different.")
    return _after(made, seen.role, name, has_new_secrets=bool(renewed or made.generated))


@pages.post("/connections/channel/<name>/test")
@guard.needs("admin")
def send_test_mail(name: str) -> Any:
    """Send a test mail by a channel as it is stored."""
    seen = admin.connection_of(hub(), Role.CHANNEL, name)
    to = request.form.get("to", "").strip()
    wrong = wrong_with(to)
    if wrong:
        return _page(seen, seen.settings, Problems(to=wrong), status=422, to=to)
    sent = trials.send_test(hub(), name, to)
    return _page(seen, seen.settings, Problems(), trial=trial_of_mail(sent), to=to)


@pages.post("/connections/listener/<name>/test")
@guard.needs("admin")
def send_test_notice(name: str) -> Any:
    """Send a listener, as it is stored, a test notice."""
    seen = admin.connection_of(hub(), Role.LISTENER, name)
    return _page(seen, seen.settings, Problems(), trial=_trial_of(trials.send_test_notice(hub(), name)))


def _is_check() -> bool:
    return request.form.get("do") == "check"


def _overtaken(role: Role, name: str, table: Mapping[str, Any]) -> Any:
    """Return the page with what was typed, and what saving it now would change."""
    seen = admin.connection_of(hub(), role, name)
    changes = changes_of(hub(), {role.plural: {name: table}})
    return _page(seen, table, Problems(), status=409, overtaken=changes)


def _checked(seen: SeenConnection, offered: Kind, table: Mapping[str, Any]) -> Any:
    try:
        checked = trials.check_edited(hub(), seen.role, seen.name, table)
    except ConfigError as error:
        return _page(seen, table, problems_of(error, offered, seen.name), status=422)
    return _page(seen, table, Problems(), trial=_trial_of(checked))


def wrong_with(to: str) -> str:
    """Return what is wrong with the address that a test mail is to go to, "" when nothing is."""
    why_not = trials.why_not_to(hub(), to) if to else ""
    return f"This {why_not}." if why_not else "" if to else "Write an address that you read."


def own_address() -> str:
    """Return the address of who looks at the page, "" where their name is none."""
    return g.account.name if check_address(g.account.name) else ""


def trial_of_mail(sent: trials.TestMail) -> Trial:
    """Return what came of a test mail."""
    return Trial(
        tone=_TONES[sent.outcome],
        sentence=sent.sentence,
        words=sent.words,
        provider_id=sent.provider_id or "",
        dialogue=sent.dialogue,
    )


def _trial_of(checked: trials.Checked) -> Trial:
    return Trial(tone="good" if checked.ok else "bad", sentence=checked.sentence, dialogue=checked.dialogue)


def _after(made: Plan, role: Role, name: str, *, has_new_secrets: bool) -> Any:
    for warning in made.warnings:
        flash(warning, "attention")
    keys = "shown" if has_new_secrets else None
    return redirect(url_for("console.connection", role=role, name=name, keys=keys), 303)


def _new_page(
    offered: Kind,
    name: str,
    values: Mapping[str, Any],
    problems: Problems,
    *,
    status: int = 200,
    trial: Trial | None = None,
) -> Any:
    named = Field(
        name="name",
        label="Name",
        value=name,
        is_required=True,
        help=f"Lower-case letters, digits, - and _. {_SEEN_BY[offered.role]}; your customers never see it.",
        problem=problems.name,
    )
    form = form_of(offered, values, problems, is_new=True)
    return show(
        "connection_make.html", status, kind=offered, named=named, form=form, others=problems.others, trial=trial
    )


def _page(
    seen: SeenConnection,
    values: Mapping[str, Any],
    problems: Problems,
    *,
    status: int = 200,
    trial: Trial | None = None,
    to: str = "",
    overtaken: Sequence[str] | None = None,
) -> Any:
    offered: Kind | None = None
    form: Form | None = None
    others = [*problems.others]
    try:
        offered = kind_of(hub(), seen.role, seen.kind)
        form = form_of(offered, values, problems, is_new=False)
    except ConfigError as error:
        others += error.problems
    return show(
        "connection.html",
        status,
        seen=seen,
        kind=offered,
        form=form,
        others=others,
        since=seen.mark if overtaken is not None else request.form.get("since", seen.mark),
        overtaken=overtaken,
        trial=trial,
        to=_test_address(seen, to, problems.to),
        uses=uses(hub().registry.current(), seen.id),
        badges=BADGES,
        untold=untold(hub()).get(seen.name, 0) if seen.role is Role.LISTENER else 0,
        refused=refused(hub()).get(seen.name) if seen.role is Role.TARGET else None,
        hears_of=_hears_of(seen),
        reports_path=_reports_path(seen),
        made=made_secrets(hub(), seen.role, seen.name),
        keys=_keys(seen),
        base_url=hub().settings.base_url,
        is_local=hub().settings.is_local,
    )


def _hears_of(seen: SeenConnection) -> Sequence[str]:
    """Return what a listener hears of, in words; of other connections nothing."""
    if seen.role is not Role.LISTENER:
        return ()
    options = OPTIONS[seen.role]()
    chosen = seen.settings.get("events", options.load({})["events"])
    return [label for value, label in options_of(options.fields["events"]).items() if value in chosen]


def _test_address(seen: SeenConnection, to: str, problem: str) -> Field | None:
    """Return the field of a test mail's address; only a channel has one."""
    if seen.role is not Role.CHANNEL:
        return None
    return Field(
        name="to",
        label="Send a test mail to",
        value=to or ("" if problem else own_address()),
        is_required=True,
        problem=problem,
        placeholder="you@example.com",
        help="By the settings as they are saved. It belongs to no survey, and nothing is counted.",
        attributes={"inputmode": "email"},
    )


def _reports_path(seen: SeenConnection) -> str | None:
    """Return where a channel's provider sends its reports."""
    if seen.role is not Role.CHANNEL:
        return None
    return next((one.reports_path for one in channels_admin.channels(hub()) if one.id == seen.id), None)


def _keys(seen: SeenConnection) -> Mapping[str, str]:
    """Return the secrets of the hub's making, for those who may see them and want to."""
    if not (guard.may("admin") and request.args.get("keys") == "shown"):
        return {}
    return reveal(hub(), seen.role, seen.name)
