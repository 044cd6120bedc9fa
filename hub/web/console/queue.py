"""Queue: what will be sent when, what is held, what nobody can know; and what a person does about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from flask import flash, redirect, request, url_for

from hub.admin.counts import Count
from hub.admin.mails import forecast, invitations
from hub.admin.mails import queue as queueing
from hub.admin.mails.forecast import Standing
from hub.admin.mails.invitations import FROM, Action, SeenInvitation, Wanted
from hub.admin.mails.reminders_ahead import reminders_ahead
from hub.admin.operations.restore import held
from hub.admin.paging import Page
from hub.admin.people.people import names_of
from hub.admin.trouble import Conflict
from hub.admin.words import counted
from hub.config import ConfigError
from hub.domain.states import State
from hub.domain.world import BRAKE_FACTOR, BRAKE_MINIMUM
from hub.web import guard
from hub.web.backing import hub, wake
from hub.web.console import queries
from hub.web.console.forms import Choice
from hub.web.console.frame import pages, show

WORDS: Mapping[Action, str] = {
    Action.HOLD: "Hold",
    Action.RELEASE: "Release",
    Action.SEND_NOW: "Send now",
    Action.CANCEL: "Cancel",
    Action.ARRIVED: "It arrived",
    Action.NEVER_LEFT: "It did not",
}
"""What the button says."""
_DONE: Mapping[Action, str] = {
    Action.HOLD: "The mail to {} is held until you release or cancel it.",
    Action.RELEASE: "The mail to {} is released: it leaves as soon as it was checked once more.",
    Action.SEND_NOW: "The mail to {} is due now, whatever the hour: it leaves as soon as it was checked once more.",
    Action.CANCEL: "The mail to {} is cancelled.",
    Action.ARRIVED: "Noted: the mail to {} arrived. It counts as sent.",
    Action.NEVER_LEFT: "Noted: the mail to {} never left. It does not count as sent.",
}


@pages.get("/queue")
def queue() -> Any:
    """Show the two weeks ahead, what is held, and a page of invitations."""
    survey, state = queries.text("survey"), queries.one_of("state", State)
    page = _listed(survey, State(state) if state else None)
    outlook, brakes = forecast.outlook(hub(), survey), forecast.brakes(hub())
    braked = {one.survey for one in brakes}
    return show(
        "queue.html",
        outlook=outlook,
        doubted=_number(outlook.standing, State.UNKNOWN),
        held=_number([one for one in outlook.standing if one.survey not in braked], State.HELD),
        reminders=reminders_ahead(hub(), timedelta(days=forecast.DAYS), survey),
        brakes=brakes,
        surge=(BRAKE_MINIMUM, BRAKE_FACTOR),
        standstill=held(hub()),
        page=page,
        actions=_actions,
        filters=[queries.survey_field(), queries.select("state", "State", _CHOICES)],
        is_filtered=bool(survey or state),
    )


@pages.get("/queue/<string:invitation_id>")
def invitation(invitation_id: str) -> Any:
    """Show one invitation with its attempts."""
    seen = invitations.invitation_of(hub(), invitation_id)
    name = names_of(hub(), [seen.person_id]).get(seen.person_id, seen.email)
    return show("invitation.html", one=seen, person=name, actions=_actions)


@pages.post("/queue/<string:invitation_id>/<any(hold, release, cancel, 'send-now', arrived, 'never-left'):action>")
@guard.needs("editor")
def act(invitation_id: str, action: str) -> Any:
    """Do something with an invitation, and go back to where that was asked for."""
    wanted = Action(action)
    try:
        seen = invitations.act(hub(), invitation_id, wanted, revision=request.form.get("revision", type=int))
    except ConfigError as error:
        flash(f"{error.problems[0]}.", "attention")
    else:
        flash(_DONE[wanted].format(seen.email))
        if wanted in (Action.RELEASE, Action.SEND_NOW):
            wake("deliver")
    if request.form.get("from") == "invitation":
        return redirect(url_for("console.invitation", invitation_id=invitation_id), 303)
    return _to_list()


@pages.post("/queue/held/<string:survey>/release")
@guard.needs("editor")
def release_held(survey: str) -> Any:
    """Make what was seen to be held of a survey due now."""
    try:
        count = queueing.release(hub(), survey, **_seen())
    except Conflict as conflict:
        return _look_again(conflict)
    wake("deliver")
    flash(f"Released {counted(count, 'survey')}: they leave as fast as your channels allow.")
    return _to_list()


@pages.get("/queue/held/<string:survey>/cancel")
@guard.needs("editor")
def cancelling_held(survey: str) -> Any:
    """Ask whether what is held of a survey is to be cancelled."""
    return _cancelling(survey)


@pages.post("/queue/held/<string:survey>/cancel")
@guard.needs("editor")
def cancel_held(survey: str) -> Any:
    """Cancel what was seen to be held of a survey, once its name was typed."""
    if request.form.get("confirm", "").strip() != survey:
        return _cancelling(survey, problem=f"Type {survey}, the name of the survey.", status=422)
    try:
        count = queueing.cancel(hub(), survey, **_seen())
    except Conflict as conflict:
        return _look_again(conflict)
    flash(f"Cancelled {counted(count, 'survey')}: none of them is sent.")
    return _to_list()


def _seen() -> dict[str, Any]:
    """Return which of the held ones somebody saw when they pressed the button."""
    return {"up_to": queries.text("up_to"), "at_most": request.args.get("at_most", type=int)}


def _look_again(conflict: Conflict) -> Any:
    flash(f"{conflict.problems[0]}.", "attention")
    return _to_list()


def _cancelling(survey: str, *, problem: str = "", status: int = 200) -> Any:
    brake = next((one for one in forecast.brakes(hub()) if one.survey == survey), None)
    if brake is None:
        flash(f"Nothing of {survey} is held by the surge brake any more.", "attention")
        return _to_list()
    return show("queue_cancel.html", status, brake=brake, problem=problem)


def _listed(survey: str | None, state: State | None) -> Page[SeenInvitation]:
    if state is None:
        return invitations.next_to_leave(hub(), queries.part(), survey=survey)
    return invitations.invitations(hub(), Wanted(survey=survey, state=state), queries.part())


def _number(standing: Iterable[Standing], state: State) -> Count:
    return sum((one.counts[state] for one in standing), Count(number=0))


def _actions(one: SeenInvitation) -> list[tuple[Action, str]]:
    """Return what can be done with an invitation, and what the button says. What is held is released, not sent now."""
    doubled = {Action.SEND_NOW} if one.state is State.HELD else set()
    return [(action, words) for action, words in WORDS.items() if one.state in FROM[action] and action not in doubled]


def _to_list() -> Any:
    """Return to the list as it was."""
    asked = {name: request.args.get(name) for name in ("survey", "state", "cursor")}
    return redirect(url_for("console.queue", _external=False, **asked), 303)


_CHOICES = [
    Choice(value="", label="Waiting to leave"),
    *(Choice(value=state, label=state.capitalize()) for state in State),
]
