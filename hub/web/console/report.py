"""The weekly report: who gets it and when, how the last one went, and one to look at right now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin.configuration import weekly
from hub.admin.reporting import weekly_sending
from hub.admin.trouble import NotThere
from hub.config import ConfigError
from hub.store.configuration import Role
from hub.web import guard
from hub.web.backing import hub
from hub.web.console import forms
from hub.web.console.connection import Trial, own_address, trial_of_mail
from hub.web.console.forms import Choice, Field
from hub.web.console.frame import pages, show

STATES = {
    "pending": ("", "waits"),
    "sending": ("", "on its way"),
    "sent": ("good", "sent"),
    "rejected": ("bad", "refused"),
    "unknown": ("unknown", "in doubt"),
    weekly.GIVEN_UP: ("bad", "given up"),
}


@pages.get("/settings/report")
def report() -> Any:
    """Show how the weekly report is set."""
    return _page(weekly.report_settings(hub()).settings, {})


@pages.post("/settings/report")
@guard.needs("admin")
def save_report() -> Any:
    """Set the weekly report."""
    table = forms.read([weekly.ReportSchema()], request.form, is_new=True)
    try:
        weekly.put(hub(), table)
    except ConfigError as error:
        problems, others = forms.by_field(error.problems, "report", weekly.ReportSchema().fields)
        return _page(table, problems, others=others, status=422)
    flash("Saved.")
    return redirect(url_for("console.report"), 303)


@pages.post("/settings/report/now")
@guard.needs("admin")
def send_report() -> Any:
    """Send one report to one address."""
    settings = weekly.report_settings(hub()).settings
    to = request.form.get("to", "").strip()
    try:
        sent = weekly_sending.send_now(hub(), to, settings["channel"])
    except NotThere:
        gone = settings["channel"]
        wrong = f"The channel {gone} is out of use; choose another above." if gone else "Choose a channel above first."
        return _page(settings, {"to": wrong}, to=to, status=422)
    except ConfigError:
        wrong = "This is no address that can be mailed."
        return _page(settings, {"to": wrong}, to=to, status=422)
    return _page(settings, {}, to=to, trial=trial_of_mail(sent))


def _page(
    values: Mapping[str, Any],
    problems: Mapping[str, str],
    *,
    others: list[str] | None = None,
    to: str | None = None,
    trial: Trial | None = None,
    status: int = 200,
) -> Any:
    fields = forms.fields_of(weekly.ReportSchema(), values, problems, is_new=False)
    channels = [one.stored.name for one in hub().registry.current().live(Role.CHANNEL)]
    chosen = str(values.get("channel", ""))
    choices = [Choice(value="", label="(choose)"), *(Choice(value=name, label=name) for name in channels)]
    choices += [Choice(value=chosen, label=f"{chosen} (out of use)")] if chosen and chosen not in channels else []
    address = Field(
        name="to",
        label="Send one now to",
        value=own_address() if to is None else to,
        is_required=True,
        problem=problems.get("to", ""),
        placeholder="you@example.com",
        help="By the channel as it is saved. It changes nothing about the weekly ones.",
        attributes={"inputmode": "email"},
    )
    return show(
        "settings_report.html",
        status,
        fields=[forms.with_choices(one, choices) if one.name == "channel" else one for one in fields],
        others=others or [],
        to=address,
        trial=trial,
        seen=weekly.report_settings(hub()),
        states=STATES,
    )
